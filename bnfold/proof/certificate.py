"""The certificate file: which tensor of the folded model stores which tensor of the original, in which units.

One JSON object; numbers are base64 of little-endian float64, so nothing is lost. The format is documented in
docs/certificate.md. A certificate only claims; `bnfold.proof.checker` decides whether the claims are true.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bnfold.errors import SourceError, UsageError
from bnfold.proof.reading.data_files import data_file, locations

FORMAT = "bnfold certificate"
VERSION = 1
_BLOCK = 1 << 20
_OWN = "sha256"
_MOST_UNSTATED = 1 << 24
"""Units of one claim that are taken for 1 and 0 where neither scales nor shifts are written down."""


@dataclass(frozen=True)
class Claim:
    """X = scale * X' + shift, X being a tensor of the original and X' the one of the folded model that stores it.

    Attributes:
        stored: the name of X'; empty if nothing is claimed but in which layout the original's tensor is looked at.
        scale, shift: finite float64, of one shape that broadcasts against X'.
        perm: the tensor of the original is Transpose(X, perm) instead of X.
    """

    stored: str
    scale: np.ndarray[Any, np.dtype[np.float64]]
    shift: np.ndarray[Any, np.dtype[np.float64]]
    perm: tuple[int, ...] | None = None


@dataclass(frozen=True)
class Certificate:
    """Claims about every tensor of the original that the folded model stores otherwise.

    Attributes:
        claims: by the name of the original's tensor. One that is not named here and that both models call alike is
            claimed to be stored as it is.
        frozen_inputs: inputs of the original with a default value that the folded model takes for constants.
    """

    claims: Mapping[str, Claim]
    frozen_inputs: tuple[str, ...] = ()


def write(certificate: Certificate, path: Path, original: Path, folded: Path) -> None:
    """Write a certificate for two files.

    Raises:
        UsageError: the file cannot be written.
        SourceError: one of the two files has no digest.
    """
    data = {
        "format": FORMAT,
        "version": VERSION,
        "original": digest(original),
        "folded": digest(folded),
        "frozen_inputs": list(certificate.frozen_inputs),
        "tensors": {name: _plain(claim) for name, claim in certificate.claims.items()},
    }
    try:
        path.write_text(_lines(data))
    except OSError as error:
        raise UsageError(f"The certificate cannot be written to {path}: {error.strerror}.") from None


def read(path: Path, original: Path, folded: Path) -> Certificate:
    """Read a certificate for exactly these two files.

    Raises:
        SourceError: it is missing, damaged or of another version, or one of the two files has no digest.
        UsageError: it belongs to other files.
    """
    try:
        data = json.loads(path.read_text(), object_pairs_hook=_unique, parse_constant=_no_number)
        certificate = _parsed(data)
        digests = data["original"], data["folded"]
    except OSError as error:
        raise SourceError(f"The certificate {path} cannot be read: {error.strerror}.") from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, binascii.Error) as error:
        raise SourceError(f"{path} is not a certificate that this version reads: {_reason(error)}.") from None
    for file, stated in zip((original, folded), digests, strict=True):
        if digest(file) != stated:
            raise UsageError(f"The certificate {path} is not about {file}; fold again to get one that is.")
    return certificate


def digest(path: Path) -> dict[str, str]:
    """SHA-256 of a file and, for an ONNX model with external data, of every file that holds some, by name.

    Raises:
        SourceError: one of them is missing or unreadable, or a data file is not where it must be.
    """
    try:
        found = {_OWN: _sha256(path)}
        if path.suffix.lower() == ".onnx":
            # A data file may be called as the entry of the model itself, which it must not hide.
            found |= {f"./{name}" if name == _OWN else name: _sha256(data_file(path, name)) for name in locations(path)}
    except OSError as error:
        raise SourceError(f"{error.filename or path} cannot be read: {error.strerror}.") from None
    return found


def _sha256(path: Path) -> str:
    total = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            total.update(block)
    return total.hexdigest()


def _lines(data: Mapping[str, Any]) -> str:
    """JSON with one line for every entry and every tensor."""
    tensors = ",\n".join(f"  {json.dumps(name)}: {json.dumps(entry)}" for name, entry in data["tensors"].items())
    head = ",\n".join(f" {json.dumps(key)}: {json.dumps(data[key])}" for key in data if key != "tensors")
    return f'{{\n{head},\n "tensors": {{\n{tensors}\n }}\n}}\n'


def _plain(claim: Claim) -> dict[str, Any]:
    plain: dict[str, Any] = {"stored": claim.stored} if claim.stored else {}
    if claim.scale.ndim:
        plain["shape"] = list(claim.scale.shape)
    for name, array, default in (("scale", claim.scale, 1.0), ("shift", claim.shift, 0.0)):
        if (array != default).any():
            plain[name] = base64.b64encode(array.astype("<f8").tobytes()).decode()
    if claim.perm is not None:
        plain["perm"] = list(claim.perm)
    return plain


def _parsed(data: Any) -> Certificate:
    if not isinstance(data, dict):
        raise ValueError("it is no JSON object")
    if data["format"] != FORMAT:
        raise ValueError(f"its format is {data['format']!r}, not {FORMAT!r}")
    if data["version"] != VERSION:
        raise ValueError(f"its version is {data['version']}, not {VERSION}")
    unknown = set(data) - {"format", "version", "original", "folded", "frozen_inputs", "tensors"}
    if unknown:
        raise ValueError(f"it has an entry {min(unknown)}")
    if not isinstance(data["tensors"], dict):
        raise ValueError("its tensors are no JSON object")
    return Certificate(
        {str(name): _claim(name, entry) for name, entry in data["tensors"].items()},
        tuple(str(name) for name in data["frozen_inputs"]),
    )


def _claim(name: str, entry: Mapping[str, Any]) -> Claim:
    if not isinstance(entry, dict):
        raise ValueError(f"the entry of {name} is no JSON object")
    stored = entry.get("stored", "") if "perm" in entry else entry["stored"]
    if set(entry) - {"stored", "shape", "scale", "shift", "perm"} or not isinstance(stored, str):
        raise ValueError(f"the entry of {name} is not understood")
    shape = tuple(entry.get("shape", ()))
    if any(type(extent) is not int or extent < 1 for extent in shape):
        raise ValueError(f"the shape of {name} is not made of positive integers")
    given = {key: _numbers(name, entry, key) for key in ("scale", "shift") if key in entry}
    for key, numbers in given.items():
        if numbers.size != math.prod(shape):
            raise ValueError(f"the {key} of {name} has {numbers.size} numbers, which is not what its shape asks for")
    if not given and math.prod(shape) > _MOST_UNSTATED:
        raise ValueError(f"the shape of {name} has more than {_MOST_UNSTATED} units, none of them written down")
    scale, shift = (
        given[key].reshape(shape) if key in given else np.broadcast_to(np.float64(default), shape)
        for key, default in (("scale", 1.0), ("shift", 0.0))
    )
    perm = tuple(entry["perm"]) if "perm" in entry else None
    if perm is not None and (any(type(axis) is not int for axis in perm) or sorted(perm) != list(range(len(perm)))):
        raise ValueError(f"the layout of {name} is no permutation")
    return Claim(stored, scale, shift, perm)


def _numbers(name: str, entry: Mapping[str, Any], key: str) -> np.ndarray[Any, np.dtype[np.float64]]:
    array = np.frombuffer(base64.b64decode(entry[key], validate=True), "<f8").astype(np.float64)
    if not np.isfinite(array).all():
        raise ValueError(f"the {key} of {name} is not finite")
    return array


def _unique(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        [(name, _)] = Counter(name for name, _ in pairs).most_common(1)
        raise ValueError(f"it names {name} twice")
    return found


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is no number")


def _reason(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"it has no entry {error}"
    return " ".join(str(error).split())[:200] or type(error).__name__
