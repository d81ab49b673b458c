"""The mutants that mutmut wrote, read from its folder."""

from __future__ import annotations

import ast
import difflib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

FOLDER = Path("mutants")
Status = Literal["killed", "survived", "timeout", "no tests", "not run"]
STATUS: dict[int | None, Status] = {None: "not run", 0: "survived", 1: "killed", 3: "killed", 33: "no tests"}
"""By the exit status of pytest, as mutmut records it; 33 is mutmut's own for code that no test reaches."""


@dataclass(frozen=True)
class Mutant:
    """One function with one change.

    Attributes:
        name: what mutmut calls it.
        path: of the file.
        function: that was changed.
        removed, added: the statements before and after, without layout.
        wording: whether only the words of a sentence changed.
        status: what became of it.
    """

    name: str
    path: str
    function: str
    removed: str
    added: str
    wording: bool
    status: Status


def mutants() -> list[Mutant]:
    """All of them, by file and in the order of the source."""
    return [mutant for meta in sorted(FOLDER.rglob("*.py.meta")) for mutant in _of_file(meta)]


def _of_file(meta: Path) -> Iterator[Mutant]:
    written = meta.with_suffix("")
    tree = ast.parse(written.read_text(encoding="utf-8"))
    functions = {node.name: node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    for name, code in json.loads(meta.read_text(encoding="utf-8"))["exit_code_by_key"].items():
        mutated = functions[name.rpartition(".")[2]]
        original = functions[re.sub(r"__mutmut_\d+$", "__mutmut_orig", mutated.name)]
        function = re.sub(r"^x_|^xǁ|__mutmut_orig$", "", original.name).replace("ǁ", ".")
        removed, added = _difference(original, mutated)
        wording = _without_sentences(original) == _without_sentences(mutated)
        path = str(written.relative_to(FOLDER))
        yield Mutant(name, path, function, removed, added, wording, STATUS.get(code, "timeout"))


def _difference(original: ast.FunctionDef, mutated: ast.FunctionDef) -> tuple[str, str]:
    before, after = (
        ast.unparse(function).replace(f"def {function.name}(", "def (").splitlines() for function in (original, mutated)
    )
    lines = [line for line in difflib.ndiff(before, after) if line[0] in "-+"]
    removed, added = (" ".join(line[2:].strip() for line in lines if line[0] == sign) for sign in "-+")
    return removed, added


def _without_sentences(function: ast.FunctionDef) -> str:
    """The function without its name, with every text of several words the same."""
    copy = ast.parse(ast.unparse(function))
    for node in ast.walk(copy):
        if isinstance(node, ast.FunctionDef):
            node.name = ""
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value:
            node.value = " "
    return ast.dump(copy)
