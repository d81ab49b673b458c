"""The certificate file: nothing is lost, and what is not what it should be is refused in one sentence."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from bnfold.errors import SourceError, UsageError
from bnfold.proof.certificate import Certificate, Claim, digest, read, write
from tests.cli.conftest import small_net


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path, Path]:
    """A certificate path and two models."""
    models = tmp_path / "a.onnx", tmp_path / "b.onnx"
    for seed, path in enumerate(models):
        onnx.save(small_net(seed), path)
    return tmp_path / "claims.json", *models


def claims() -> Certificate:
    random = np.random.default_rng(0)
    scale, shift = np.exp(random.normal(size=(2, 1, 4, 1, 1)) * 20)
    looked_at = Claim("", np.asarray(1.0), np.asarray(0.0), (0, 2, 1))
    return Certificate(
        {"a": Claim("b", scale, shift), "c": Claim("c", np.asarray(0.1), np.asarray(0.0)), "d": looked_at}, ("k",)
    )


def test_every_bit_comes_back(files: tuple[Path, Path, Path]) -> None:
    write(claims(), *files)
    back = read(*files)
    assert back.frozen_inputs == ("k",)
    assert back.claims.keys() == claims().claims.keys()
    for name, claim in claims().claims.items():
        assert (back.claims[name].stored, back.claims[name].perm) == (claim.stored, claim.perm)
        np.testing.assert_array_equal(back.claims[name].scale, claim.scale)
        np.testing.assert_array_equal(back.claims[name].shift, claim.shift)


@pytest.mark.parametrize("which", [1, 2])
def test_other_files_are_refused(files: tuple[Path, Path, Path], which: int) -> None:
    write(claims(), *files)
    onnx.save(small_net(7), files[which])
    with pytest.raises(UsageError, match=f"is not about {files[which]}"):
        read(*files)


def test_external_data_counts(tmp_path: Path, files: tuple[Path, Path, Path]) -> None:
    path = tmp_path / "c.onnx"
    onnx.save(small_net(), path, save_as_external_data=True, location="c.data", size_threshold=0)
    before = digest(path)
    assert set(before) == {"sha256", "c.data"}
    data = bytearray((tmp_path / "c.data").read_bytes())
    data[5] ^= 1
    (tmp_path / "c.data").write_bytes(bytes(data))
    assert digest(path) != before
    assert digest(path)["sha256"] == before["sha256"]


def spoiled(change: Callable[[dict[str, Any]], object]) -> Callable[[str], str]:
    def spoil(text: str) -> str:
        data = json.loads(text)
        change(data)
        return json.dumps(data)

    return spoil


SPOILED = {
    "no JSON": (lambda text: text[:50], "not a certificate"),
    "a list": (lambda _: "[]", "it is no JSON object"),
    "tensors in a list": (spoiled(lambda data: data.update(tensors=[])), "its tensors are no JSON object"),
    "a tensor that is a list": (
        spoiled(lambda data: data["tensors"].update(a=[])),
        "the entry of a is no JSON object",
    ),
    "a later version": (spoiled(lambda data: data.update(version=2)), "its version is 2, not 1"),
    "another format": (spoiled(lambda data: data.update(format="x")), "its format is 'x', not 'bnfold certificate'"),
    "no tensors": (spoiled(lambda data: data.pop("tensors")), "it has no entry 'tensors'"),
    "one entry more": (spoiled(lambda data: data.update(trust="me")), "it has an entry trust"),
    "a claim with more": (spoiled(lambda data: data["tensors"]["a"].update(proved=True)), "entry of a"),
    "a claim without a tensor": (spoiled(lambda data: data["tensors"]["a"].pop("stored")), "no entry 'stored'"),
    "half a number": (spoiled(lambda data: data["tensors"]["a"].update(scale="AAA=")), "not a certificate"),
    "no base64": (spoiled(lambda data: data["tensors"]["a"].update(scale="?!")), "not a certificate"),
    "another shape": (
        spoiled(lambda data: data["tensors"]["a"].update(shape=[1, 5, 1, 1])),
        "scale of a has 4 numbers",
    ),
    "a negative shape": (spoiled(lambda data: data["tensors"]["a"].update(shape=[-1, 4, 1, 1])), "positive integers"),
    "an infinite shape": (lambda text: text.replace('"shape": [1,', '"shape": [1e999,'), "positive integers"),
    "a huge shape": (spoiled(lambda data: data["tensors"]["a"].update(shape=[1 << 40, 4])), "scale of a has 4 numbers"),
    "a huge shape of no numbers": (
        spoiled(lambda data: data["tensors"]["d"].update(shape=[1 << 40])),
        "more than 16777216",
    ),
    "more axes than there are": (
        spoiled(lambda data: data["tensors"]["d"].update(shape=[1] * 99)),
        "not a certificate",
    ),
    "half an axis": (spoiled(lambda data: data["tensors"]["d"].update(perm=[0, 2.0, 1])), "layout of d is no perm"),
    "a tensor named twice": (lambda text: text.replace('"c": ', '"a": '), "it names a twice"),
    "another one named twice": (lambda text: text.replace('"d": ', '"c": '), "it names c twice"),
    "NaN": (lambda text: text.replace('"version": 1', '"version": NaN'), "NaN is no number"),
}


@pytest.mark.parametrize("name", SPOILED)
def test_a_spoiled_certificate_is_refused(files: tuple[Path, Path, Path], name: str) -> None:
    spoil, sentence = SPOILED[name]
    write(claims(), *files)
    text = files[0].read_text()
    files[0].write_text(spoil(text))
    assert files[0].read_text() != text
    with pytest.raises(SourceError, match=sentence):
        read(*files)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("key", ["scale", "shift"])
def test_units_must_be_finite(files: tuple[Path, Path, Path], key: str, value: float) -> None:
    numbers = {"scale": np.ones(()), "shift": np.zeros(())} | {key: np.asarray(value)}
    write(Certificate({"a": Claim("b", **numbers)}), *files)
    with pytest.raises(SourceError, match=f"the {key} of a is not finite"):
        read(*files)


def test_a_missing_certificate_is_a_sentence(files: tuple[Path, Path, Path]) -> None:
    with pytest.raises(SourceError, match="cannot be read: No such file"):
        read(*files)
    with pytest.raises(UsageError, match="cannot be written"):
        write(claims(), files[0].parent / "none" / "c.json", *files[1:])
