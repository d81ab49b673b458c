"""The regions of pages that show the repository's own code."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).parents[2]
MUTATION = '"AveragePool ignores'
REMEDY = '"counts zero padding in'


def operator() -> dict[str, str]:
    """Of add-an-operator.md."""
    return {
        "rule": code("bnfold/gauge/rules/pooling.py", "average_pool", "_spatial", "_ends"),
        "line": lines("bnfold/gauge/rules/__init__.py", "pooling.average_pool"),
        "strategy": code("tests/gauge/pooling_steps.py", "average_pool"),
        "folds": code("tests/gauge/test_folds.py", "conv_average_pool_bn"),
        "stays": code("tests/gauge/reasons.py", "shift_in_counted_padding"),
        "remedy": lines("bnfold/gauge/advice.py", REMEDY),
        "detector": code("tests/graph/detectors/pooling.py", "counted_padding"),
        "deaf": code("tests/graph/test_mutations.py", "deaf"),
        "mutation": lines("tests/graph/test_mutations.py", MUTATION),
        "proof": code("bnfold/proof/rules/windows.py", "average_pool"),
    }


def security() -> dict[str, str]:
    """Of security.md."""
    return {"libraries": code("bnfold/sources/unpickle.py", "LIBRARIES")}


def code(path: str, *names: str) -> str:
    """What a file defines at its top level under these names, in this order.

    Raises:
        LookupError: it defines no such name.
    """
    source = (ROOT / path).read_text(encoding="utf-8")
    return _block("\n\n\n".join(_definition(path, source, name) for name in names))


def lines(path: str, text: str) -> str:
    """Every line of a file that holds a text, without its indentation.

    Raises:
        LookupError: none does.
    """
    found = [line.strip() for line in (ROOT / path).read_text(encoding="utf-8").splitlines() if text in line]
    if not found:
        raise LookupError(f"{path} has no line with {text}")
    return _block("\n".join(found))


def _definition(path: str, source: str, name: str) -> str:
    for statement in ast.parse(source).body:
        targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
        if name in (getattr(statement, "name", None), *(getattr(target, "id", None) for target in targets)):
            decorators = [each.lineno for each in getattr(statement, "decorator_list", [])]
            return "\n".join(source.splitlines()[min([statement.lineno, *decorators]) - 1 : statement.end_lineno])
    raise LookupError(f"{path} defines no {name}")


def _block(source: str) -> str:
    return f"```py\n{source}\n```"
