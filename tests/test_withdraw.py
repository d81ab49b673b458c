"""A proof that fails at a removal takes that removal back, whatever failed, and says so: through the command itself."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
import pytest

from bnfold import folding
from bnfold.cli import main
from bnfold.gauge import precision
from bnfold.graph.apply import apply_plan
from bnfold.graph.tensors import exact_of, set_exact
from bnfold.network import Computed
from bnfold.withdraw import ROUNDS
from tests.networks import Net


def command(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    """`bnfold` with these arguments in this process; its exit code."""
    monkeypatch.setattr(sys, "argv", ["bnfold", *map(str, arguments)])
    with pytest.raises(SystemExit) as left:
        main()
    return int(left.value.code or 0)


def two_norms() -> onnx.ModelProto:
    """Conv bn1 Relu conv2 bn2: two removals that have nothing to do with each other."""
    net = Net(seed=8)
    x = net.node("Relu", net.bn(net.conv(net.input(1, 3, 6, 6), 4, name="conv1"), name="bn1"))
    return net.model(net.bn(net.conv(x, 4, name="conv2"), name="bn2"))


def distant(shift: float) -> onnx.ModelProto:
    """A stream that a convolution reads as it is, and a batch normalization far from 0 in front of a Relu."""
    net = Net(seed=9)
    stream = net.conv(net.input(1, 3, 6, 6), 4, name="stem")
    far = net.bn(stream, beta=np.full(4, shift), mean=np.zeros(4), variance=np.ones(4), gamma=np.ones(4), name="far")
    near = net.conv(stream, 4, name="near", pads=[0] * 4)
    return net.model(near, net.node("Sigmoid", net.conv(net.node("Relu", far), 4, name="behind", pads=[0] * 4)))


def wrong_rule(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    """A rule that is wrong on purpose: computed initializers named like this are off by 1e-4, rounded or not."""

    def sabotage(model: ir.Model, facts: Any, plan: Any) -> Any:
        stored = apply_plan(model, facts, plan)
        for name, value in model.graph.initializers.items():
            honest = exact_of(value)
            if honest is not None and name in names:
                wrong = Computed(honest.shape, lambda honest=honest: honest.numpy() * 1.0001)
                set_exact(value, wrong, ir.DataType.FLOAT, name)
        return stored

    monkeypatch.setattr(folding, "apply_plan", sabotage)


def folded(monkeypatch: pytest.MonkeyPatch, model: onnx.ModelProto, folder: Path) -> tuple[int, dict[str, Any]]:
    """Exit code and JSON report of `bnfold fold`."""
    onnx.save(model, folder / "model.onnx")
    arguments = (
        "fold",
        folder / "model.onnx",
        "-o",
        folder / "out.onnx",
        "--json",
        folder / "report.json",
        "--no-bench",
    )
    code = command(monkeypatch, *arguments)
    return code, json.loads((folder / "report.json").read_text())


def kept(report: dict[str, Any]) -> dict[str, str]:
    return {d["node"]: d["reason"]["code"] for d in report["decisions"] if d["status"] == "kept"}


def test_a_wrong_rule_costs_its_own_removal_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = two_norms()
    (weight,) = (node.input[1] for node in model.graph.node if node.name == "conv2")
    wrong_rule(monkeypatch, weight)
    code, report = folded(monkeypatch, model, tmp_path)
    assert code == 0
    assert kept(report) == {"bn2": "withdrawn"}
    assert report["verification"]["verdict"] == "equivalent"
    told = report["verification"]["sentences"][0]
    assert told.startswith(f"Round 1 of at most {ROUNDS}: the proof failed at ")
    assert "so the removal of bn2 was withdrawn and the rest solved again." in told
    assert report["proof"]["verdict"] == "proved"
    assert (tmp_path / "out.onnx").exists()


def test_rounding_that_grew_is_withdrawn_where_it_grew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "MAX_LOST_BITS", 40.0)
    code, report = folded(monkeypatch, distant(3e4), tmp_path)
    assert code == 0
    assert kept(report) == {"far": "withdrawn"}
    told = report["verification"]["sentences"][0]
    assert told.startswith(f"Round 1 of at most {ROUNDS}: rounding grew at stem")
    assert "the removal of far was withdrawn" in told


def test_rounding_is_not_blamed_where_the_rewrite_is_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bnfold.withdraw.ROUNDS", 0)
    monkeypatch.setattr(precision, "MAX_LOST_BITS", 40.0)
    code, report = folded(monkeypatch, distant(3e4), tmp_path)
    assert code == 1
    assert not (tmp_path / "out.onnx").exists()
    found = report["verification"]
    assert found["algebra"]["max_rel"] <= found["algebra"]["bound"]
    assert found["blame"]["site"]["tensor"] == "stem.y"
    assert found["blame"]["own"] < found["blame"]["site"]["bound"] < found["blame"]["site"]["error"]
    assert any(sentence.startswith("The first tensor whose rounding grew is stem.y") for sentence in found["sentences"])


def test_within_the_accepted_bits_nothing_is_withdrawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code, report = folded(monkeypatch, distant(0.5), tmp_path)
    assert code == 0
    assert kept(report) == {}
    assert not report["verification"]["sentences"][0].startswith("Round")
