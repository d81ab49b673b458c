"""What TorchScript archives and exported programs may hold, told before torch opens them.

torch.jit.load runs no Python, but TorchScript itself can write files. torch.export.load unpickles whatever an archive
marks as pickled, evaluates its symbolic extents as Python expressions, and looks its operators up as attributes of
torch. So the archive is read as a plain zip file first, and refused where it could do any of this.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal
from zipfile import BadZipFile, ZipFile

import torch

from bnfold.errors import SourceError

OPERATORS = re.compile(r"torch\.ops\.aten\.\w+\.\w+|_operator\.(getitem|add|sub|mul|floordiv|mod|eq|ne|lt|le|gt|ge)")
"""Operators of an exported program that only compute."""

EXPRESSION = re.compile(
    r"(\d+|[-+*/%(),=<>'\s]|\b(Symbol|positive|integer|nonnegative|True|False|[su]\d+)\b|"
    r"\b(Max|Min|Mod|FloorDiv|CleanDiv|CeilDiv|PythonMod|ModularIndexing)\b)*"
)
"""Symbolic extents: numbers, symbols and arithmetic."""

WRITES = re.compile(r"\b(save|from_file|_save|load)\s*\(")
"""Calls of TorchScript that touch files."""

Kind = Literal["pickle", "torchscript", "program"]


def kind_of(path: Path) -> Kind:
    """What wrote a .pt file: torch.save, torch.jit.save or torch.export.save."""
    try:
        with ZipFile(path) as archive:
            names = [name.partition("/")[2] for name in archive.namelist()]
    except (BadZipFile, NotImplementedError, ValueError):  # damaged; the loader says so
        return "pickle"
    if "archive_format" in names or "serialized_exported_program.json" in archive.namelist():
        return "program"
    return "torchscript" if "constants.pkl" in names else "pickle"


def screen_script(path: Path) -> None:
    """Raise `SourceError` if the code in a TorchScript archive opens files."""
    with ZipFile(path) as archive:
        for name in archive.namelist():
            if name.partition("/")[2].startswith("code/") and name.endswith(".py"):
                found = WRITES.search(archive.read(name).decode(errors="replace"))
                if found:
                    raise _refusal(path, f"calls {found[1]}, which can touch files")


def screen_program(path: Path) -> None:
    """Raise `SourceError` if reading an exported program could run more than its operators."""
    with ZipFile(path) as archive:
        for name in archive.namelist():
            inner = name.partition("/")[2]
            if inner.endswith(".json"):
                _screen_json(path, inner, json.loads(archive.read(name)))
            elif inner.endswith(".pt") and _asks_for(archive.read(name)):
                raise _refusal(path, f"holds a pickle, {inner}, that asks for {_asks_for(archive.read(name))[0]}")
            elif "custom_obj" in inner or inner.startswith(("data/aotinductor", "extra/xl")):
                raise _refusal(path, f"holds {inner}, which is more than a program of tensors")
            elif not inner.startswith(ALLOWED):
                raise _refusal(path, f"holds {inner}, which bnfold does not know")


ALLOWED = (
    *("data/weights/", "data/constants/", "data/sample_inputs/"),
    *("archive_format", "archive_version", "byteorder", "version", "."),
)
"""The other parts of an archive: numbers only."""


def _screen_json(path: Path, part: str, content: Any) -> None:
    for key, value in _entries(content):
        if key == "use_pickle" and value:
            raise _refusal(path, f"stores a tensor of {part} as a pickle")
        if key == "target" and isinstance(value, str) and not OPERATORS.fullmatch(value) and part.startswith("models/"):
            raise _refusal(path, f"calls {value}")
        if key == "expr_str" and not EXPRESSION.fullmatch(str(value)):
            raise _refusal(path, f"has an extent that is no arithmetic: {value}")


def _entries(content: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(content, dict):
        for key, value in content.items():
            yield key, value
            yield from _entries(value)
    elif isinstance(content, list):
        for value in content:
            yield from _entries(value)


def _asks_for(pickled: bytes) -> list[str]:
    try:
        return torch.serialization.get_unsafe_globals_in_checkpoint(io.BytesIO(pickled))
    except Exception:  # bytes that are no pickle make it raise anything, and whatever cannot be read is refused
        return ["something that cannot be told"]


def _refusal(path: Path, why: str) -> SourceError:
    return SourceError(f"{path} {why}; export the model to ONNX, or use --trust if you know where the file comes from.")
