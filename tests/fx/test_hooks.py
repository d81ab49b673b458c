"""Hooks become part of the graph, and weights that are computed in eval mode count as the constants they are."""

import pickle

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations, prune, spectral_norm, weight_norm

from bnfold.errors import SourceError
from bnfold.fx import fold_module, module_difference
from tests.fx.nets import folded, kept, normal, seeded

X = normal(2, 3, 6, 6)


def net() -> nn.Sequential:
    return seeded(nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 2, 1)))


def test_a_hook_that_only_looks_stops_nothing():
    module, seen = net(), []
    module[1].register_forward_hook(lambda part, args, output: seen.append(output))
    result, plan = folded(module, X)
    assert plan.removed == ("1",)
    seen.clear()
    result(X)
    assert seen == []


CHANGES = {
    "after": lambda part: part.register_forward_hook(lambda part, args, output: output * 2),
    "before": lambda part: part.register_forward_pre_hook(lambda part, args: (args[0] * 2,)),
    "with keywords": lambda part: part.register_forward_hook(
        lambda part, args, kwargs, output: output + 1, with_kwargs=True
    ),
}


@pytest.mark.parametrize("place", [0, 1, 2, 3])
@pytest.mark.parametrize("change", CHANGES)
def test_what_a_hook_changes_is_folded_along(change, place):
    module = net()
    CHANGES[change](module[place])
    _, plan = folded(module, X)
    assert "1" in plan.removed
    assert kept(plan).keys() <= {"Add"}


def test_a_hook_that_looks_at_values_is_refused():
    module = net()
    module[1].register_forward_hook(lambda part, args, output: output if output.mean() > 0 else -output)
    with pytest.raises(SourceError, match=r"cannot trace Sequential\.1 .*values of a tensor"):
        fold_module(module, (X,))


def pruned(layer):
    prune.l1_unstructured(layer, "weight", 0.3)
    return layer


def twice_pruned(layer):
    return pruned(pruned(layer))


COMPUTED = {
    "parametrizations.weight_norm": parametrizations.weight_norm,
    "parametrizations.spectral_norm": parametrizations.spectral_norm,
    "parametrizations.orthogonal": parametrizations.orthogonal,
    "spectral_norm": spectral_norm,
    "pruned": pruned,
    "pruned twice": twice_pruned,
}


@pytest.mark.filterwarnings("ignore:.*spectral_norm.*is deprecated")
@pytest.mark.parametrize("name", COMPUTED)
def test_a_computed_weight_is_folded_exactly(name):
    module = net()
    with torch.random.fork_rng():
        torch.manual_seed(0)
        COMPUTED[name](module[0])
    module.eval()
    wanted = module(X)
    result, _ = fold_module(module, (X,))
    exact, plan = fold_module(module, (X,), exact=True)
    assert plan.removed == ("1",)
    assert module_difference(module, exact, (X,)) < 1e-10
    torch.testing.assert_close(result(X), wanted, rtol=0, atol=2e-6 * wanted.abs().max().item())
    assert torch.equal(module(X), wanted)
    assert set(result.state_dict()) == {"0.weight", "0.bias", "3.weight", "3.bias"}
    assert module_difference(result, pickle.loads(pickle.dumps(result)), (X,)) == 0


@pytest.mark.filterwarnings("ignore:.*weight_norm.*is deprecated")
def test_the_older_weight_norm_whose_weight_cannot_be_copied():
    module = net()
    weight_norm(module[0])
    module(X)
    exact, plan = fold_module(module.eval(), (X,), exact=True)
    assert plan.removed == ("1",)
    assert module_difference(module, exact, (X,)) < 1e-10
