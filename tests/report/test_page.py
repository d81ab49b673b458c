"""The page: well-formed, self-contained, and names in it are text and nothing else."""

import copy
import itertools
import re
from html.parser import HTMLParser
from typing import Any

import pytest

from bnfold.report.page import render
from tests.report import hostile

VOID = {"meta", "link", "input", "br"}
NAMESPACES = {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}


class Page(HTMLParser):
    """Elements in order, with a complaint where tags do not nest."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text: dict[str, list[str]] = {}
        self.complaints: list[str] = []
        self.feed(text)
        self.close()
        self.complaints += [f"{tag} is not closed" for tag in self.open]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.complaints.append(f"</{tag}> at {self.getpos()}")

    def handle_data(self, data: str) -> None:
        if self.open:
            self.text.setdefault(self.open[-1], []).append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture
def page(data: dict[str, Any]) -> Page:
    return Page(render(data))


def test_tags_nest_and_ids_are_unique(page: Page) -> None:
    assert page.complaints == []
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    targets = {a["href"] for a in page.all("a")} | {
        reference
        for _, a in page.elements
        for key, value in a.items()
        if value
        for reference in re.findall(r"url\((#[^)]+)\)", value)
    }
    targets |= {use["xlink:href"] for use in page.all("use")}
    assert {str(target)[1:] for target in targets} <= set(ids)
    for _, attributes in page.elements:
        for reference in (attributes.get("aria-labelledby"), attributes.get("for")):
            assert reference is None or reference in ids


def test_names_are_text(page: Page) -> None:
    assert len(page.all("script")) == 1
    assert not page.all("img")
    assert not page.all("b")
    assert len(page.all("h1")) == len(page.all("title")) - len([t for t in page.elements if t[0] == "title"]) + 1
    shown = "".join(text for texts in page.text.values() for text in texts)
    for name in (hostile.SCRIPT, hostile.MARKUP, "</title><h1>out", "<img src=x onerror=alert(2)>.onnx"):
        assert name in shown
    assert not [key for _, attributes in page.elements for key in attributes if key.startswith("on")]


def test_nothing_is_fetched(page: Page) -> None:
    for tag, attributes in page.elements:
        for key, value in attributes.items():
            if key in ("src", "href", "xlink:href", "action", "data", "srcset", "poster"):
                assert value == "data:," or str(value).startswith("#"), (tag, key, value)
            if key.startswith("xmlns"):
                assert value in NAMESPACES
    code = "".join(page.text["style"] + page.text["script"])
    assert not re.search(r"https?:|//[a-z]|@import|url\((?!#)", code)


def test_a_style_in_a_picture_would_hold_for_the_whole_page(page: Page) -> None:
    assert len(page.all("style")) == 1


def test_readers_who_cannot_see_get_words(page: Page) -> None:
    pictures = [a for a in page.all("svg") if a.get("aria-hidden") != "true"]
    assert len(pictures) > 6
    assert all(a.get("role") == "img" and (a.get("aria-label") or a.get("aria-labelledby")) for a in pictures)
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(b - a <= 1 for a, b in itertools.pairwise(levels))
    assert page.all("html")[0]["lang"] == "en"
    assert [len(page.all(tag)) for tag in ("main", "nav", "header", "footer")] == [1, 1, 1, 1]
    assert all(a.get("scope") for a in page.all("th"))
    assert {a["for"] for a in page.all("label")} == {a["id"] for a in page.all("input")}


def test_every_part_is_there(page: Page, data: dict[str, Any]) -> None:
    assert list(page.text["h2"]) == [
        "What was folded and what stayed",
        "Proof",
        "Latency",
        "The graph before and after",
        "Weights, channel by channel",
        "How to reproduce it",
    ]
    drawn = [a["data-name"] for a in page.all("g") if "data-name" in a]
    names = [node["name"] for side in ("before", "after") for node in data["details"][side]["nodes"]]
    assert sorted(map(str, drawn)) == sorted(names)


def test_the_same_data_gives_the_same_page(data: dict[str, Any]) -> None:
    assert render(data) == render(copy.deepcopy(data))


@pytest.mark.parametrize("missing", ["details", "benchmark", "run", "proof", "sites", "outputs"])
def test_what_a_run_did_not_find_is_not_shown(data: dict[str, Any], missing: str) -> None:
    if missing == "proof":
        data["proof"] = None
    elif missing in ("sites", "outputs"):
        data["verification"][missing] = []
    else:
        data.pop(missing, None)
    assert Page(render(data)).complaints == []


def test_size_of_a_trained_network(digits: dict[str, Any]) -> None:
    assert len(render(digits).encode()) < 400_000
