"""What cannot be folded stays with its reason; what cannot be traced is one sentence."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from bnfold.errors import SourceError, UsageError
from bnfold.fx import fold_module, module_difference
from tests.fx.nets import batch_norms, folded, kept, normal, seeded

X = normal(2, 3, 6, 6)


def behind_conv(*layers):
    return seeded(nn.Sequential(nn.Conv2d(3, 3, 1), *layers))


def test_without_running_statistics():
    module = behind_conv(nn.BatchNorm2d(3, track_running_stats=False))
    result, plan = fold_module(module, (X,))
    assert kept(plan) == {"1": "training_mode"}
    assert module_difference(module, result, (X,)) == 0


def test_a_function_in_training_mode():
    class Trains(nn.Module):
        def forward(self, x):
            return F.batch_norm(x.relu(), None, None, training=True)

    _, plan = fold_module(Trains(), (X,))
    assert kept(plan) == {"BatchNormalization": "training_mode"}


def test_statistics_that_are_not_finite():
    module = behind_conv(nn.BatchNorm2d(3))
    module[1].running_var[1] = -1
    _, plan = fold_module(module, (X,))
    assert kept(plan) == {"1": "nonfinite"}


def test_parameters_that_are_computed():
    class Computed(nn.Module):
        def forward(self, x):
            return F.batch_norm(x, x.mean((0, 2, 3)), x.exp().mean((0, 2, 3)))

    _, plan = fold_module(Computed(), (X,))
    assert kept(plan) == {"BatchNormalization": "not_constant"}


def test_hooks_make_a_module_opaque():
    module = behind_conv(nn.BatchNorm2d(3), nn.Conv2d(3, 3, 1))
    module[0].register_forward_hook(lambda part, args, output: output.abs())
    module[2].register_forward_pre_hook(lambda part, args: (args[0].abs(),))
    _, plan = folded(module, X)
    assert set(kept(plan)) == {"1"}


def test_subclasses_and_parametrizations_are_no_plain_layers():
    class Rectified(nn.Conv2d):
        def forward(self, x):
            return super().forward(x).abs()

    module = seeded(nn.Sequential(Rectified(3, 3, 1), nn.BatchNorm2d(3), nn.Sigmoid()))
    assert set(kept(folded(module, X)[1])) == {"1"}
    module = behind_conv(nn.BatchNorm2d(3))
    nn.utils.parametrizations.weight_norm(module[0])
    folded(module, X)


def test_inputs_without_a_batch():
    module = behind_conv(nn.BatchNorm2d(3), nn.Conv2d(3, 2, 1), nn.Flatten(0))
    _, plan = fold_module(nn.Sequential(module[0], nn.ReLU(), module[2]), (X[0],))
    assert plan.decisions == ()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_rounded_once(dtype):
    module = behind_conv(nn.BatchNorm2d(3)).to(dtype)
    result, plan = fold_module(module, (X.to(dtype),))
    exact, _ = fold_module(module, (X.to(dtype),), exact=True)
    assert plan.removed == ("1",)
    stored, wanted = result.state_dict(), exact.state_dict()
    for name, value in stored.items():
        assert value.dtype is dtype
        ulp = torch.finfo(dtype).eps * 2.0 ** wanted[name].abs().log2().floor()
        assert ((value.double() - wanted[name]).abs() <= ulp / 2).all()


def test_what_leaves_the_range_stays():
    module = behind_conv(nn.BatchNorm2d(3), nn.Conv2d(3, 2, 1), nn.BatchNorm2d(2)).half()
    with torch.no_grad():
        module[0].weight.fill_(1000)
        module[1].weight.fill_(60)
        module[1].running_var.fill_(0.01)
    result, plan = fold_module(module, (X.half() * 1e-4,))
    assert kept(plan) == {"1": "range"}
    assert batch_norms(result) == 1


def test_control_flow_on_values_is_named():
    class Branch(nn.Module):
        def forward(self, x):
            return x if x.sum() > 0 else -x

    with pytest.raises(SourceError, match=r"cannot trace Sequential\.1\.0 .*control flow.*ONNX"):
        fold_module(nn.Sequential(nn.Conv2d(3, 3, 1), nn.Sequential(Branch())), (X,))


def test_control_flow_on_defaults_is_settled():
    class Optional(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.bn = nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3)

        def forward(self, x, skip=False, mask=None):
            x = self.conv(x)
            if skip or mask is not None:
                return x
            return self.bn(x)

    _, plan = folded(seeded(Optional()), X)
    assert plan.removed == ("bn",)


def test_a_trace_that_loses_something_is_refused():
    module = behind_conv(nn.BatchNorm2d(3))
    module.register_forward_hook(lambda part, args, output: output + 1)
    with pytest.raises(SourceError, match="does not compute"):
        fold_module(module, (X,))


def test_inputs_that_do_not_fit():
    with pytest.raises(UsageError, match="does not take"):
        fold_module(behind_conv(), (X[:, :2],))
    with pytest.raises(SourceError, match=r"no nn\.Module"):
        fold_module(lambda x: x, (X,))


def test_a_module_for_one_batch_size_is_folded_for_that():
    class Fixed(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.bn = nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3)

        def forward(self, x):
            return self.bn(self.conv(x)).view(2, 108)

    module = seeded(Fixed())
    exact, plan = fold_module(module, (X,), exact=True)
    assert plan.removed == ("bn",)
    assert module_difference(module, exact, (X,)) < 1e-10


def test_several_inputs_and_outputs():
    class Nest(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.bn = nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3)

        def forward(self, x, factor):
            y = self.bn(self.conv(x))
            places = torch.topk(y.flatten(1), 2)
            return {"y": [y, places.values], "scaled": y * factor, "size": y.shape[2], "parts": y.chunk(3, 1)}

    result, plan = folded(seeded(Nest()), X, normal(2, 1, 1, 1))
    assert plan.removed == ("bn",)
    assert result(X, normal(2, 1, 1, 1))["size"] == 6
