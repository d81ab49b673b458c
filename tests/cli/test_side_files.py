"""No command replaces a model by what is said of it, or finds out after its work that it cannot say it."""

from pathlib import Path

import pytest

from tests.cli.conftest import Run


@pytest.mark.parametrize(
    "arguments",
    [
        ["fold", "net.onnx", "-o", "out.onnx", "--certificate", "net.onnx"],
        ["fold", "net.onnx", "-o", "out.onnx", "--json", "out.onnx"],
        ["fold", "net.onnx", "-o", "out.onnx", "--json", "out.onnx.data"],
        ["fold", "net.onnx", "-o", "out.onnx", "--json", "a.json", "--report", "a.json"],
        ["fold", "net.onnx", "-o", "out.onnx", "--json", "none/a.json"],
        ["fold", "net.onnx", "net.onnx", "-o", "many", "--json", "net.onnx"],
        ["inspect", "net.onnx", "--json", "net.onnx"],
        ["verify", "net.onnx", "net.onnx", "--json", "net.onnx"],
        ["verify", "net.onnx", "net.onnx", "--json", "none/a.json"],
        ["diff", "net.onnx", "net.onnx", "--json", "net.onnx"],
        ["bench", "net.onnx", "--csv", "none/a.csv"],
        ["bench", "net.onnx", "--csv", "net.onnx"],
        ["bench", "--load", "b.json", "--csv", "b.json"],
        ["report", "b.json", "-o", "b.json"],
    ],
    ids=" ".join,
)
def test_it_is_refused_and_nothing_is_touched(run: Run, net: Path, tmp_path: Path, arguments: list[str]) -> None:
    (tmp_path / "b.json").write_text("{}")
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    done = run(*arguments)
    assert done.returncode == 2, done.stderr
    (sentence,) = done.stderr.splitlines()
    assert any(words in sentence for words in ("already", "both name", "does not exist; create"))
    assert done.stdout == ""
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_weights_of_another_model_are_not_replaced(run: Run, net: Path, tmp_path: Path) -> None:
    (tmp_path / "out.onnx.data").write_text("mine")
    quick = ("--no-verify", "--no-bench", "--external-data")
    done = run("fold", net, "-o", "out.onnx", *quick)
    assert done.returncode == 2
    assert "out.onnx.data exists; give another name, or --force" in done.stderr
    assert (tmp_path / "out.onnx.data").read_text() == "mine"
    assert run("fold", net, "-o", "out.onnx", *quick, "--force").returncode == 0
    assert (tmp_path / "out.onnx.data").read_bytes() != b"mine"


def test_the_verdict_is_shown_even_if_its_file_cannot_be_written(run: Run, net: Path) -> None:
    done = run("inspect", net, "--json", "/dev/full")
    assert done.returncode == 2
    assert "bn1       BatchNormalization   conv1" in done.stdout
    assert "cannot be written to /dev/full: No space left on device" in done.stderr
