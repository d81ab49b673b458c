"""The pictures of the README show what bnfold shows today."""

import io
import re

from PIL import Image
from rich.console import Console

import bnfold
from bnfold.report import terminal
from docs.make import pictures

TEMPLATE = pictures.ROOT / "bnfold/report/page/templates/report.html"
AGAIN = "python -m docs.make --pictures draws it again"


def squeezed(line: str) -> str:
    """A line without what is laid out by position in a picture."""
    return re.sub(r"\s", "", line)


def test_the_terminal_has_the_ledger_of_today() -> None:
    report = bnfold.inspect(pictures.ROOT / pictures.SOURCE)
    console = Console(width=pictures.COLUMNS, file=io.StringIO(), highlight=False, record=True)
    for part in terminal.inspect_report(report)[1:]:
        console.print(part)
    expected = [squeezed(line) for line in console.export_text().splitlines() if line.strip()]
    seen = [squeezed(line) for line in pictures.shown().splitlines()]
    assert len(expected) > 20
    assert [line for line in expected if line not in seen] == [], AGAIN


def test_the_terminal_loads_nothing() -> None:
    picture = pictures.TERMINAL.read_text(encoding="utf-8")
    assert pictures.COMMAND in picture.replace("&#160;", " ")
    assert re.findall(r"url\((?!#)|href|@import", picture) == []
    assert pictures.TERMINAL.stat().st_size < 100_000


def test_the_report_has_the_headings_of_today() -> None:
    headings = re.findall(r"<h2[^>]*>([^<{]+)</h2>", TEMPLATE.read_text(encoding="utf-8"))
    with Image.open(pictures.PAGE) as picture:
        seen = picture.text[pictures.HEADINGS].split("; ")
        assert picture.size == pictures.SIZE
    assert seen[0] == pictures.SOURCE.name
    assert seen[1:] == headings, AGAIN
    assert pictures.PAGE.stat().st_size < 100_000
