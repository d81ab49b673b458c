"""Code on pages of docs/ that is the repository's: `python -m website.excerpts` brings it up to date.

A page names what it shows in front of a block of code, and whatever the block holds is replaced by it:

    <!-- excerpt: bnfold/gauge/rules/pooling.py max_pool -->

Behind the path stand names of functions, classes or variables of the file, which are shown whole, or a text in
quotation marks, for every line that holds it.
"""

from __future__ import annotations

import ast
import re
import shlex
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGES = ROOT / "docs"
MARKED = re.compile(
    r"(?P<mark><!-- excerpt: (?P<path>\S+) (?P<wanted>[^\n]+) -->\n\n```python\n)(?P<code>.*?)(?=^```$)", re.M | re.S
)


def updated(page: str) -> str:
    """A page with the code that its marks ask for.

    Raises:
        LookupError: a file holds nothing of that name.
    """
    return MARKED.sub(lambda mark: mark["mark"] + excerpt(mark["path"], mark["wanted"]), page)


def excerpt(path: str, wanted: str) -> str:
    """The code of a file that a mark asks for, with a line feed at the end."""
    source = (ROOT / path).read_text()
    parts = [
        _lines(source, want[1:-1]) if want[0] in "'\"" else _definition(source, want)
        for want in shlex.split(wanted, posix=False)
    ]
    if not all(parts):
        raise LookupError(f"{path} holds no {wanted}")
    return "\n\n".join(parts) + "\n"


def _lines(source: str, text: str) -> str:
    return "\n".join(line.strip() for line in source.splitlines() if text in line)


def _definition(source: str, name: str) -> str:
    """The statement at the top level that defines a name, decorators included; empty if none does."""
    for statement in ast.parse(source).body:
        targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
        names = [getattr(statement, "name", None), *(getattr(target, "id", None) for target in targets)]
        if name in names:
            first = min([statement.lineno, *(each.lineno for each in getattr(statement, "decorator_list", []))])
            return "\n".join(source.splitlines()[first - 1 : statement.end_lineno])
    return ""


if __name__ == "__main__":
    for path in PAGES.rglob("*.md"):
        path.write_text(updated(path.read_text()))
