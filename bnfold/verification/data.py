"""A user's own samples: an .npz file, or a folder of images."""

import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np

from bnfold.errors import SourceError, UsageError
from bnfold.verification.images import Preprocess, read_images
from bnfold.verification.inputs import InputSpec
from bnfold.verification.precision import FLOATS, Array

_IINFO: Any = ml_dtypes.iinfo


@dataclass(frozen=True)
class Data:
    """A user's samples.

    Attributes:
        feeds: arrays by input name, first axis the samples.
        labels: one integer per prediction, or None.
        names: what each sample is called, such as its file; empty where they have no names.
    """

    feeds: dict[str, Array]
    labels: Array | None = None
    names: tuple[str, ...] = ()


def load_data(path: Path, specs: Sequence[InputSpec], preprocess: Preprocess | None = None) -> Data:
    """Read a user's samples.

    Args:
        path: an .npz file with one array per model input under its name or, where the model has a single input, the
            array `input`, and optionally the integer array `labels`; or a folder of images (see `images`).
        specs: the model's inputs.
        preprocess: how images become numbers.

    Raises:
        SourceError: it does not exist or cannot be read.
        UsageError: arrays are missing, unknown, or do not fit the model's inputs; or `preprocess` goes with no folder.
        MissingExtraError: images need Pillow, which is not installed.
    """
    if not path.exists():
        raise SourceError(f"{path} does not exist.")
    if path.is_dir():
        name, pixels, labels, names = read_images(path, specs, preprocess or Preprocess())
        return Data({name: _converted(pixels, specs[0], path)}, labels, names)
    if preprocess is not None:
        raise UsageError(f"--mean, --std and --size are for a folder of images; {path} is none.")
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
