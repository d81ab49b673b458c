"""onnxsim on the result, with its own proof."""

from pathlib import Path

import numpy as np
import onnx
import pytest

import bnfold
from bnfold.errors import SourceError, UsageError
from bnfold.outgoing import simplify
from bnfold.report.data import FoldDiffersError
from tests.networks import Net


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A convolution with BN, and a node that does nothing."""
    net = Net()
    x = net.bn(net.conv(net.input(1, 3, 8, 8), 4))
    onnx.save(net.model(net.relu(net.node("Transpose", net.node("Transpose", x)))), tmp_path / "in.onnx")
    return tmp_path / "in.onnx"


@pytest.mark.parametrize("name", ["out.onnx", "simplified.onnx"])
def test_simplified_and_proved_again(source: Path, name: str) -> None:
    target = source.with_name(name)
    result = bnfold.fold(source, output=target, simplify=True)
    report = result.report
    assert report.simplified is not None
    assert report.simplified.verdict == "equivalent"
    assert [node.op_type for node in onnx.load(target).graph.node] == ["Conv", "Relu"]
    assert [node.op_type for node in result.model.graph] == ["Conv", "Relu"]
    assert sorted(path.name for path in source.parent.iterdir()) == ["in.onnx", name]


def test_a_wrong_simplification_is_noticed(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def sabotage(path: Path, *, external: bool = False) -> None:
        model = onnx.load(path)
        values = onnx.numpy_helper.to_array(model.graph.initializer[0]) * np.float32(1.01)
        model.graph.initializer[0].CopyFrom(onnx.numpy_helper.from_array(values, model.graph.initializer[0].name))
        onnx.save(model, path)

    monkeypatch.setattr(simplify, "simplify", sabotage)
    with pytest.raises(FoldDiffersError):
        bnfold.fold(source, output=source.with_name("out.onnx"), simplify=True, verify=False)
    assert not source.with_name("out.onnx").exists()


def test_a_simplifier_that_fails_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "bad.onnx").write_bytes(b"nothing")
    with pytest.raises(SourceError, match="leave --simplify out"):
        simplify.simplify(tmp_path / "bad.onnx")


def test_not_together_with_float16(source: Path) -> None:
    with pytest.raises(UsageError, match="exclude each other"):
        bnfold.fold(source, simplify=True, precision="fp16")
