"""A folder of images as samples.

Every image is scaled, keeping its proportions, until it just covers the wanted size, cropped in the middle, and turned
into (pixel / 255 - mean) / std, channels first. Labels come from `labels.csv` in the folder (lines `file,label`), or
else from the names of its sub-folders: the numbers they are called, or their places in alphabetical order.
"""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bnfold.errors import MissingExtraError, SourceError, UsageError
from bnfold.verification.inputs import InputSpec
from bnfold.verification.precision import FLOATS, Array

ENDINGS = {".bmp", ".gif", ".jpeg", ".jpg", ".png", ".ppm", ".pgm", ".tif", ".tiff", ".webp"}
MODES = {1: "L", 3: "RGB", 4: "RGBA"}


@dataclass(frozen=True)
class Preprocess:
    """How images become numbers.

    Attributes:
        mean, std: one number, or one per channel, in units of the full range 0 to 1.
        size: height and width; None takes those of the model's input, which must then be fixed.
    """

    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    size: tuple[int, int] | None = None


def read_images(
    folder: Path, specs: Sequence[InputSpec], preprocess: Preprocess
) -> tuple[str, Array, Array | None, tuple[str, ...]]:
    """Input name, pixels (N, C, H, W) in float32, labels (N,) or None, and the file of each image.

    Raises:
        SourceError: there is no image, or one cannot be read.
        UsageError: the model's input is no image, `preprocess` does not fit it, or labels are missing.
        MissingExtraError: Pillow is not installed.
    """
    try:
        from PIL import Image
    except ImportError:
        raise MissingExtraError("Reading images", "images") from None
    spec, channels, size = _target(specs, preprocess)
    mean, std = (_channelwise(values, channels) for values in (preprocess.mean, preprocess.std))
    if not np.all(std > 0):
        raise UsageError("Every number of --std must be greater than 0.")
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in ENDINGS)
    if not files:
        raise SourceError(f"There is no image in {folder}.")
    pixels = np.empty((len(files), channels, *size), np.float32)
    for place, path in enumerate(files):
        try:
            with Image.open(path) as image:
                cropped = _cropped(image.convert(MODES[channels]), size)
        except OSError as error:
            raise SourceError(f"{path} cannot be read as an image.") from error
        values = np.asarray(cropped, np.float64).reshape(*size, channels).transpose(2, 0, 1)
        pixels[place] = (values / 255 - mean) / std
    names = tuple(path.relative_to(folder).as_posix() for path in files)
    return spec.name, pixels, _labels(folder, names), names


def _target(specs: Sequence[InputSpec], preprocess: Preprocess) -> tuple[InputSpec, int, tuple[int, int]]:
    if len(specs) != 1 or len(specs[0].shape) != 4 or specs[0].dtype not in FLOATS:
        raise UsageError("Images can only be given to a model with one float input (samples, channels, height, width).")
    spec = specs[0]
    _, channels, *sizes = spec.shape
    if channels not in MODES:
        raise UsageError(f"Input {spec.name!r} has {channels} channels; images have 1, 3 or 4.")
    if preprocess.size is not None:
        return spec, int(channels), preprocess.size
    height, width = sizes
    if not isinstance(height, int) or not isinstance(width, int):
        raise UsageError(f"Input {spec.name!r} has no fixed height and width; give them as --size HEIGHT,WIDTH.")
    return spec, int(channels), (height, width)


def _channelwise(values: tuple[float, ...], channels: int) -> Array:
    if len(values) not in (1, channels):
        raise UsageError(f"--mean and --std take 1 or {channels} numbers for {channels} channels, not {len(values)}.")
    return np.array(values, np.float64).reshape(-1, 1, 1)


def _cropped(image: Any, size: tuple[int, int]) -> Any:
    height, width = size
    scale = max(height / image.height, width / image.width)
    scaled = image.resize((max(width, round(image.width * scale)), max(height, round(image.height * scale))))
    left, top = (scaled.width - width) // 2, (scaled.height - height) // 2
    return scaled.crop((left, top, left + width, top + height))


def _labels(folder: Path, names: Sequence[str]) -> Array | None:
    table = folder / "labels.csv"
    if table.exists():
        return _listed(table, names)
    classes = [name.split("/")[0] for name in names if "/" in name]
    if not classes:
        return None
    if len(classes) < len(names):
        raise UsageError(f"Some images of {folder} lie in sub-folders and some do not, so their labels are unclear.")
    known = sorted(set(classes))
    numbers = {name: int(name) if all(c.isdigit() for c in known) else place for place, name in enumerate(known)}
    return np.array([numbers[name] for name in classes])


def _listed(table: Path, names: Sequence[str]) -> Array:
    with table.open(newline="") as file:
        rows = {row[0]: row[1] for row in csv.reader(file) if len(row) == 2}
    missing = [name for name in names if name not in rows]
    if missing:
        raise UsageError(f"{table} has no line `{missing[0]},LABEL`.")
    try:
        return np.array([int(rows[name]) for name in names])
    except ValueError:
        raise UsageError(f"Every label in {table} must be a whole number.") from None
