"""Two models can only be compared if they take the same inputs and give the same outputs."""

import onnx_ir as ir

from bnfold.errors import UsageError


def check_interface(reference: ir.Model, candidate: ir.Model) -> None:
    """Compare names, element types and fixed dimensions; inputs with an initializer do not count.

    Raises:
        UsageError: the first difference, in one sentence.
    """
    for kind, ours, theirs in (
        ("inputs", _inputs(reference), _inputs(candidate)),
        ("outputs", list(reference.graph.outputs), list(candidate.graph.outputs)),
    ):
        names = [[value.name or "" for value in side] for side in (ours, theirs)]
        if sorted(names[0]) != sorted(names[1]):
            raise UsageError(
                f"The models' {kind} have different names: {', '.join(names[0])} and {', '.join(names[1])}."
            )
        by_name = {value.name: value for value in theirs}
        for value in ours:
            _check_value(kind[:-1], value, by_name[value.name])


def _check_value(kind: str, ours: ir.Value, theirs: ir.Value) -> None:
    if ours.dtype != theirs.dtype:
        raise UsageError(
            f"The {kind} {ours.name!r} has type {ours.dtype} in one model and {theirs.dtype} in the other."
        )
    a, b = ours.shape, theirs.shape
    if a is None or b is None:
        return
    clash = len(a) != len(b) or any(
        isinstance(x, int) and isinstance(y, int) and 0 < x != y > 0 for x, y in zip(a, b, strict=True)
    )
    if clash:
        raise UsageError(f"The {kind} {ours.name!r} has shape {a} in one model and {b} in the other.")


def _inputs(model: ir.Model) -> list[ir.Value]:
    return [value for value in model.graph.inputs if value.name not in model.graph.initializers]
