"""The checker shares no code with what it checks: a wrong formula cannot be wrong on both sides."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import bnfold.proof

PACKAGE = Path(bnfold.proof.__file__).parent
ALLOWED = ("numpy", "onnx", "bnfold.errors", "bnfold.proof")
CHECKER = sorted(path for path in PACKAGE.rglob("*.py") if path.name != "issue.py")


def imports(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module or "")
    return {name for name in names if name.split(".")[0] not in sys.stdlib_module_names}


@pytest.mark.parametrize("path", CHECKER, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_the_checker_imports_nothing_of_the_solver(path: Path) -> None:
    foreign = {name for name in imports(path) if not any(name == a or name.startswith(f"{a}.") for a in ALLOWED)}
    assert foreign == set()
    assert "bnfold.proof.issue" not in imports(path)


def test_nor_does_what_it_imports() -> None:
    code = "import bnfold.proof.checker, sys; print(*(n for n in sys.modules if n.startswith('bnfold')))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    modules = {".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts) for path in CHECKER}
    assert loaded <= {"bnfold", "bnfold.errors", *(f"bnfold.{name.removesuffix('.__init__')}" for name in modules)}


def test_every_file_is_short_and_so_is_the_argument() -> None:
    lines = {path: len(path.read_text().splitlines()) for path in CHECKER}
    assert max(lines.values()) <= 300
    assert sum(count for path, count in lines.items() if path.parent.name == "core") <= 570


def test_how_files_are_read_knows_nothing_of_claims() -> None:
    allowed = ("bnfold.proof.reading", "bnfold.proof.core.units")
    for path in (PACKAGE / "reading").glob("*.py"):
        assert {n for n in imports(path) if n.startswith("bnfold.proof") and not n.startswith(allowed)} == set()
