"""A verification as a terminal shows it: verdict, numbers, outputs, sentences."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf, isinf
from typing import TYPE_CHECKING

from rich import box
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from bnfold.report import proof
from bnfold.verification.predictions import Accuracy
from bnfold.verification.verdict import Algebra, Allowed, Rounding, Verification

if TYPE_CHECKING:
    from rich.console import RenderableType

    from bnfold.proof.result import Proof
    from bnfold.verification.output_metrics import OutputMetrics

VERDICT_STYLE = {"equivalent": "bold green", "different": "bold red", "not_run": "yellow"}
SHOWN = 6
"""Of longer lists the first are shown; JSON has them all."""


def verification(result: Verification, every_input: Proof | None = None, of: str = "") -> list[RenderableType]:
    """The verdict with everything behind it, in short, and the proof for every input if there is one.

    Args:
        result: what was found by running the models.
        every_input: what was found without running them.
        of: what the verdict is about, where that is not the file written.
    """
    ran = Text(result.verdict.replace("_", " "), style=VERDICT_STYLE[result.verdict])
    if every_input is None:
        found = [ran]
    elif result.verdict == "not_run":
        found = [proof.verdict(every_input), Text("; nothing was run")]
    else:
        found = [ran, Text(", "), proof.verdict(every_input)]
    head = Text.assemble(f"Proof{of}: ", *found)
    parts: list[RenderableType] = [head]
    checks = _checks(result.algebra, result.rounding)
    if checks.row_count:
        parts.append(checks)
    if result.outputs:
        parts.append(_outputs(result.outputs))
    told = [*result.sentences, *([] if result.accuracy is None else _accuracy(result.accuracy))]
    parts += [Padding(sentence, (0, 0, 0, 2)) for sentence in map(Text, told)]
    if every_input is not None:
        parts += proof.details(every_input)
    parts += [Padding(Text(sentence, style="dim"), (0, 0, 0, 2)) for sentence in _circumstances(result)]
    parts.append(Text(""))
    return parts


def _checks(algebra: Algebra | None, rounding: Rounding | None) -> Table:
    table = _table("check", "found", "allowed")
    if algebra is not None:
        table.add_row("algebra", _number(algebra.max_rel), _number(algebra.bound))
        if algebra.weights is not None:
            checked = f"0.5 ulp, {algebra.weights.checked:,} numbers"
            table.add_row("weights", f"{algebra.weights.max_ulp:.3g} ulp", checked)
        if algebra.module is not None:
            table.add_row("PyTorch", _number(algebra.module.max_rel), _number(algebra.module.bound))
        if algebra.file is not None:
            table.add_row("file", _number(algebra.file.max_rel), _number(algebra.file.bound))
    if rounding is not None and rounding.folded is not None:
        ratio = "" if rounding.ratio is None else f", the original's own is {_number(rounding.original)}"
        table.add_row("rounding", _number(rounding.folded), f"{_number(rounding.allowed)}{ratio}")
    return table


def _outputs(outputs: Sequence[OutputMetrics]) -> Table:
    headings = ["output", "max abs", "max rel", "SNR dB", "cosine"]
    ulp, top = any(item.ulp for item in outputs), sorted({k for item in outputs for k in item.top})
    headings += ["≤ 1 ulp", "≤ 16 ulp"] if ulp else []
    table = _table(*headings, *(f"top-{k}" for k in top))
    for item in outputs[:SHOWN]:
        error = item.worst
        table.add_row(
            item.output,
            _number(error.max_abs),
            _number(error.max_rel),
            "∞" if isinf(item.snr_db) and item.snr_db > 0 else f"{item.snr_db:.0f}",
            f"{item.cosine:.7f}",
            *([_within(item, 1), _within(item, 16)] if ulp else []),
            *(f"{item.top[k]:.2%}" if k in item.top else "" for k in top),
        )
    if len(outputs) > SHOWN:
        table.add_row(f"and {len(outputs) - SHOWN} more")
    return table


def _within(item: OutputMetrics, edge: int) -> str:
    total = sum(item.ulp.values())
    bins = [key for key in item.ulp if not key.startswith(">") and int(key.split("-")[-1]) <= edge]
    return f"{sum(item.ulp[key] for key in bins) / total:.1%}" if total else ""


def _accuracy(found: Accuracy) -> list[str]:
    told = [
        f"Accuracy {found.after:.2%}, was {found.before:.2%}; {found.changed} of {found.samples} predictions changed."
    ]
    for change in found.changes[:SHOWN]:
        told.append(f"  sample {change.sample}: {change.before} -> {change.after}, right is {change.label}")
    if found.changed > SHOWN:
        told.append(f"  and {found.changed - SHOWN} more, all in the JSON report")
    return told


def _circumstances(result: Verification) -> list[str]:
    told = [_worst(item) for item in result.outputs[:SHOWN] if item.worst.max_abs]
    if result.batches:
        told.append(f"Inputs: {', '.join(result.batches)}.")
    if result.allowed:
        shown = "; ".join(map(_tolerance, result.allowed[:SHOWN]))
        more = len(result.allowed) - SHOWN
        told.append(f"Tolerances, relative to the largest value: {shown}{f' and {more} more' if more > 0 else ''}.")
    if result.subnormals is not None and any(result.subnormals):
        told.append(f"Subnormal weights: {result.subnormals[1]}, before {result.subnormals[0]}.")
    return told


def _worst(item: OutputMetrics) -> str:
    error = item.worst
    if error.where is None:
        return f"{item.output} on batch {item.batch}: {error.note}."
    return (
        f"{item.output} differs most at {list(error.where)} of batch {item.batch}: {error.reference:.9g} became "
        f"{error.candidate:.9g}."
    )


def _tolerance(allowed: Allowed) -> str:
    parts = [f"{_range(allowed.float64)} in float64"] if allowed.float64 else []
    parts += [f"{_range(allowed.own_type)} as stored"] if allowed.own_type else []
    source = "measured"
    if allowed.given is not None:
        source = f"given as atol {allowed.given['atol']:g}, rtol {allowed.given['rtol']:g}"
    return f"{allowed.output} {', '.join(parts)} ({source})"


def _range(bounds: tuple[float, float]) -> str:
    low, high = map(_number, bounds)
    return low if low == high else f"{low} to {high}"


def _table(*headings: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for number, heading in enumerate(headings):
        table.add_column(heading, justify="right" if 0 < number < len(headings) - 1 else "left")
    return table


def _number(value: float | None) -> str:
    return "" if value is None else "∞" if value == inf else f"{value:.1e}" if value else "0"
