"""Fold an `nn.Module`, and measure how far the result is from it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import fx, nn

from bnfold.fx.layout import round_trips, without
from bnfold.fx.lift import lift, lift_like
from bnfold.fx.lower import lower
from bnfold.fx.memory import remember
from bnfold.fx.merge import merge_layers
from bnfold.fx.trace import in_eval_mode, tensors
from bnfold.fx.tracer import mapped
from bnfold.fx.wide import Wide
from bnfold.in_range import merge_in_range, solve_in_range
from bnfold.merge.stage import kept_apart, with_merges
from bnfold.objective import Objective
from bnfold.plan import Plan


def fold_module(
    module: nn.Module,
    example_inputs: Sequence[Any],
    *,
    merge: bool = False,
    objective: Objective = Objective.LATENCY,
    exact: bool = False,
) -> tuple[fx.GraphModule, Plan]:
    """Fold every batch normalization and per-channel affine operator that exact algebra allows, and merge layers.

    Args:
        module: any module that torch.fx traces, in any mode; it is not changed.
        example_inputs: what its forward takes. Axis 0 of every tensor is the batch, which stays free.
        merge: make one layer of linear operators that branch and meet, or follow each other, and take out reshapes and
            transpositions that undo each other.
        objective: what the fold is for.
        exact: return a float64 module whose new parameters are not rounded.

    Returns:
        A module in eval mode with parameters in the stored dtypes, and every decision with its reason.

    Raises:
        SourceError: torch.fx cannot trace the module.
        UsageError: it does not take these inputs.
    """
    lifted = lift(module, example_inputs)
    plan, folded = solve_in_range(lifted.network, lambda plan: lower(lifted, plan), objective=objective)
    if not merge:
        result = lower(lifted, plan, exact=True) if exact else folded
        remember(result, plan.remembered)
        return result, plan
    stored = lift(folded, example_inputs)
    truth = lift_like(stored, lower(lifted, plan, exact=True))
    if round_trips(stored):
        straight, exactly = (without(part, round_trips(part)) for part in (stored, truth))
        stored = lift(straight, example_inputs)
        truth = lift_like(stored, exactly)
    merging, merged = merge_in_range(
        truth.network, kept_apart(plan), lambda merging: merge_layers(truth, stored, merging)
    )
    result = merge_layers(truth, stored, merging, exact=True) if exact else merged
    remember(result, plan.remembered)
    return result, with_merges(plan, merging)


def module_difference(reference: nn.Module, candidate: nn.Module, inputs: Sequence[Any]) -> float:
    """The largest difference between the outputs of two modules, both computed in float64.

    Args:
        reference, candidate: float modules of any dtype; copies of them run in eval mode.
        inputs: what both take; floating-point tensors are widened.

    Returns:
        max|difference| / max|reference|, the largest of all outputs; infinite where their number, a shape or a
        NaN or infinity differs.
    """
    wanted, found = (tensors(_run(module, inputs)) for module in (reference, candidate))
    if len(wanted) != len(found):
        return float("inf")
    return max((_relative(a, b) for a, b in zip(wanted, found, strict=True)), default=0.0)


def _run(module: nn.Module, inputs: Sequence[Any]) -> Any:
    wide = in_eval_mode(module).double()
    with torch.no_grad(), Wide(), torch.random.fork_rng():
        torch.manual_seed(0)
        return wide(*mapped(_widened, list(inputs)))


def _widened(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.double() if tensor.is_floating_point() else tensor.clone()


def _relative(reference: torch.Tensor, candidate: torch.Tensor) -> float:
    if reference.shape != candidate.shape:
        return float("inf")
    if not reference.numel():
        return 0.0
    a, b = reference.double(), candidate.double()
    same = (a == b) | (a.isnan() & b.isnan())
    gap = torch.where(same, 0.0, (b - a).abs()).nan_to_num(nan=float("inf")).max().item()
    largest = a[a.isfinite()].abs().max().item() if a.isfinite().any() else 0.0
    return gap / largest if gap and largest else float("inf") if gap else 0.0
