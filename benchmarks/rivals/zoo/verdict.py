"""Whether what a tool wrote still is the network, and what is left in it."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import onnx

from benchmarks.conformance.apart import apart
from benchmarks.conformance.judge import affine_counts, interface_change
from benchmarks.conformance.tools import TOOLS
from benchmarks.rivals.judged import judged, truth

Feeds = dict[str, np.ndarray]
SECONDS, MEMORY = 3600.0, 12 * 2**30
"""Of judging one file; the clock counts, so there is room for a busy machine."""


def original(path: Path, feeds: Feeds) -> tuple[dict[str, Any], list[np.ndarray]] | str:
    """Counts of the network itself and its outputs in float64, or why it cannot be judged."""
    found: tuple[dict[str, Any], list[np.ndarray]] | str | None = apart(
        _original, path, feeds, seconds=SECONDS, memory=MEMORY
    )
    return found or "running it ends the process, or takes too long or too much memory"


def verdict(source: Path, written: Path, feeds: Feeds, expected: list[np.ndarray], *, by_name: bool) -> dict[str, Any]:
    """`status` is `same` or `wrong`, with `why`; the counts and errors are there as far as the file allows.

    Args:
        source, written: the network and what a tool made of it.
        feeds: inputs.
        expected: outputs of the network for them, in float64.
        by_name: whether inputs and outputs must keep their names, as for a tool that was given the file.
    """
    found: dict[str, Any] | None = apart(
        _compared, source, written, feeds, expected, by_name, seconds=SECONDS, memory=MEMORY
    )
    why = "running it ends the process, or takes too long or too much memory"
    return found or {"status": "wrong", "why": why}


def left(path: Path) -> dict[str, Any]:
    """Affine operators of a file, per channel and scalar, as it is and once ONNX Runtime has loaded it.

    ONNX Runtime folds the plain case itself, whoever wrote the file.
    """
    with TemporaryDirectory() as folder:
        loaded = Path(folder, "loaded.onnx")
        TOOLS["onnxruntime"][0](path, loaded)
        return {"affine": list(affine_counts(path)), "loaded": list(affine_counts(loaded))}


def _original(path: Path, feeds: Feeds) -> tuple[dict[str, Any], list[np.ndarray]] | str:
    try:
        expected = truth(path, feeds)
        return {**judged(path, feeds, expected), **left(path)}, expected
    except Exception as error:
        return f"the network itself does not run: {_line(error, path)}"


def _compared(source: Path, written: Path, feeds: Feeds, expected: list[np.ndarray], by_name: bool) -> dict[str, Any]:
    changed = by_name and interface_change(*(onnx.load(path, load_external_data=False) for path in (source, written)))
    if changed:
        return {"status": "wrong", "why": f"interface: {changed}"}
    try:
        found = judged(written, feeds, expected) | left(written)
    except onnx.checker.ValidationError as error:
        return {"status": "wrong", "why": f"invalid model: {_line(error, written)}"}
    except Exception as error:
        return {"status": "wrong", "why": f"does not run: {_line(error, written)}"}
    if found.pop("wrong"):
        return {"status": "wrong", "why": f"values: relative error {found['error_float64']:.1e}", **found}
    return {"status": "same", **found}


def _line(error: BaseException, path: Path) -> str:
    """The message without the folder of the file, which is another one every time."""
    return " ".join(str(error).split()).replace(f"{path.parent}/", "")[:300] or type(error).__name__
