"""Every block of code on every page runs, or says by its language that it is something to read.

Commands and Python of a page run in order in one empty folder, beside the trained models and `model.onnx`, an untrained
ResNet-20 that takes images of three channels. What would install packages, train or measure for minutes is not run:
that it asks for something that exists is checked instead.
"""

import shlex
import subprocess
import sys
import tomllib
from importlib.util import find_spec
from pathlib import Path

import pytest

from docs.make import pages as made_of
from tests.docs.markdown import PAGES, ROOT, blocks

READ = {"text", "json", "yaml", "console", "py", "diff"}
"""What a page only shows: output, files, `$` before what ran elsewhere, the repository's code and changes to it."""
RUN = [page for page in PAGES if any(block.language not in READ for block in blocks(page))]
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
TARGETS = {line.partition(":")[0] for line in (ROOT / "Makefile").read_text().splitlines() if line[:1].isalpha()}


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import torch

    from bnfold.sources.module import write_module
    from bnfold.zoo import resnet20

    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("model") / "model.onnx"
    write_module(resnet20(num_classes=10, in_channels=3).eval(), path, {"input": (1, 3, 32, 32)})
    return path


@pytest.mark.parametrize("page", RUN)
def test_code_runs(page: str, tmp_path: Path, model: Path):
    (tmp_path / "models").symlink_to(ROOT / "models")
    (tmp_path / "model.onnx").symlink_to(model)
    (tmp_path / "build").mkdir()
    for block in blocks(page):
        if block.language == "bash":
            for line in block.code.replace("\\\n", " ").splitlines():
                command(line, tmp_path)
        elif block.language == "python":
            run([sys.executable, "-c", block.code], tmp_path)
        else:
            assert block.language in READ, f"{block.language!r} is no language of a block that a test knows"


def command(line: str, folder: Path) -> None:
    words = shlex.split(line, comments=True)
    match words:
        case []:
            pass
        case ["bnfold", *arguments]:
            run([sys.executable, str(ROOT / "cli.py"), *arguments], folder)
        case ["make", target]:
            assert target in TARGETS
        case ["python", "-m", module, *_]:
            assert find_spec(module)
        case ["python", path, *_]:
            assert (ROOT / path).is_file()
        case ["pip", "install", "bnfold"]:
            pass
        case ["pip", "install", package]:
            extras = package.removeprefix("bnfold[").removesuffix("]").split(",")
            assert package == f"bnfold[{','.join(extras)}]"
            assert set(extras) <= set(EXTRAS)
        case _:
            pytest.fail(f"no test knows what `{line}` does")


def run(arguments: list[str], folder: Path) -> None:
    done = subprocess.run(arguments, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, f"{' '.join(arguments)}\n{done.stderr}"


@pytest.mark.parametrize(
    "line",
    [
        "bnfold fold nothing.onnx -o x.onnx",
        "make coffee",
        "python -m benchmarks.coffee",
        "pip install 'bnfold[coffee]'",
    ],
)
def test_what_does_not_work_fails(line: str, tmp_path: Path):
    with pytest.raises((AssertionError, ModuleNotFoundError)):
        command(line, tmp_path)


def test_every_page_with_code_is_run():
    assert {"README.md", "docs/doors.md", "docs/tutorial.md"} <= set(RUN)


def test_code_of_the_repository_is_made():
    """`docs.make` copies it, and `test_pages.py` compares."""
    showing = {page for page in PAGES if any(block.language == "py" for block in blocks(page))}
    assert showing
    assert showing <= set(made_of.PAGES)
