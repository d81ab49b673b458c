"""Bad input: one sentence on stderr, the right exit code, no file at the output, nothing overwritten."""

import os
import pickle
import signal
import subprocess
import sys
import time
from pathlib import Path

import onnx
import pytest
import torch

from tests.cli.conftest import MODELS, ROOT, Run, small_net


def refused(run: Run, folder: Path, code: int, says: str, *arguments: object) -> None:
    before = {path: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    done = run(*arguments)
    assert done.returncode == code, done.stderr
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("bnfold: ")
    assert says in lines[0]
    assert {path: path.read_bytes() for path in folder.iterdir()} == before


def fold(source: object) -> tuple[object, ...]:
    return ("fold", source, "-o", "out.onnx", "--no-bench")


def test_missing_file(run: Run, tmp_path: Path) -> None:
    refused(run, tmp_path, 3, "missing.onnx does not exist", *fold("missing.onnx"))


@pytest.mark.parametrize("name", ["empty.onnx", "empty.pt"])
def test_empty_file(run: Run, tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    refused(run, tmp_path, 3, f"{name} is empty", *fold(name))


def test_unknown_kind_of_file(run: Run, tmp_path: Path) -> None:
    (tmp_path / "model.tflite").write_bytes(b"x")
    refused(run, tmp_path, 3, "reads .onnx", *fold("model.tflite"))


def test_text_called_onnx(run: Run, tmp_path: Path) -> None:
    (tmp_path / "text.onnx").write_text("this is no model\n")
    refused(run, tmp_path, 3, "text.onnx is not a valid ONNX model", *fold("text.onnx"))


@pytest.mark.parametrize("share", [0.3, 0.9, 0.999])
def test_truncated_onnx(run: Run, tmp_path: Path, share: float) -> None:
    whole = small_net().SerializeToString()
    (tmp_path / "cut.onnx").write_bytes(whole[: int(share * len(whole))])
    refused(run, tmp_path, 3, "cut.onnx is not a valid ONNX model", *fold("cut.onnx"))


def test_truncated_checkpoint(run: Run, tmp_path: Path) -> None:
    whole = (MODELS / "resnet20_digits.pt").read_bytes()
    (tmp_path / "cut.pt").write_bytes(whole[: len(whole) // 2])
    refused(run, tmp_path, 3, "cut.pt is not a PyTorch checkpoint, or it is damaged", *fold("cut.pt"))


def test_checkpoint_of_something_else(run: Run, tmp_path: Path) -> None:
    torch.save([1, 2, 3], tmp_path / "list.pt")
    refused(run, tmp_path, 3, "holds a list, not a module or a state dict", *fold("list.pt"))
    (tmp_path / "plain.pt").write_bytes(pickle.dumps({"x": 1}))
    refused(run, tmp_path, 3, "plain.pt", *fold("plain.pt"))


class Payload:
    """Unpickled as code, it would leave a file behind."""

    def __reduce__(self) -> tuple[object, ...]:
        return os.system, ("touch pwned",)


def test_checkpoint_that_wants_to_run_code(run: Run, tmp_path: Path) -> None:
    torch.save(Payload(), tmp_path / "evil.pt")
    refused(run, tmp_path, 3, "posix.system", *fold("evil.pt"))


def test_unknown_architecture(run: Run, tmp_path: Path) -> None:
    torch.save(torch.nn.Linear(3, 2).state_dict(), tmp_path / "linear.pt")
    refused(run, tmp_path, 3, "not of the ResNet family", *fold("linear.pt"))


def test_output_folder_that_does_not_exist(run: Run, tmp_path: Path, net: Path) -> None:
    refused(run, tmp_path, 2, "output folder nowhere does not exist", "fold", net, "-o", "nowhere/out.onnx")


def test_output_that_exists(run: Run, tmp_path: Path, net: Path) -> None:
    (tmp_path / "out.onnx").write_bytes(b"precious")
    refused(run, tmp_path, 2, "--force", *fold(net))


def test_output_of_another_kind(run: Run, tmp_path: Path, net: Path) -> None:
    refused(run, tmp_path, 2, "must end in .onnx", "fold", net, "-o", "out.bin")


@pytest.mark.parametrize(
    ("option", "says"),
    [
        ("input:1,4,8,8", "fixed to 3, not 4"),
        ("input:1,3,8", "input"),
        ("other:1,3,8,8", "other"),
        ("input", "not of the form"),
        ("input:1,a", "not of the form"),
        ("input:0,3,8,8", "not of the form"),
    ],
)
def test_input_shape_that_does_not_fit(run: Run, tmp_path: Path, net: Path, option: str, says: str) -> None:
    refused(run, tmp_path, 2, says, *fold(net), "--input", option)


def test_input_shape_that_a_module_does_not_take(run: Run, tmp_path: Path) -> None:
    source = MODELS / "resnet20_digits.pt"
    refused(run, tmp_path, 2, "does not take an input of shape 1x3x8x8", *fold(source), "--input", "x:1,3,8,8")


def test_data_that_does_not_fit(run: Run, tmp_path: Path, net: Path) -> None:
    refused(run, tmp_path, 2, "input", *fold(net), "--data", MODELS / "digits_test.npz")
    refused(run, tmp_path, 3, "nothing.npz", *fold(net), "--data", "nothing.npz")


def test_a_graph_that_onnxruntime_cannot_run(run: Run, tmp_path: Path) -> None:
    model = small_net()
    node = model.graph.node.add(op_type="NoSuchOperator", domain="com.example", name="strange")
    node.input.append("output")
    node.output.append("other")
    model.opset_import.add(domain="com.example", version=1)
    model.graph.output.append(onnx.helper.make_tensor_value_info("other", 1, ["N", 2, 8, 8]))
    onnx.save(model, tmp_path / "strange.onnx")
    refused(run, tmp_path, 3, "NoSuchOperator", *fold("strange.onnx"))


def test_an_interrupt_leaves_nothing(tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "cli.py"), "fold", str(MODELS / "resnet20_digits.pt"), "-o", "out.onnx"]
    child = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 120
    while not list(tmp_path.iterdir()) and child.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    child.send_signal(signal.SIGINT)
    _, errors = child.communicate(timeout=60)
    assert child.returncode == 130, errors
    assert "Traceback" not in errors
    assert list(tmp_path.iterdir()) == []


def test_usage_errors_have_exit_code_2(run: Run) -> None:
    assert run("fold").returncode == 2
    assert run("no-such-command").returncode == 2
    assert run("fold", "x.onnx", "-o", "y.onnx", "--no-such-option").returncode == 2


def test_a_full_disk_is_one_sentence(tmp_path: Path) -> None:
    """No file beyond 4 KiB can be written, neither the one that is folded nor the result."""
    fold = (
        f"{sys.executable} {ROOT / 'cli.py'} fold {MODELS / 'resnet20v2_digits.pt'} -o out.onnx --no-bench --no-verify"
    )
    # The record of what the tests cover has no room either, and would say so beside the sentence.
    unmeasured = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    command = ["sh", "-c", f"ulimit -f 8; exec {fold}"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env=unmeasured)
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith("bnfold: there is no room to work in")
    assert len(done.stderr.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_standard_input_is_not_read(run: Run) -> None:
    done = run("inspect", "-")
    assert done.returncode == 3
    assert done.stderr == "bnfold: Standard input is not read; name a file.\n"
