"""A report as GitHub markdown, for a pull request or the summary of a job."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from bnfold.report.content import headline, latency, ledger, proof, run, weights
from bnfold.report.content.table import Data, Name, Table

SIGNS = {"equivalent": "✅", "different": "❌", "not_run": "❔"}
LISTED = 200
"""Operators of one group that are named."""


def render(data: Data) -> str:
    """The report; names of nodes and files are code, letter by letter."""
    return "\n\n".join(part for part in _parts(data) if part) + "\n"


def _parts(data: Data) -> Iterator[str]:
    state, found = headline.verdict(data), data["verification"]
    yield f"## {SIGNS[state]} {headline.badge(data)}: {code(headline.title(data))}"
    yield escaped(headline.headline(data))
    yield table(ledger.counts(data))
    yield table(ledger.summary(ledger.kept(data)))
    yield table(ledger.summary(ledger.removed(data)))
    yield table(ledger.merges(data))
    yield escaped(ledger.layout(data))
    for group in (*ledger.kept(data), *ledger.removed(data)):
        yield _members(group)
    yield "### Proof"
    yield escaped(proof.every_input(data))
    yield table(proof.unproved(data["proof"]))
    yield table(proof.checks(found))
    yield table(proof.outputs(found))
    yield "\n".join(f"- {escaped(sentence)}" for sentence in (*found["sentences"], *proof.accuracy(found)))
    if "simplified" in data:
        yield "Simplified by onnxsim, against the original:"
        yield table(proof.checks(data["simplified"]))
    yield table(ledger.half(data))
    if "benchmark" in data:
        yield "### Latency"
        yield table(latency.times(data["benchmark"]))
        notes = [*latency.circumstances(data["benchmark"]), *data["benchmark"]["warnings"]]
        yield "\n".join(f"- {escaped(sentence)}" for sentence in notes)
    details = data.get("details")
    if details is not None:
        yield folded(
            "Weights, channel by channel", f"{table(weights.widest(details))}\n\n{weights.subnormals(details)}"
        )
    command = fenced(data["run"]["command"]) if "run" in data else ""
    yield folded("How to reproduce it", f"{command}\n\n{table(run.environment(data))}")


def _members(group: ledger.Group) -> str:
    shown = group.members[:LISTED]
    lines = [f"- {code(node)}{f': {escaped(detail)}' if detail else ''}" for node, detail in shown]
    if len(group.members) > len(shown):
        lines.append(f"- and {len(group.members) - len(shown)} more, all in the JSON report")
    return folded(f"{group.kind}, {group.title}: {len(group.members)}", "\n".join(lines))


def table(found: Table | None) -> str:
    """A table of GitHub markdown; nothing if there is none."""
    if found is None:
        return ""
    line = ["---:" if column in found.numeric else "---" for column in range(len(found.headings))]
    rows = [_row(found.headings), _row(line, plain=True), *map(_row, found.rows)]
    return "\n".join(rows)


def _row(cells: Sequence[str], *, plain: bool = False) -> str:
    shown = cells if plain else [code(cell) if isinstance(cell, Name) else escaped(cell) for cell in cells]
    return f"| {' | '.join(shown)} |"


def code(text: str) -> str:
    """Text as a code span that nothing in it can end."""
    text = " ".join(text.split()).replace("|", "\\|")
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    pad = " " if longest else ""
    return f"{'`' * (longest + 1)}{pad}{text}{pad}{'`' * (longest + 1)}"


def escaped(text: str) -> str:
    """Text in which no sign has a meaning of its own."""
    text = " ".join(text.split()).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\`*_\[\]|#~$@])", r"\\\1", text)


def fenced(text: str) -> str:
    """Text as a block of code that nothing in it can end."""
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", text)), default=0))
    return f"{fence}sh\n{text}\n{fence}"


def folded(title: str, body: str) -> str:
    """A part that opens when it is clicked on."""
    return f"<details><summary>{escaped(title)}</summary>\n\n{body}\n\n</details>"
