"""Pages and records outside docs/ become part of the site, under the paths that they have in the repository.

A measured page lies beside the record it is made of, and documentation links to both by relative paths, as the view of
a repository follows them. So the site takes in what its navigation names and whatever a page links to: markdown as
pages, code as highlighted pages, everything else as files. Then it turns the links that leave docs/ accordingly. The
README is the first page. A link to nothing is left alone, and `mkdocs build --strict` fails on it.

`mkdocs.yml` names this file as a hook; MkDocs calls `on_files` and `on_page_markdown`.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[2]
DOCS = "docs/"
HOME = ("README.md", "index.md")
"""In the repository and in the site."""
CODE = {".py": "python", ".toml": "toml", ".txt": "text"}
"""Endings of files that a page shows, and the language they are highlighted as."""

LINK = re.compile(r"(?P<before>\]\(<?|\b(?:src|srcset|href)=\")(?P<path>[^)\"#\s>:]+)(?=[)\"#\s>])")
"""A relative link of markdown or of HTML within it; an address of the web has a colon."""


def linked(markdown: str, page: str) -> Iterator[str]:
    """Paths in the repository of the existing files that a page of the repository links to."""
    for link in LINK.finditer(markdown):
        path = _resolved(link["path"], page)
        if (ROOT / path).is_file():
            yield path


def turned(markdown: str, page: str) -> str:
    """The markdown of a page of the repository with its links as they are in the site."""

    def turn(link: re.Match[str]) -> str:
        path = _resolved(link["path"], page)
        if not (ROOT / path).is_file():
            return link[0]
        return link["before"] + posixpath.relpath(site_path(path), posixpath.dirname(site_path(page)) or ".")

    return LINK.sub(turn, markdown)


def site_path(path: str) -> str:
    """Where a file of the repository lies in the site's sources."""
    if path == HOME[0]:
        return HOME[1]
    return path.removeprefix(DOCS) + (".md" if Path(path).suffix in CODE else "")


def repository_path(path: str) -> str:
    """The reverse of `site_path`, for a page."""
    if path == HOME[1]:
        return HOME[0]
    path = path if Path(path.removesuffix(".md")).suffix not in CODE else path.removesuffix(".md")
    return DOCS + path if (ROOT / DOCS / path).is_file() else path


def outside(nav: list[str], docs: list[str]) -> list[str]:
    """Paths of all files outside docs/ that the site needs, in order of their discovery.

    Args:
        nav: what the navigation names, as paths in the site.
        docs: pages of docs/, as paths in the repository.
    """
    waiting = [*docs, *(repository_path(path) for path in nav)]
    seen: dict[str, None] = {}
    while waiting:
        path = waiting.pop(0)
        if path in seen or not (ROOT / path).is_file():
            continue
        seen[path] = None
        if path.endswith(".md"):
            waiting.extend(linked((ROOT / path).read_text(), path))
    return [path for path in seen if not path.startswith(DOCS) or Path(path).suffix in CODE]


def _resolved(link: str, page: str) -> str:
    return posixpath.normpath(posixpath.join(posixpath.dirname(page), link))


def _entries(nav: Any) -> Iterator[str]:
    if isinstance(nav, str):
        yield nav
    else:
        for entry in nav.values() if isinstance(nav, dict) else nav:
            yield from _entries(entry)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Take in what lies outside docs/."""
    from mkdocs.structure.files import File, InclusionLevel

    nav = set(_entries(config.nav))
    docs = [DOCS + file.src_uri for file in files.documentation_pages()]
    for path in outside(sorted(nav), docs):
        source, target = ROOT / path, site_path(path)
        if source.suffix in CODE:
            text = f"# {path}\n\n```{CODE[source.suffix]}\n{source.read_text().rstrip()}\n```\n"
            file = File.generated(config, target, content=text)
        else:
            file = File.generated(config, target, abs_src_path=str(source))
        if target not in nav:
            file.inclusion = InclusionLevel.NOT_IN_NAV
        files.append(file)
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Turn the page's links."""
    path = repository_path(page.file.src_uri)
    return turned(markdown, path) if path.endswith(".md") else markdown
