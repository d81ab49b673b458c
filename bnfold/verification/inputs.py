"""What a model is fed during verification: seeded batches, and a user's own data.

Dimensions that the model leaves open and the user does not fix follow one rule: the first axis counts samples
(1 and 3 are both tried), the other open dimensions are 64 in an input of rank 4 and 16 in any other.
"""

import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import ml_dtypes
import numpy as np
import onnx_ir as ir

from bnfold.errors import SourceError, UsageError
from bnfold.verification.precision import FLOATS, Array, Dtype

_IINFO: Any = ml_dtypes.iinfo
_ANONYMOUS = ("", "?")


@dataclass(frozen=True)
class InputSpec:
    """Name, shape (a fixed size, a symbol, or None per axis) and element type of one model input."""

    name: str
    shape: tuple[int | str | None, ...]
    dtype: Dtype


@dataclass(frozen=True)
class Batch:
    """One set of inputs: a name that says how they were made, and an array per model input."""

    name: str
    feeds: dict[str, Array]


class Data(NamedTuple):
    """A user's samples by input name, first axis the samples, and optional integer labels."""

    feeds: dict[str, Array]
    labels: Array | None


def specs_of(model: ir.Model) -> list[InputSpec]:
    """The inputs a caller must feed: graph inputs that are not also initializers, in order.

    Raises:
        UsageError: an input is no tensor of numbers.
    """
    specs = []
    for value in model.graph.inputs:
        if value.name is None or value.name in model.graph.initializers:
            continue
        if value.dtype in (None, ir.DataType.UNDEFINED, ir.DataType.STRING) or value.shape is None:
            raise UsageError(f"Input {value.name!r} is no tensor of numbers with a known rank; it cannot be verified.")
        specs.append(InputSpec(value.name, tuple(map(_dimension, value.shape)), value.dtype.numpy()))
    return specs


def resolve(specs: Sequence[InputSpec], overrides: Mapping[str, tuple[int, ...]]) -> list[InputSpec]:
    """`specs` with every dimension fixed, except a first axis that counts samples and was not overridden.

    A symbol that an override fixes has that size in the other inputs too.

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
        default = 64 if len(spec.shape) == 4 else 16
        shape = tuple(_size(d, axis, default, symbols) for axis, d in enumerate(spec.shape))
        shape = overrides.get(spec.name, shape)
        resolved.append(replace(spec, shape=shape))
    return resolved


def make_batches(
    specs: Sequence[InputSpec], *, seed: int = 0, overrides: Mapping[str, tuple[int, ...]] | None = None
) -> list[Batch]:
    """Six seeded batches that cover what inputs look like and what hides errors.

    Float inputs: normal(0, 1), uniform [0, 1], all zero, all one, normal * 100, and a checkerboard of +1 and
    -1 over the last two axes. Inputs of bytes are images: noise, black, white, and both in turn. Other integer inputs
    hold 0 to 7, boolean ones random values, in every batch. An open first axis has size 1 or 3 in turn.

    Raises:
        UsageError: as `resolve`.
    """
    resolved = resolve(specs, overrides or {})
    kinds = {"normal": 1, "uniform": 3, "zeros": 1, "ones": 3, "large": 1, "checkerboard": 3}
    batches = []
    for number, (kind, samples) in enumerate(kinds.items()):
        rng = np.random.default_rng([seed, number])
        feeds = {}
        for spec in resolved:
            shape = tuple(d if isinstance(d, int) else samples for d in spec.shape)
            feeds[spec.name] = _fill(kind, shape, spec.dtype, rng)
        batches.append(Batch(kind, feeds))
    return batches


def load_data(path: Path, specs: Sequence[InputSpec]) -> Data:
    """Read a user's samples from an .npz file.

    The file holds one array per model input under its name, or, where the model has a single input, the array
    `input`; and optionally the integer array `labels`.

    Raises:
        SourceError: the file cannot be read.
        UsageError: arrays are missing, unknown, or do not fit the model's inputs.
    """
    try:
        with zipfile.ZipFile(path):
            pass
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise SourceError(f"{path} cannot be read as an .npz file of arrays.") from error
    labels = arrays.pop("labels", None) if "labels" not in {s.name for s in specs} else None
    if len(specs) == 1 and list(arrays) == ["input"]:
        arrays = {specs[0].name: arrays["input"]}
    expected = sorted(spec.name for spec in specs)
    if sorted(arrays) != expected:
        found = ", ".join(sorted(arrays)) or "none"
        raise UsageError(f"{path} must hold the arrays {', '.join(expected)}; it holds: {found}.")
    if labels is not None and labels.dtype.kind not in "iu":
        raise UsageError(f"The labels in {path} must be integers, not {labels.dtype}.")
    feeds = {spec.name: _converted(arrays[spec.name], spec, path) for spec in specs}
    counts = {len(a) for a in feeds.values()} | ({len(labels)} if labels is not None and labels.ndim else set())
    if len(counts) != 1 or counts == {0}:
        raise UsageError(f"The arrays in {path} must have the same number of samples, at least one.")
    return Data(feeds, labels)


def portions(data: Data, specs: Sequence[InputSpec], size: int = 32) -> Iterator[dict[str, Array]]:
    """The samples in portions of `size`, or of the number the model fixes; the last sample fills up."""
    fixed = {spec.shape[0] for spec in specs if isinstance(spec.shape[0], int)}
    step = max(fixed, default=size)
    count = len(next(iter(data.feeds.values())))
    for start in range(0, count, step):
        index = np.arange(start, start + step) if fixed else np.arange(start, min(start + step, count))
        yield {name: array[np.minimum(index, count - 1)] for name, array in data.feeds.items()}


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


def _fill(kind: str, shape: tuple[int, ...], dtype: Dtype, rng: np.random.Generator) -> Array:
    if dtype == np.bool_:
        return rng.integers(0, 2, shape).astype(dtype)
    if dtype == np.uint8:
        return _bytes(kind, shape, rng)
    if dtype not in FLOATS:
        return rng.integers(0, 8, shape).astype(dtype)
    if kind in ("normal", "large"):
        return np.asarray(rng.normal(0, 100 if kind == "large" else 1, shape), dtype)
    if kind == "uniform":
        return np.asarray(rng.uniform(0, 1, shape), dtype)
    if kind == "checkerboard":
        index = np.indices(shape)[-2:].sum(0) if shape else np.zeros((), int)
        return np.asarray(1.0 - 2.0 * (index % 2), dtype)
    return np.full(shape, {"zeros": 0, "ones": 1}[kind], dtype)


def _bytes(kind: str, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    """Images of bytes: black, white, black and white in turn, or noise."""
    if kind in ("zeros", "ones"):
        return np.full(shape, {"zeros": 0, "ones": 255}[kind], np.uint8)
    if kind == "checkerboard":
        return np.asarray(255 * (_fill(kind, shape, np.dtype(np.float64), rng) > 0), np.uint8)
    return rng.integers(0, 256, shape).astype(np.uint8)


def _converted(array: Array, spec: InputSpec, path: Path) -> Array:
    fits = array.ndim == len(spec.shape) and array.ndim > 0
    tail = zip(spec.shape[1:], array.shape[1:], strict=False)
    if not fits or any(isinstance(d, int) and d != size for d, size in tail):
        wanted = ", ".join(str(d) if d is not None else "?" for d in chain(["samples"], spec.shape[1:]))
        raise UsageError(f"Array {spec.name!r} in {path} has shape {array.shape}; the model takes ({wanted}).")
    whole = array.dtype.kind in "iub"
    if array.dtype.kind not in "fiub" or (spec.dtype not in FLOATS and not whole):
        raise UsageError(f"Array {spec.name!r} in {path} has type {array.dtype}; the model takes {spec.dtype}.")
    if whole and spec.dtype not in FLOATS and spec.dtype != np.bool_:
        info: Any = _IINFO(spec.dtype)
        if array.size and (array.min() < info.min or array.max() > info.max):
            raise UsageError(f"Array {spec.name!r} in {path} has values that do not fit {spec.dtype}.")
    return array.astype(spec.dtype)
