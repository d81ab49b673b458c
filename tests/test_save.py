"""Written whole or not at all: full disks, errors between two moves, kills, and what killed runs leave."""

import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
import pytest

import bnfold
from bnfold import save
from bnfold.errors import UsageError
from tests.cli.conftest import ROOT, small_net
from tests.networks import Net


def large_net() -> onnx.ModelProto:
    """Some 2 MB of weights, so that there is something to write."""
    net = Net()
    return net.model(net.bn(net.conv(net.input(1, 64, 4, 4), 900)))


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


@pytest.fixture
def pair(tmp_path: Path) -> Path:
    """A model and its data file, both about to be replaced."""
    onnx.save(large_net(), tmp_path / "in.onnx")
    (tmp_path / "out.onnx").write_bytes(b"old model")
    (tmp_path / "out.onnx.data").write_bytes(b"old data")
    return tmp_path


@pytest.mark.parametrize("external", [False, True])
def test_external_data_is_one_file_beside_the_model(tmp_path: Path, external: bool) -> None:
    onnx.save(large_net(), tmp_path / "in.onnx")
    bnfold.fold(tmp_path / "in.onnx", output=tmp_path / "out.onnx", external_data=external)
    assert (tmp_path / "out.onnx.data").exists() == external
    onnx.checker.check_model(str(tmp_path / "out.onnx"))
    weights = {t.name: onnx.numpy_helper.to_array(t) for t in onnx.load(tmp_path / "out.onnx").graph.initializer}
    assert weights["k0"].shape == (900, 64, 3, 3)
    again = bnfold.fold(tmp_path / "out.onnx", output=tmp_path / "again.onnx", verify=False)
    np.testing.assert_array_equal(again.model.graph.initializers["k0"].const_value.numpy(), weights["k0"])


@pytest.mark.parametrize("external", ["", "--external-data"])
def test_the_same_input_gives_the_same_bytes(tmp_path: Path, external: str) -> None:
    """In another folder, and with other hashes."""
    written = []
    for seed in ("1", "2"):
        folder = tmp_path / seed
        folder.mkdir()
        onnx.save(large_net(), folder / "in.onnx")
        command = [
            sys.executable,
            str(ROOT / "cli.py"),
            "fold",
            "in.onnx",
            "-o",
            "out.onnx",
            "--no-verify",
            "--no-bench",
        ]
        subprocess.run(
            [*command, *external.split()], cwd=folder, check=True, env={**os.environ, "PYTHONHASHSEED": seed}
        )
        written.append(contents(folder))
    assert written[0] == written[1]
    assert len(written[0]) == (3 if external else 2)


@pytest.mark.parametrize("external", ["", "--external-data"])
def test_a_full_disk_is_one_sentence_and_loses_nothing(pair: Path, external: str) -> None:
    before = contents(pair)
    limit = 1 << 20

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    command = [sys.executable, str(ROOT / "cli.py"), "fold", "in.onnx", "-o", "out.onnx", "--force", "--no-bench"]
    done = subprocess.run(
        [*command, "--no-verify", *external.split()], cwd=pair, capture_output=True, text=True, preexec_fn=limited
    )
    assert done.returncode == 2
    assert done.stderr == "bnfold: out.onnx cannot be written: there is no room for it.\n"
    assert contents(pair) == before
    assert len(list(pair.iterdir())) == len(before)


def test_the_first_move_is_taken_back_if_the_second_fails(pair: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = contents(pair)
    replace = Path.replace

    def fails(self: Path, target: Path) -> Path:
        if self.parent != pair and target.name == "out.onnx":
            raise OSError(28, "No space left on device")
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", fails)
    with save.staging(pair / "out.onnx") as staged:
        save.write(ir.from_proto(large_net()), staged, external=True)
        with pytest.raises(UsageError, match="No space left"):
            save.publish(staged, pair / "out.onnx")
    assert contents(pair) == before
    (pair / "out.onnx.data").unlink()
    with save.staging(pair / "out.onnx") as staged:
        save.write(ir.from_proto(large_net()), staged, external=True)
        with pytest.raises(UsageError, match="No space left"):
            save.publish(staged, pair / "out.onnx")
    assert not (pair / "out.onnx.data").exists()


def test_an_interrupt_between_the_moves_waits(pair: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    replace = Path.replace

    def interrupting(self: Path, target: Path) -> Path:
        os.kill(os.getpid(), signal.SIGINT)
        return replace(self, target)

    with save.staging(pair / "out.onnx") as staged:
        save.write(ir.from_proto(large_net()), staged, external=True)
        new = contents(staged.parent)
        monkeypatch.setattr(Path, "replace", interrupting)
        with pytest.raises(KeyboardInterrupt):
            save.publish(staged, pair / "out.onnx")
    assert {name: contents(pair)[name] for name in new} == new


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_leaves_what_was_there(pair: Path, ending: signal.Signals) -> None:
    before = contents(pair)
    child = _folding(pair)
    errors = _ended(child, ending)
    assert child.returncode == 130, errors
    assert contents(pair) == before
    assert len(list(pair.iterdir())) == len(before)


def test_the_next_run_removes_what_a_killed_one_left(pair: Path) -> None:
    before = contents(pair)
    child = _folding(pair)
    child.kill()
    child.communicate(timeout=60)
    assert contents(pair) == before
    assert len(list(pair.iterdir())) == len(before) + 1
    mine = pair / f".bnfold-{os.getpid()}-mine"
    mine.mkdir()
    with save.staging(pair / "new.onnx"):
        pass
    assert sorted(path.name for path in pair.iterdir()) == sorted([*before, mine.name])


def _ended(child: subprocess.Popen[str], ending: signal.Signals) -> str:
    """What a command says that is told to end; again, as its user would, since Python drops what a callback raises."""
    for _ in range(5):
        child.send_signal(ending)
        try:
            return child.communicate(timeout=20)[1]
        except subprocess.TimeoutExpired:
            continue
    raise AssertionError(f"{ending.name} does not end it")


def _folding(folder: Path) -> subprocess.Popen[str]:
    """The command at work, its folder beside the output just made."""
    command = [sys.executable, str(ROOT / "cli.py"), "fold", "in.onnx", "-o", "out.onnx", "--force"]
    child = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 120
    while not list(folder.glob(".bnfold-*")) and child.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    return child


def test_small_models_stay_in_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(save, "SINGLE_FILE_LIMIT", 100)
    save.write(ir.from_proto(small_net()), tmp_path / "a.onnx")
    assert (tmp_path / "a.onnx.data").exists()
    monkeypatch.undo()
    save.write(ir.from_proto(small_net()), tmp_path / "b.onnx")
    assert not (tmp_path / "b.onnx.data").exists()


def test_a_smaller_model_takes_the_place_of_a_larger_one_and_of_its_weights(tmp_path: Path) -> None:
    with save.staging(tmp_path / "a.onnx") as staged:
        save.write(ir.from_proto(large_net()), staged, external=True)
        save.write(ir.from_proto(small_net()), staged)
        save.publish(staged, tmp_path / "a.onnx")
    assert contents(tmp_path).keys() == {"a.onnx"}
    onnx.checker.check_model(tmp_path / "a.onnx", full_check=True)


def test_an_interrupt_while_the_folder_is_made_leaves_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make = tempfile.mkdtemp

    def interrupted(*arguments: Any, **options: Any) -> str:
        folder = make(*arguments, **options)
        signal.raise_signal(signal.SIGINT)
        return folder

    monkeypatch.setattr(tempfile, "mkdtemp", interrupted)
    with pytest.raises(KeyboardInterrupt), save.staging(tmp_path / "out.onnx"):
        pass
    assert list(tmp_path.iterdir()) == []
