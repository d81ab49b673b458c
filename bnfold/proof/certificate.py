"""The certificate file: which tensor of the folded model stores which tensor of the original, in which units.

One JSON object; numbers are base64 of little-endian float64, so nothing is lost. The format is documented in
docs/certificate.md. A certificate only claims; `bnfold.proof.checker` decides whether the claims are true.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx.external_data_helper import uses_external_data

from bnfold.errors import SourceError, UsageError

FORMAT = "bnfold certificate"
VERSION = 1
_BLOCK = 1 << 20


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
        SourceError: it is missing, damaged or of another version.
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
    """SHA-256 of a file and, for an ONNX model with external data, of every file that holds some, by name."""
    found = {"sha256": _sha256(path)}
    if path.suffix.lower() == ".onnx":
        model = onnx.load(path, load_external_data=False)
        locations = {
            entry.value
            for tensor in model.graph.initializer
            if uses_external_data(tensor)
            for entry in tensor.external_data
            if entry.key == "location"
        }
        found |= {name: _sha256(path.parent / name) for name in sorted(locations)}
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
    if data["format"] != FORMAT or data["version"] != VERSION:
        raise ValueError(f"its version is {data['version']}, not {VERSION}")
    unknown = set(data) - {"format", "version", "original", "folded", "frozen_inputs", "tensors"}
    if unknown:
        raise ValueError(f"it has an entry {min(unknown)}")
    return Certificate(
        {str(name): _claim(name, entry) for name, entry in data["tensors"].items()},
        tuple(str(name) for name in data["frozen_inputs"]),
    )


def _claim(name: str, entry: Mapping[str, Any]) -> Claim:
    stored = entry.get("stored", "") if "perm" in entry else entry["stored"]
    if set(entry) - {"stored", "shape", "scale", "shift", "perm"} or not isinstance(stored, str):
        raise ValueError(f"the entry of {name} is not understood")
    shape = [int(extent) for extent in entry.get("shape", [])]
    if any(extent < 1 for extent in shape):
        raise ValueError(f"the shape of {name} is not positive")
    scale, shift = (_array(name, entry, key, shape, default) for key, default in (("scale", 1.0), ("shift", 0.0)))
    perm = tuple(int(axis) for axis in entry["perm"]) if "perm" in entry else None
    if perm is not None and sorted(perm) != list(range(len(perm))):
        raise ValueError(f"the layout of {name} is no permutation")
    return Claim(stored, scale, shift, perm)


def _array(name: str, entry: Mapping[str, Any], key: str, shape: Sequence[int], default: float) -> Any:
    if key not in entry:
        return np.full(shape, default)
    array = np.frombuffer(base64.b64decode(entry[key], validate=True), "<f8").astype(np.float64)
    if not np.isfinite(array).all():
        raise ValueError(f"the {key} of {name} is not finite")
    return array.reshape(shape)


def _unique(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"it names {next(name for name in names if names.count(name) > 1)} twice")
    return found


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is no number")


def _reason(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"it has no entry {error}"
    return " ".join(str(error).split())[:200] or type(error).__name__
