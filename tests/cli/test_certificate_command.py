"""`fold --certificate` and `verify --certificate`: written, checked again, refused."""

import json
from pathlib import Path

import onnx
import pytest
from onnx import numpy_helper

import bnfold
from bnfold.errors import UsageError
from tests.cli.conftest import Run, small_net


def test_a_certificate_is_written_and_checked_again(run: Run, tmp_path: Path, net: Path) -> None:
    done = run("fold", net, "-o", "out.onnx", "--certificate", "c.json", "--no-bench", "--json", "r.json")
    assert done.returncode == 0, done.stderr
    assert "Proof: equivalent, proved for every input" in done.stdout
    proof = json.loads((tmp_path / "r.json").read_text())["proof"]
    assert proof["verdict"] == "proved"
    assert 0 < proof["weights"]["max_ulp"] <= 0.5 + 1e-6
    again = run("verify", net, "out.onnx", "--certificate", "c.json")
    assert again.returncode == 0, again.stderr
    assert "Certificate: proved for every input" in again.stdout
    other = run("verify", "out.onnx", "out.onnx", "--certificate", "c.json")
    assert other.returncode == 2
    assert other.stderr.count("\n") == 1
    assert "is not about out.onnx" in other.stderr


def test_what_is_not_proved_ends_with_1(run: Run, tmp_path: Path, net: Path) -> None:
    bnfold.fold(net, output=tmp_path / "out.onnx", certificate=tmp_path / "c.json", verify=False)
    before = json.loads((tmp_path / "c.json").read_text())
    model = onnx.load(tmp_path / "out.onnx")
    weight = next(tensor for tensor in model.graph.initializer if tensor.name == "w1")
    value = numpy_helper.to_array(weight).copy()
    value[1, 2, 0, 0] *= 1.001
    weight.CopyFrom(numpy_helper.from_array(value, "w1"))
    onnx.save(model, tmp_path / "out.onnx")
    from bnfold.proof.certificate import digest

    (tmp_path / "c.json").write_text(json.dumps(before | {"folded": digest(tmp_path / "out.onnx")}))
    done = run("verify", net, "out.onnx", "--certificate", "c.json", "--json", "-")
    assert done.returncode == 1
    assert "does not prove" in done.stderr
    (open_,) = json.loads(done.stdout)["unproved"]
    assert open_["node"] == "conv1"


def test_options_that_change_the_file_exclude_a_certificate(tmp_path: Path, net: Path) -> None:
    for more in ({"opset": 18}, {"simplify": True}, {"precision": "fp16"}):
        with pytest.raises(UsageError, match="A certificate is about"):
            bnfold.fold(net, output=tmp_path / "out.onnx", certificate=tmp_path / "c.json", **more)
    with pytest.raises(UsageError, match="it needs an output"):
        bnfold.fold(net, certificate=tmp_path / "c.json")
    assert not (tmp_path / "c.json").exists()


def test_without_a_run_the_head_of_the_proof_is_that_of_the_certificate(run: Run, net: Path) -> None:
    done = run("fold", net, "-o", "out.onnx", "--no-verify", "--no-bench", "--certificate", "c.json")
    assert done.returncode == 0, done.stderr
    assert "Proof: proved for every input; nothing was run" in done.stdout
    assert "Running both models to compare them was switched off." in done.stdout


def test_several_models_have_no_certificate_in_common(run: Run, tmp_path: Path, net: Path) -> None:
    onnx.save(small_net(1), tmp_path / "other.onnx")
    done = run("fold", net, "other.onnx", "-o", "folder", "--certificate", "c.json")
    assert done.returncode == 2
    assert "--certificate takes one model" in done.stderr


def test_an_input_with_a_default_must_be_left_alone(tmp_path: Path) -> None:
    model = small_net()
    model.graph.input.append(onnx.helper.make_tensor_value_info("scale", onnx.TensorProto.FLOAT, [4]))
    onnx.save(model, tmp_path / "net.onnx")
    files = tmp_path / "net.onnx", tmp_path / "out.onnx", tmp_path / "c.json"
    proof = bnfold.fold(files[0], output=files[1], certificate=files[2], freeze_inputs=True).report.proof
    assert proof is not None
    assert proof.proved
    assert proof.sentence == "proved for every input, scale left at the default"
    assert bnfold.verify_certificate(*files).proved
