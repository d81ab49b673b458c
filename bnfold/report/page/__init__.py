"""A report as one page that needs no network; see `render`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, UndefinedError
from markupsafe import Markup

from bnfold.report.content import headline, latency, ledger, proof, run, weights
from bnfold.report.content.table import Data, Name
from bnfold.report.page import pictures
from bnfold.report.page.drawing import Drawing, draw
from bnfold.report.page.sections import sections

CONTENT = {
    "headline": headline,
    "ledger": ledger,
    "proof": proof,
    "latency": latency,
    "weights": weights,
    "run": run,
    "pictures": pictures,
}
"""What the template asks for the sentences and tables of a report."""


@dataclass(frozen=True)
class Part:
    """A section of both networks with its drawings."""

    title: str
    before: Drawing
    after: Drawing
    removed: int
    counts: tuple[int, int]


def render(data: Data) -> str:
    """The page; the same data gives the same bytes.

    Args:
        data: as `FoldReport.to_json` returns it.

    Raises:
        AttributeError, LookupError, TypeError, ValueError: it is not.
    """
    loader = PackageLoader("bnfold.report.page", "templates")
    environment = Environment(
        loader=loader,
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.tests["name"] = lambda cell: isinstance(cell, Name)
    environment.filters["svg"] = Markup
    # Style sheet and script are part of bnfold and stand in the page as they are.
    style, script = (Markup(loader.get_source(environment, name)[0]) for name in ("report.css", "report.js"))
    details = data.get("details")
    template = environment.get_template("report.html")
    try:
        return template.render(
            data=data,
            details=details,
            style=style,
            script=script,
            parts=[] if details is None else _parts(data, details),
            fates=_fates(data),
            **CONTENT,
        )
    except UndefinedError as error:
        raise LookupError(str(error)) from error


def _parts(data: Data, details: Data) -> list[Part]:
    gone = {item["node"] for item in data["decisions"] if item["status"] == "removed"}
    return [
        Part(
            section.title,
            draw(section.before),
            draw(section.after),
            sum(node["name"] in gone for node in section.before),
            (len(section.before), len(section.after)),
        )
        for section in sections(details["before"]["nodes"], details["after"]["nodes"])
    ]


def _fates(data: Data) -> dict[str, dict[str, Any]]:
    """By name of a node, what a drawing says of it before and after: a style and a few words."""
    before: dict[str, tuple[str, str]] = {}
    after: dict[str, tuple[str, str]] = {}
    for item in data["decisions"]:
        into = ", ".join(item["into"])
        if item["status"] == "removed":
            before[item["node"]] = ("removed", f"folded into {into}" if into else "removed: it changes no value")
        else:
            before[item["node"]] = after[item["node"]] = ("kept", f"stays: {item['reason']['sentence']}")
        after |= dict.fromkeys(item["into"], ("changed", "its weights were rewritten"))
    for merge in data["merges"]:
        before |= {
            name: ("removed", f"merged into {merge['into']}") for name in merge["nodes"] if name != merge["into"]
        }
        after[merge["into"]] = ("changed", f"one operator for {len(merge['nodes'])}")
    return {"before": before, "after": after}
