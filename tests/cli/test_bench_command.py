"""`bnfold bench` through the command line."""

import json
from pathlib import Path

import onnx
import pytest

from tests.cli.conftest import Run, small_net


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    """The small net without its BatchNormalization."""
    path = tmp_path / "plain.onnx"
    onnx.save(small_net(affine=False), path)
    return path


def test_every_setting_is_measured_kept_and_shown_again(run: Run, net: Path, plain: Path, tmp_path: Path) -> None:
    files = ("--json", "b.json", "--csv", "b.csv", "--plot", "b.svg")
    grid = ("--batch", "1,4", "--level", "basic,all", "--seconds", "0.1")
    done = run("bench", plain, "--against", net, *grid, "--profile", *files)
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "b.json").read_text())
    cells = [(c["name"], c["setting"]["shapes"]["input"][0], c["setting"]["level"]) for c in found["contestants"]]
    assert cells == [(n, batch, level) for batch in (1, 4) for level in ("basic", "all") for n in ("net", "plain")]
    assert {(c["reference"], c["candidate"]) for c in found["comparisons"]} == {("net", "plain")}
    assert [profile["name"] for profile in found["profiles"]] == ["net", "plain"]
    assert all(profile["roof"]["multiply_adds"] > 0 for profile in found["profiles"])
    assert "<svg" in (tmp_path / "b.svg").read_text()
    assert (tmp_path / "b.csv").read_text().startswith("model,role,provider,threads,shapes,level,block,run,seconds")
    for words in ("input 1x3x8x8", "input 4x3x8x8", "samples/s", "A/A [95 %]", "of roof", "Conv"):
        assert words in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 100

    again = run("bench", "--load", "b.json")
    assert again.returncode == 0
    assert again.stdout.strip() == done.stdout[: done.stdout.index("Where a run goes")].strip()

    compared = run("bench", "--load", "b.json", "--load", "b.json")
    assert compared.stdout.count("1.00x") == len(cells)
    assert "not measured in turn" in compared.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--batch", "0"], "--batch 0 is not a number from 1 on"),
        (["--threads", "one"], "--threads one is not a number from 1 on"),
        (["--level", "some"], "Levels are different ones of disabled, basic, all"),
        (["--provider", "tpu"], "There is no provider 'tpu'"),
        (["--provider", "cuda"], "cuda needs onnxruntime-gpu"),
        (["--load", "b.json"], "takes no models and measures nothing"),
        (["--plot", "b.jpg"], "must end in"),
        (["--input", "other:1,3,8,8"], "There is no input 'other'"),
    ],
)
def test_what_cannot_be_measured_is_one_sentence(run: Run, net: Path, arguments: list[str], words: str) -> None:
    done = run("bench", net, "--seconds", "0.1", *arguments)
    assert done.returncode == 2
    assert words in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr


def test_no_model_and_a_fixed_batch(run: Run, tmp_path: Path) -> None:
    assert "There is no model to measure" in run("bench").stderr
    model = small_net()
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 2
    model.graph.output[0].type.tensor_type.shape.dim[0].dim_value = 2
    onnx.save(model, tmp_path / "fixed.onnx")
    done = run("bench", "fixed.onnx", "--batch", "1", "--seconds", "0.1")
    assert done.returncode == 2
    assert "Input 'input' has a fixed first axis of 2, so --batch 1 cannot be measured" in " ".join(done.stderr.split())


def test_a_file_without_a_benchmark(run: Run, tmp_path: Path) -> None:
    (tmp_path / "b.json").write_text("{}")
    done = run("bench", "--load", "b.json")
    assert done.returncode == 3
    assert "holds no benchmark" in done.stderr
