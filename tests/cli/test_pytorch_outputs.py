"""`bnfold fold -o NAME.safetensors`: written, judged by another command, and refused with options of ONNX."""

from pathlib import Path

from tests.cli.conftest import MODELS, Run


def test_the_command_writes_weights_and_judges_them(run: Run, tmp_path: Path) -> None:
    source = MODELS / "resnet20_digits.pt"
    done = run("fold", source, "-o", "folded.safetensors")
    assert done.returncode == 0, done.stderr
    assert "Wrote folded.safetensors" in done.stdout
    done = run("verify", source, "folded.safetensors")
    assert done.returncode == 0, done.stderr
    done = run("fold", source, "-o", "again.safetensors", "--data", MODELS / "digits_test.npz", "--bench")
    assert done.returncode == 2
    assert "no use for --data, --bench" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["folded.safetensors"]
