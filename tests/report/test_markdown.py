"""The markdown report: tables that hold together, and names that stay code."""

import re
from typing import Any

from markdown_it import MarkdownIt

from bnfold.report.markdown import code, escaped, fenced, render
from tests.report import hostile


def tokens(text: str) -> list[Any]:
    return [
        child
        for token in MarkdownIt("gfm-like", {"linkify": False}).parse(text)
        for child in [token, *(token.children or [])]
    ]


def test_names_are_code_and_nothing_else(data: dict[str, Any]) -> None:
    found = tokens(render(data))
    codes = {token.content for token in found if token.type == "code_inline"}
    assert {hostile.SCRIPT, hostile.MARKUP.replace("|", "|")} & codes
    assert not [token for token in found if token.type in ("image", "link_open")]
    html = [token.content for token in found if token.type in ("html_block", "html_inline")]
    assert all(re.fullmatch(r"(</?(details|summary)>|[^<>])*", text) for text in html), html


def test_every_row_has_its_cells(data: dict[str, Any]) -> None:
    found = tokens(render(data))
    rows = [[]]
    for token in found:
        if token.type == "tr_open":
            rows.append([])
        elif token.type in ("td_open", "th_open"):
            rows[-1].append(token)
        elif token.type == "table_close":
            assert len({len(row) for row in rows if row}) == 1
            rows = [[]]
    assert sum(token.type == "table_open" for token in found) >= 6


def test_text_says_what_it_says() -> None:
    for text in (hostile.SCRIPT, hostile.MARKUP, "a_b*c*", "#1 @me", "`", "``x`", "a\nb"):
        for shown in (escaped(text), code(text)):
            found = tokens(shown)
            told = "".join(token.content for token in found if token.type in ("text", "code_inline", "text_special"))
            assert told.replace("\\|", "|") == " ".join(text.split())
    assert fenced("a ``` b").startswith("````")


def test_the_verdict_comes_first(data: dict[str, Any]) -> None:
    first, _, second = render(data).splitlines()[:3]
    assert "Equivalent" in first
    assert "1 of 2 affine operators of" in second
