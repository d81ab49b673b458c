"""`bnfold.fold` for an `nn.Module` that is to stay one: the fold, its counts and its proof."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from bnfold.affine_operators import elements
from bnfold.errors import SourceError, UsageError
from bnfold.fx.fold import fold_module, module_difference
from bnfold.fx.lift import lift
from bnfold.fx.trace import in_eval_mode, tensors, unwrapped
from bnfold.fx.tracer import mapped
from bnfold.network import Network
from bnfold.objective import Objective
from bnfold.price import price_of
from bnfold.report.data import Counts, FoldDiffersError, FoldReport, FoldResult
from bnfold.verification.verdict import Algebra, Rounding, Verification

ALGEBRA_BOUND = 1e-10
DRAWS = 4
FACTOR = 4.0
FLOOR_EPS = 8.0
NO_CERTIFICATE = (
    "That is no proof for every input: a certificate is about the tensors of two ONNX files. With output='NAME.onnx' "
    "the same module is folded into one, and proved for every input."
)


def fold_in_torch(
    module: Any, example_inputs: Any, *, merge: bool = True, objective: Objective = Objective.LATENCY
) -> FoldResult:
    """Fold a module through torch.fx and prove the result.

    Args:
        module: any `nn.Module` that torch.fx traces; it is not changed.
        example_inputs: a tensor, a tuple of tensors, or a dict of them by the names of its arguments, that its forward
            takes, batch first.
        merge: make one layer of linear operators that branch and meet, or follow each other.
        objective: what the fold is for.

    Raises:
        NotEquivalentError: the proof failed; its `report` attribute holds the numbers.
        SourceError: it is no module, or torch.fx cannot trace it.
        UsageError: it does not take these inputs.
    """
    inputs = _as_tuple(module, example_inputs)
    module = unwrapped(module)
    folded, plan = fold_module(module, inputs, merge=merge, objective=objective)
    exact, _ = fold_module(module, inputs, merge=merge, objective=objective, exact=True)
    removed = [decision for decision in plan.decisions if decision.removed]
    networks = [lift(part, inputs).network for part in (module, folded)]
    before, after = map(_counts, networks)
    report = FoldReport(
        source=type(module).__name__,
        description=f"PyTorch module {type(module).__name__}",
        output=None,
        affine=Counts(before[0], sum(not decision.scalar for decision in removed), after[0]),
        scalar=Counts(before[1], sum(decision.scalar for decision in removed), after[1]),
        decisions=plan.decisions,
        merging=plan.merging,
        objective=objective,
        price=price_of(*networks),
        verification=_prove(module, exact, folded, inputs),
    )
    if report.verification.verdict == "different":
        raise FoldDiffersError(report)
    return FoldResult(folded, plan, report)


def shapes_of(module: Any, example_inputs: Any) -> dict[str, tuple[int, ...]]:
    """The shape of every example input, by the name of the argument of forward that takes it."""
    inputs = _as_tuple(module, example_inputs)
    names = list(inspect.signature(module.forward).parameters)
    return {name: tuple(value.shape) for name, value in zip(names, inputs, strict=False)}


def _as_tuple(module: Any, example_inputs: Any) -> tuple[Any, ...]:
    if isinstance(example_inputs, str | Path):
        raise UsageError(f"{example_inputs} is no example input; name the file to write as `output=`.")
    if not isinstance(module, nn.Module):
        raise SourceError(f"Example inputs go with an nn.Module, not with a {type(module).__name__}.")
    if isinstance(example_inputs, Mapping):
        return _positional(module, example_inputs)
    return tuple(example_inputs) if isinstance(example_inputs, tuple | list) else (example_inputs,)


def _positional(module: nn.Module, given: Mapping[str, Any]) -> tuple[Any, ...]:
    """Inputs by name, in the order of the arguments of forward; a dict with other keys is one input."""
    places = inspect.signature(module.forward).parameters
    if not given.keys() <= places.keys():
        return (given,)
    last = max((list(places).index(name) for name in given), default=-1)
    inputs = []
    for name, place in list(places.items())[: last + 1]:
        if place.kind is not inspect.Parameter.POSITIONAL_OR_KEYWORD:
            raise UsageError(f"A folded module takes its inputs by position, and {name} has none; wrap the module.")
        if name not in given and place.default is inspect.Parameter.empty:
            raise UsageError(f"The example inputs lack {name}, which forward needs.")
        inputs.append(given.get(name, place.default))
    return tuple(inputs)


def _counts(network: Network) -> tuple[int, int]:
    sizes = [size for node in network.nodes if (size := elements(node)) is not None]
    return sum(size > 1 for size in sizes), sum(size == 1 for size in sizes)


def _prove(module: nn.Module, exact: nn.Module, folded: nn.Module, inputs: Sequence[Any]) -> Verification:
    """Algebra in float64 with unrounded parameters, and the error of both modules in their own dtype.

    The folded error may be FACTOR times the original's own, the largest of some random inputs, plus FLOOR_EPS eps.
    """
    draws = [tuple(inputs), *(_like(inputs, seed) for seed in range(DRAWS))]
    algebra = Algebra(max(module_difference(module, exact, draw) for draw in draws), ALGEBRA_BOUND)
    errors = [max(_own_error(module, part, draw) for draw in draws) for part in (module, folded)]
    dtype = next((p.dtype for p in module.parameters() if p.is_floating_point()), torch.float32)
    allowed = FACTOR * errors[0] + FLOOR_EPS * torch.finfo(dtype).eps
    rounding = Rounding(errors[0], errors[1], allowed, by="PyTorch", dtype=str(dtype).removeprefix("torch."))
    holds = algebra.holds and rounding.holds
    told = f"Both modules ran in PyTorch, on the example inputs and {DRAWS} random ones like them.", NO_CERTIFICATE
    return Verification("equivalent" if holds else "different", algebra, rounding, sentences=told)


def _like(inputs: Sequence[Any], seed: int) -> tuple[Any, ...]:
    generator = torch.Generator().manual_seed(seed)

    def drawn(value: torch.Tensor) -> torch.Tensor:
        return torch.randn(value.shape, generator=generator).to(value) if value.is_floating_point() else value

    return tuple(mapped(drawn, list(inputs)))


def _own_error(reference: nn.Module, module: nn.Module, inputs: Sequence[Any]) -> float:
    """How far a module, in its own dtype, is from the reference in float64."""
    twin = in_eval_mode(module)
    with torch.no_grad(), torch.random.fork_rng():
        torch.manual_seed(0)
        found = tensors(twin(*inputs))
    return module_difference(reference, _Constant(found), inputs)


class _Constant(nn.Module):
    """Returns what it was given, whatever it is fed."""

    def __init__(self, values: Sequence[torch.Tensor]) -> None:
        super().__init__()
        self._values = [value.double() for value in values]

    def forward(self, *_: Any) -> Any:
        return tuple(self._values)
