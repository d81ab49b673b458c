"""An option that nothing would come of is refused: exit code 2, one sentence, nothing written."""

from functools import partial
from pathlib import Path

import onnx
import pytest
from typer.testing import CliRunner

import bnfold
from bnfold.cli.app import app
from bnfold.errors import UsageError
from bnfold.verification import Preprocess, Settings, Tolerances
from tests.cli.conftest import small_net


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in that holds one model."""
    onnx.save(small_net(), tmp_path / "net.onnx")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refused(here: Path, says: str, *arguments: str) -> None:
    before = sorted(here.iterdir())
    done = CliRunner().invoke(app, arguments)
    assert (done.exit_code, done.stdout) == (2, "")
    assert says in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert sorted(here.iterdir()) == before


VERIFY = [
    (["--data", "nonexist.npz"], "--data"),
    (["--plot", "nix.svg"], "--plot"),
    (["--atol", "1"], "--atol and --rtol"),
    (["--rtol", "output:1"], "--atol and --rtol"),
    (["--size", "8"], "--mean, --std and --size"),
    (["--timeout", "3"], "--timeout and --memory"),
    (["--memory", "300"], "--timeout and --memory"),
    (["--thorough"], "--thorough"),
    (["--input", "input:1,3,8,8", "--input", "input:2,3,8,8"], "another --input shape"),
]


@pytest.mark.parametrize(("options", "called"), VERIFY)
def test_a_certificate_is_checked_without_running_anything(here: Path, options: list[str], called: str) -> None:
    bnfold.fold("net.onnx", output="out.onnx", certificate="c.json", verify=False)
    says = f"A certificate is checked without running anything, where there is no use for {called}: leave that out."
    refused(here, says, "verify", "net.onnx", "out.onnx", "--certificate", "c.json", *options)


NO_VERIFY = [
    (["--data", "nofile.npz"], "--data"),
    (["--atol", "1"], "tolerances, limits and --thorough"),
    (["--timeout", "3"], "tolerances, limits and --thorough"),
    (["--thorough"], "tolerances, limits and --thorough"),
    (["--input", "input:1,3,8,8", "--input", "input:2,3,8,8"], "another --input shape"),
    (["--data", "nofile.npz", "--mean", "0.5"], "--data, --mean, --std and --size"),
]


@pytest.mark.parametrize(("options", "called"), NO_VERIFY)
def test_without_a_verification(here: Path, options: list[str], called: str) -> None:
    says = f"Without a verification there is no use for {called}: leave that out."
    refused(here, says, "fold", "net.onnx", "-o", "out.onnx", "--no-verify", "--no-bench", *options)


def test_without_a_verification_in_python(here: Path) -> None:
    loose = Settings(Tolerances(atol={"": 1.0}))
    for more in ({"data": "x.npz"}, {"settings": loose}, {"preprocess": Preprocess()}):
        with pytest.raises(UsageError, match="Without a verification"):
            bnfold.fold("net.onnx", verify=False, **more)  # type: ignore[arg-type]
    result = bnfold.fold("net.onnx", verify=False, settings=Settings(), precision="fp16", more_shapes=[{}])
    assert result.report.half is not None


def test_how_images_become_numbers_without_images_in_python(here: Path) -> None:
    for command in (bnfold.fold, partial(bnfold.verify, candidate="net.onnx")):
        with pytest.raises(UsageError, match="Without data there is no use for preprocess"):
            command("net.onnx", preprocess=Preprocess())


@pytest.mark.parametrize("option", ["--mean", "--std", "--size"])
@pytest.mark.parametrize("command", [["fold", "net.onnx", "-o", "out.onnx"], ["verify", "net.onnx", "net.onnx"]])
def test_without_images(here: Path, command: list[str], option: str) -> None:
    refused(here, "are for a folder of images; name one with --data", *command, option, "8")


@pytest.mark.parametrize(
    ("options", "called"),
    [
        (["--seconds", "3", "--batch", "4"], "--batch, --seconds"),
        (["--input", "input:1,3,8,8"], "--input"),
        (["--level", "all"], "--level"),
        (["--threads", "2"], "--threads"),
        (["--provider", "cuda"], "--provider"),
        (["--trust"], "--arch and --trust"),
        (["--arch", "resnet18"], "--arch and --trust"),
    ],
)
def test_a_file_that_is_shown_again(here: Path, options: list[str], called: str) -> None:
    says = f"--load measures nothing, so there is no use for {called}: leave that out."
    refused(here, says, "bench", "--load", "b.json", *options)


@pytest.mark.parametrize(
    ("shape", "says"),
    [
        ("nope:1,3,8,8", "There is no input 'nope'; the model's inputs are: input."),
        ("input:1,3,8", "Input 'input' has 4 dimensions, not the 3 of (1, 3, 8)."),
        ("input:1,4,8,8", "Dimension 1 of input 'input' is fixed to 3, not 4."),
    ],
)
@pytest.mark.parametrize(
    "command",
    [
        ["inspect", "net.onnx"],
        ["diff", "net.onnx", "net.onnx"],
        ["fold", "net.onnx", "-o", "out.onnx", "--no-verify", "--no-bench"],
    ],
)
def test_a_shape_that_does_not_fit(here: Path, command: list[str], shape: str, says: str) -> None:
    refused(here, says, *command, "--input", shape)


def test_a_shape_that_fits(here: Path) -> None:
    for command in (["inspect", "net.onnx"], ["diff", "net.onnx", "net.onnx"]):
        done = CliRunner().invoke(app, [*command, "--input", "input:5,3,8,8"])
        assert done.exit_code == 0, done.output


def test_inputs_that_are_no_numbers_are_in_nobodys_way(here: Path) -> None:
    model = small_net()
    model.graph.input.append(onnx.helper.make_tensor_value_info("words", onnx.TensorProto.STRING, ["N"]))
    onnx.save(model, "words.onnx")
    for shape in ("input:2,3,8,8", "words:1,2"):
        done = CliRunner().invoke(app, ["inspect", "words.onnx", "--input", shape])
        assert done.exit_code == 0, done.output
    refused(here, "There is no input 'nope'", "inspect", "words.onnx", "--input", "nope:1,2")
