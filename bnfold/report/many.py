"""One table for many models."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich import box
from rich.table import Table
from rich.text import Text

from bnfold.report.verdict import VERDICT_STYLE

if TYPE_CHECKING:
    from rich.console import RenderableType

    from bnfold.many import Outcome


def summary(outcomes: Sequence[Outcome], *, dry_run: bool = False) -> list[RenderableType]:
    """A line per model, the sentences of those that failed, and how many did not."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("model", overflow="fold")
    for heading in ("removed", "left"):
        table.add_column(heading, justify="right")
    table.add_column("proof")
    table.add_column("seconds", justify="right")
    for outcome in outcomes:
        table.add_row(outcome.source, *_counts(outcome), _verdict(outcome), f"{outcome.seconds:.1f}")
    failed = [outcome for outcome in outcomes if outcome.error is not None]
    parts: list[RenderableType] = [table]
    parts += [Text(f"  {_named(outcome)}", style="red") for outcome in failed]
    good = f"{len(outcomes) - len(failed)} of {len(outcomes)} models"
    told = f"Dry run: {good} can be written, and nothing was." if dry_run else f"{good} written."
    parts.append(Text(told, style="bold"))
    return parts


def _named(outcome: Outcome) -> str:
    """Its sentence, which says of which model it is."""
    error = outcome.error or ""
    return error if outcome.source in error else f"{outcome.source}: {error}"


def _counts(outcome: Outcome) -> tuple[str, str]:
    if outcome.report is None:
        return "", ""
    removed, left = (sum(outcome.report[kind][key] for kind in ("affine", "scalar")) for key in ("removed", "after"))
    return str(removed), str(left)


def _verdict(outcome: Outcome) -> Text:
    if outcome.error is not None:
        return Text("failed", style="bold red")
    verdict = "not_run" if outcome.report is None else outcome.report["verification"]["verdict"]
    return Text(verdict.replace("_", " "), style=VERDICT_STYLE[verdict])
