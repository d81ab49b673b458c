"""What the documentation shows must run, and what it lists must be complete."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from bnfold.gauge.rules import READS_SHAPE_ONLY, TABLE

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


@pytest.mark.parametrize("command", [line for block in blocks("bash") for line in block.splitlines()])
def test_readme_commands(command: str, tmp_path: Path, folded: Path) -> None:
    command = command.replace("build/folded", str(folded.with_suffix(""))).replace("models/", f"{ROOT}/models/")
    command = command.replace("build/", f"{tmp_path}/")
    program, *arguments = command.split()
    assert program == "bnfold"
    if arguments[0] == "fold":
        arguments.append("--force")
    done = subprocess.run([sys.executable, str(ROOT / "cli.py"), *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def folded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("readme") / "folded.onnx"
    source = ROOT / "models" / "resnet20v2_digits.pt"
    command = [sys.executable, str(ROOT / "cli.py"), "fold", str(source), "-o", str(path), "--no-verify", "--no-bench"]
    command += ["--report", str(path.with_suffix(".json"))]
    subprocess.run(command, check=True, capture_output=True)
    return path


@pytest.mark.parametrize("code", blocks("python"))
def test_readme_python(code: str, tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    if "output=" in code:
        assert "equivalent" in done.stdout
        assert (tmp_path / "folded.onnx").exists()


@pytest.mark.parametrize(
    "code", re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "doors.md").read_text(), re.DOTALL)
)
def test_python_of_the_doors(code: str, tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_readme_make_targets_exist() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"^    make (\w+)", README, re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE)


def test_every_operator_has_its_line() -> None:
    table = (ROOT / "docs" / "operators.md").read_text()
    first_column = " ".join(re.findall(r"^\| ([^|]*)\|", table, re.MULTILINE))
    listed = set(re.findall(r"\w+", first_column))
    assert {*TABLE, *READS_SHAPE_ONLY} <= listed
