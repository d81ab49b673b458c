"""A folded model says itself what was kept for a reason that is no longer to be seen."""

import json
from pathlib import Path

import numpy as np
import onnx
import onnx_ir as ir
import pytest

import bnfold
from bnfold.graph.memory import recall
from bnfold.memory import KEY, decoded, encoded
from bnfold.plan import Code, Reason
from tests.networks import Net

REASON = Reason(Code.PRECISION, "it loses 9 bits", 3, "conv1", (3, 5))


@pytest.mark.parametrize("code", Code)
def test_reasons_survive_as_they_are(code: Code) -> None:
    kept = {"a/b": Reason(code, "why", None, None), "bn": REASON}
    assert decoded(encoded(kept)) == kept


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "3",
        '{"bn": 3}',
        '{"bn": {"code": "precision"}}',
        encoded({"bn": REASON}).replace("precision", "boredom"),
        encoded({"bn": REASON}).replace('"channel":3', '"channel":"x"'),
        encoded({"bn": REASON}).replace("[3,5]", '["x"]'),
        encoded({"bn": REASON}).replace("[3,5]", "3"),
        None,
    ],
)
def test_what_no_fold_wrote_says_nothing(text: str | None) -> None:
    assert decoded(text) == {}


def lossy(net: Net) -> list[str]:
    """A stream that would have to hold values a thousand times their spread away from zero."""
    x = net.conv(net.input(1, 3, 4, 4), 4)
    fixed = {"mean": np.zeros(4), "gamma": np.ones(4), "variance": np.ones(4)}
    y = net.bn(x, name="it", beta=np.full(4, 1000.0), **fixed)
    return [net.conv(net.node("Add", x, net.conv(net.relu(y), 4)), 4, pads=[0] * 4)]


def dead(net: Net) -> list[str]:
    """Only layers read it once the other normalization is gone."""
    x = net.conv(net.input(1, 3, 4, 4), 4)
    y = net.bn(x, name="it", gamma=np.asarray([0.0, 1.0, 1.0, 1.0]))
    return [net.node("Sigmoid", x), net.conv(net.bn(y), 4, pads=[0] * 4), net.conv(y, 4, pads=[0] * 4)]


CASES = {Code.PRECISION: lossy, Code.DEAD: dead}


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize("code", CASES)
def test_files_folded_twice(tmp_path: Path, code: Code, named: bool) -> None:
    net = Net()
    model = net.model(*CASES[code](net))
    if not named:
        for node in model.graph.node:
            node.ClearField("name")
    given, first, second = (tmp_path / f"{name}.onnx" for name in ("given", "first", "second"))
    onnx.save(model, given)
    once = bnfold.fold(given, output=first)
    twice = bnfold.fold(first, output=second)
    (kept,) = (decision for decision in once.plan.decisions if decision.reason is not None)
    assert kept.reason is not None
    assert kept.reason.code is code
    assert twice.plan.removed == ()
    assert [decision for decision in twice.plan.decisions if not decision.removed] == [kept]
    assert first.read_bytes() == second.read_bytes()
    entries = {entry.key: entry.value for entry in onnx.load(second).metadata_props}
    assert entries.pop(KEY)
    assert entries == {"author": "someone"}


def test_without_the_entry_the_fold_decides_afresh(tmp_path: Path) -> None:
    net = Net()
    given, first, second = (tmp_path / f"{name}.onnx" for name in ("given", "first", "second"))
    onnx.save(net.model(*dead(net)), given)
    bnfold.fold(given, output=first, merge=False)
    model = onnx.load(first)
    (entry,) = (entry for entry in model.metadata_props if entry.key == KEY)
    assert set(json.loads(entry.value)) == {"it"}
    model.metadata_props.remove(entry)
    onnx.save(model, first)
    assert bnfold.fold(first, output=second).plan.removed == ("it",)
    assert not recall(ir.load(second))


def test_nothing_to_remember_leaves_no_entry(tmp_path: Path) -> None:
    net = Net()
    given, first = tmp_path / "given.onnx", tmp_path / "first.onnx"
    x = net.conv(net.input(1, 3, 4, 4), 4)
    onnx.save(net.model(net.bn(net.node("Sigmoid", x)), x), given)
    bnfold.fold(given, output=first)
    assert [entry.key for entry in onnx.load(first).metadata_props] == ["author"]
