"""What a model is fed: names, types and shapes of its inputs, and sizes for the dimensions it leaves open.

The first axis counts samples and stays open. Any other open dimension is 64 in an input of rank 4 and 16 in any other,
unless the user gives it a size; a symbol has one size wherever it stands.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import onnx_ir as ir

from bnfold.errors import UsageError
from bnfold.verification.precision import Dtype

_ANONYMOUS = ("", "?")


@dataclass(frozen=True)
class InputSpec:
    """Name, shape (a fixed size, a symbol, or None per axis) and element type of one model input."""

    name: str
    shape: tuple[int | str | None, ...]
    dtype: Dtype


def specs_of(model: ir.Model) -> list[InputSpec]:
    """The inputs a caller must feed: graph inputs that are not also initializers, in order.

    Raises:
        UsageError: an input is no tensor of numbers.
    """
    specs = []
    for value in model.graph.inputs:
        if value.name is None or value.name in model.graph.initializers:
            continue
        spec = _spec(value)
        if spec is None:
            raise UsageError(f"Input {value.name!r} is no tensor of numbers with a known rank; it cannot be verified.")
        specs.append(spec)
    return specs


def check_fit(model: ir.Model, shapes: Mapping[str, tuple[int, ...]]) -> None:
    """Check shapes against the inputs of a model; one that is no tensor of numbers with a known rank takes any.

    Raises:
        UsageError: as `resolve`.
    """
    given = [value for value in model.graph.inputs if value.name not in model.graph.initializers]
    specs = {value.name: _spec(value) for value in given}
    known = [spec for spec in specs.values() if spec is not None]
    resolve(known, {name: shape for name, shape in shapes.items() if specs.get(name, True) is not None})


def resolve(
    specs: Sequence[InputSpec], overrides: Mapping[str, tuple[int, ...]], stretch: float = 1.0
) -> list[InputSpec]:
    """`specs` with every dimension fixed, except a first axis that counts samples and was not overridden.

    A symbol that an override fixes has that size in the other inputs too.

    Args:
        specs: the inputs.
        overrides: shapes that the user gives, by name.
        stretch: multiplies the default size of open dimensions.

    Raises:
        UsageError: an override names no input, has another rank, or contradicts a fixed dimension.
    """
    by_name = {spec.name: spec for spec in specs}
    symbols: dict[str, int] = {}
    for name, sizes in overrides.items():
        if name not in by_name:
            known = ", ".join(by_name) or "none"
            raise UsageError(f"There is no input {name!r}; the model's inputs are: {known}.")
        _check_override(by_name[name], sizes)
        for dimension, size in zip(by_name[name].shape, sizes, strict=True):
            if isinstance(dimension, str) and symbols.setdefault(dimension, size) != size:
                raise UsageError(f"Dimension {dimension!r} is given as {symbols[dimension]} and as {size}.")
    resolved = []
    shape: tuple[int | str | None, ...]
    for spec in specs:
        default = round((64 if len(spec.shape) == 4 else 16) * stretch)
        shape = tuple(_size(d, axis, default, symbols) for axis, d in enumerate(spec.shape))
        shape = overrides.get(spec.name, shape)
        resolved.append(replace(spec, shape=shape))
    return resolved


def _spec(value: ir.Value) -> InputSpec | None:
    """None if it is no tensor of numbers with a known rank."""
    if value.dtype in (None, ir.DataType.UNDEFINED, ir.DataType.STRING) or value.shape is None:
        return None
    return InputSpec(value.name or "", tuple(map(_dimension, value.shape)), value.dtype.numpy())


def _dimension(dimension: int | ir.SymbolicDim) -> int | str | None:
    if isinstance(dimension, int):
        return dimension if dimension > 0 else None
    return None if dimension.value is None or dimension.value in _ANONYMOUS else str(dimension.value)


def _size(dimension: int | str | None, axis: int, default: int, symbols: Mapping[str, int]) -> int | str | None:
    if isinstance(dimension, str) and dimension in symbols:
        return symbols[dimension]
    return dimension if isinstance(dimension, int) or axis == 0 else default


def _check_override(spec: InputSpec, sizes: tuple[int, ...]) -> None:
    if len(sizes) != len(spec.shape):
        raise UsageError(f"Input {spec.name!r} has {len(spec.shape)} dimensions, not the {len(sizes)} of {sizes}.")
    for axis, (dimension, size) in enumerate(zip(spec.shape, sizes, strict=True)):
        if size < 1:
            raise UsageError(f"Every size of input {spec.name!r} must be at least 1, not {size}.")
        if isinstance(dimension, int) and dimension != size:
            raise UsageError(f"Dimension {axis} of input {spec.name!r} is fixed to {dimension}, not {size}.")
