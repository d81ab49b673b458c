"""Files that are written beside a model, such as reports and pictures: refused before any work where they cannot be."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from bnfold.errors import UsageError


def check_side_files(written: Mapping[str, str | Path | None], *others: object) -> None:
    """Raise before any work is done if a file cannot be written, or would replace another one of the same run.

    Args:
        written: paths by the option that names them; None and "-" are no files.
        others: what else the run reads, and the model that it writes; whatever is no path is passed over.

    Raises:
        UsageError: there is no such folder, or two options name one file, or one names a file of `others`.
    """
    taken = {Path(path).resolve() for path in others if isinstance(path, str | Path)}
    named: dict[Path, str] = {}
    for option, given in written.items():
        if given is None or given == "-":
            continue
        path = Path(given)
        if path.is_dir():
            raise UsageError(f"{option} {path} is a folder; give a file name.")
        if not path.parent.is_dir():
            raise UsageError(f"The folder {path.parent} of {option} {path} does not exist; create it first.")
        if not os.access(path if path.exists() else path.parent, os.W_OK):
            raise UsageError(f"{option} {path} is not writable; give another name.")
        if path.resolve() in taken:
            raise UsageError(f"{option} names {path}, which is read or written already; give another name.")
        other = named.setdefault(path.resolve(), option)
        if other != option:
            raise UsageError(f"{option} and {other} both name {path}; give each a file of its own.")


def data_of(model: Path) -> Path:
    """Where the weights of an ONNX model lie that is written with its weights beside it."""
    return model.with_name(f"{model.name}.data")
