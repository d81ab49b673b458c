"""The options that make a model take raw images."""

import json
from pathlib import Path

import onnx
import pytest

from bnfold.cli.options import parse_images
from bnfold.errors import UsageError
from tests.cli.conftest import Run
from tests.sources.test_raw_images import network


def test_on_the_command_line(run: Run, tmp_path: Path) -> None:
    onnx.save(network(), tmp_path / "in.onnx")
    options = ("--normalize", "x:imagenet", "--input-layout", "nhwc", "--input-dtype", "uint8")
    done = run("fold", "in.onnx", "-o", "out.onnx", "--no-bench", "--input", "x:2,3,9,11", *options, "--json", "-")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["affine"] == {"before": 3, "removed": 2, "after": 1}
    assert "x / 255" in report["description"]
    shown = run("inspect", "in.onnx", "--normalize", "0.1,0.2,0.3,0.5,0.5,0.6")
    assert "normalize.mean" in shown.stdout


@pytest.mark.parametrize("wrong", ["imagenot", "0.5", "0.1,0.2,0.3", "x:", "", "x:0.5,"])
def test_what_is_no_normalization(wrong: str) -> None:
    with pytest.raises(UsageError, match="neither imagenet nor"):
        parse_images(wrong, None, None)


def test_options_that_change_nothing() -> None:
    assert parse_images(None, None, None) is None
    assert parse_images(None, "nchw", None) is None
