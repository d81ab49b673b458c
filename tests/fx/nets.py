"""Small modules with random parameters, and what every fold of one must satisfy."""

import copy

import torch
from torch import nn

from bnfold.fx import fold_module, module_difference
from bnfold.plan import Plan

BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm)


def seeded(module: nn.Module, seed: int = 0, *, signs: bool = False) -> nn.Module:
    """The module with random parameters and statistics; gammas are positive unless `signs` is set."""
    draw = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, value in (*module.named_parameters(), *module.named_buffers()):
            if value.is_floating_point():
                spread = value.shape[1:].numel() ** -0.5 if value.ndim > 1 else 0.3
                value.copy_(torch.randn(value.shape, generator=draw, dtype=torch.float64) * spread)
            if name.endswith("running_var"):
                value.copy_(torch.rand(value.shape, generator=draw, dtype=torch.float64) + 0.5)
        for part in module.modules():
            if isinstance(part, BATCH_NORMS) and part.affine:
                gamma = torch.rand(part.weight.shape, generator=draw, dtype=torch.float64) + 0.5
                part.weight.copy_(gamma * (2 * torch.randint(2, gamma.shape, generator=draw) - 1 if signs else 1))
    return module.eval()


def normal(*shape: int, seed: int = 1) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def folded(module: nn.Module, *inputs: torch.Tensor) -> tuple[nn.Module, Plan]:
    """Fold, and check what holds for every fold: equal, exact in float64, for other batches too, module untouched."""
    state, attributes = copy.deepcopy(module.state_dict()), set(vars(module))
    modes = [part.training for part in module.modules()]
    result, plan = fold_module(module, inputs)
    exact, again = fold_module(module, inputs, exact=True)
    assert again.removed == plan.removed
    for batch in (inputs, tuple(torch.cat([x, -x, x * 3]) for x in inputs)):
        assert module_difference(module, exact, batch) < 1e-10
        assert module_difference(module, result, batch) < 2e-5
        with torch.no_grad():
            result(*batch)
    assert not any(part.training for part in result.modules())
    assert modes == [part.training for part in module.modules()]
    assert set(vars(module)) == attributes
    assert state.keys() == module.state_dict().keys()
    assert all(torch.equal(value, module.state_dict()[name]) for name, value in state.items())
    return result, plan


def batch_norms(module: nn.Module) -> int:
    return sum(isinstance(part, BATCH_NORMS) for part in module.modules())


def kept(plan: Plan) -> dict[str, str]:
    """Code of the reason by name of the operator that stays."""
    return {d.node: d.reason.code.value for d in plan.decisions if d.reason is not None}
