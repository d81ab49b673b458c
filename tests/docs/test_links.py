"""Every link of every page leads somewhere in the view of a repository, without the site."""

import posixpath

import pytest

from tests.docs.markdown import PAGES, ROOT, anchors, links


def broken(page: str) -> list[str]:
    found = []
    for link in links(page):
        path, _, anchor = link.partition("#")
        if ":" in path:
            continue
        target = posixpath.normpath(posixpath.join(posixpath.dirname(page), path)) if path else page
        if not (ROOT / target).exists() or (anchor and target.endswith(".md") and anchor not in anchors(target)):
            found.append(link)
    return found


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str):
    assert broken(page) == []


def test_a_broken_link_is_found(monkeypatch: pytest.MonkeyPatch):
    written = [
        "docs/doors.md",
        "docs/nothing.md",
        "docs/doors.md#out",
        "docs/doors.md#nowhere",
        "https://onnx.ai",
        "#use",
    ]
    monkeypatch.setattr("tests.docs.test_links.links", lambda page: written)
    assert broken("README.md") == ["docs/nothing.md", "docs/doors.md#nowhere"]
