"""What a terminal shows: the ledger, the proof, the latency; calm, within 100 columns, and good without colour."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich import box
from rich.table import Table
from rich.text import Text

from bnfold.objective import Objective
from bnfold.report import benchmark, ledger, merges, verdict
from bnfold.report.content.proof import STEPS, before
from bnfold.report.data import FoldReport

if TYPE_CHECKING:
    from rich.console import RenderableType

    from bnfold.outgoing.half_verdict import HalfReport
    from bnfold.price import Price


def fold_report(report: FoldReport, *, verbose: bool = False, dry_run: bool = False) -> list[RenderableType]:
    """The whole of a fold."""
    later = {entry for entry in STEPS if getattr(report, entry) is not None}
    parts = inspect_report(report, verbose=verbose)
    parts += verdict.verification(report.verification, report.proof, before(later))
    if report.simplified is not None:
        parts += verdict.verification(report.simplified, of=" of the file that onnxsim made, against the original")
    if report.half is not None:
        parts += half(report.half)
    if report.benchmark is not None:
        parts += [*benchmark.compact(report.benchmark), *_what_onnxruntime_does(report)]
    if report.differs:
        parts.append(Text("Nothing was written.", style="bold red"))
    elif dry_run:
        parts.append(Text("Dry run: nothing was written."))
    else:
        parts.append(Text.assemble("Wrote ", (str(report.output), "bold"), "."))
    return parts


def inspect_report(report: FoldReport, *, verbose: bool = False) -> list[RenderableType]:
    """The source and the ledger."""
    head = Text.assemble((report.source, "bold"), f"  {report.description}")
    if report.nothing_to_fold:
        return [head, Text("The model has no affine operator, so there is nothing to fold.")]
    parts: list[RenderableType] = [head, *ledger.tables(report.decisions, verbose=verbose)]
    parts += [*merges.tables(report.merging, verbose=verbose), _summary(report)]
    if report.objective is Objective.ELIMINATE:
        parts.append(_price(report.price))
    return parts


def _summary(report: FoldReport) -> Text:
    sentences = []
    for name, counts in (("per-channel affine", report.affine), ("scalar", report.scalar)):
        if counts.before:
            sentences.append(f"{counts.removed} of {counts.before} {name} operators removed, {counts.after} left")
    found = report.merging.merges
    if found:
        sentences.append(f"{sum(len(merge.nodes) for merge in found)} linear operators became {len(found)}")
    if report.layout:
        kinds = ", ".join(f"{count} {op}" for op, count in report.layout.items())
        sentences.append(f"{sum(report.layout.values())} operators removed that only move or name data ({kinds})")
    return Text("; ".join(sentences) + ".\n", style="bold")


def _price(price: Price) -> Text:
    added = ", ".join(f"{count} {op}" for op, count in price.added.items()) or "no operator"
    channels = f", {price.channels} input channels" if price.channels else ""
    before, after = price.multiply_adds_before, price.multiply_adds_after
    change = f" ({(after - before) / before:+.1%})" if before else ""
    return Text(f"Price: {added}{channels} added; multiply-adds {before:,} before, {after:,} after{change}.\n")


def half(result: HalfReport) -> list[RenderableType]:
    """The model in float16: error and range of every output, and what stays in float32."""
    table = _table()
    for heading in ("output", "found", "bound", "meaning"):
        table.add_column(heading, justify="right" if heading in ("found", "bound") else "left")
    for output in result.outputs:
        meaning = f"float16 error; of the original in float16 {_number(output.original)}; up to {output.largest:.3g}"
        table.add_row(output.name, _number(output.error), f"≤ {_number(output.allowed)}", meaning)
    verdict = ("holds", "bold green") if result.holds else ("does not hold", "bold red")
    tensor, value = result.largest
    sentences = [f"The largest activation is {tensor} with {value:.3g}; float16 ends at 65504."]
    if result.stays:
        shown = ", ".join(f"{stays.node} ({stays.reason})" for stays in result.stays[:4])
        more = f" and {len(result.stays) - 4} more" if len(result.stays) > 4 else ""
        sentences.append(f"{len(result.stays)} of {result.nodes} nodes stay in float32: {shown}{more}.")
    head = Text.assemble("In float16: ", verdict)
    return [head, table, *(Text(f"  {sentence}") for sentence in sentences), Text("")]


def _what_onnxruntime_does(report: FoldReport) -> list[RenderableType]:
    left = report.left_by_onnxruntime
    if left is None or report.nothing_to_fold:
        return []
    ours = report.affine.after + report.scalar.after
    if left <= ours:
        sentence = (
            "ONNX Runtime folds the same operators itself when it loads the original, so here the gain is load time "
            "and other runtimes, not latency at its default level."
        )
    else:
        sentence = (
            f"ONNX Runtime by itself would leave {left} affine operators of the original; the folded model has {ours}."
        )
    return [Text(f"  {sentence}\n")]


def _table() -> Table:
    return Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 2, 0, 0), header_style="dim")


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.1e}" if value else "0"
