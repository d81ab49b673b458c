"""Latency on a terminal: a compact table beside a fold, and the whole of a benchmark."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich import box
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from rich.console import RenderableType

    from bnfold.latency.profile import Profile
    from bnfold.latency.results import BenchResult, Compared, Measured
    from bnfold.latency.setting import Setting
    from bnfold.latency.statistics import Ratio
    from bnfold.latency.stored import Change

STYLES = {"faster": "green", "slower": "bold red"}


def compact(result: BenchResult) -> list[RenderableType]:
    """One table: times, speed-up, load time and size of every contestant under every setting."""
    table = _table(["optimized", "model"], ["p50 ms", "p90 ms", "speed-up [95 %]"], ["verdict"], ["load ms", "size MB"])
    for setting in result.settings():
        for row, each in enumerate(_under(result, setting)):
            level = setting.level if row == 0 else ""
            found = result.comparison(each)
            times = (_ms(each.run.p50), _ms(each.run.p90))
            table.add_row(level, each.name, *times, *_speed(found), *_footprint(each))
    return [Text(_head(result, result.settings()[0])), table, *_notes(result.warnings)]


def whole(result: BenchResult) -> list[RenderableType]:
    """Two tables for every provider, number of threads and input shape, with all statistics."""
    parts: list[RenderableType] = []
    for conditions in dict.fromkeys(setting.conditions for setting in result.settings()):
        settings = [setting for setting in result.settings() if setting.conditions == conditions]
        head = Text(_head(result, settings[0]), style="bold")
        parts += [head, _times(result, settings), Text(""), _costs(result, settings), Text("")]
    return [*parts, *_notes(result.warnings)]


def _times(result: BenchResult, settings: list[Setting]) -> Table:
    copies = any(each.copies and each.setting.provider != "cpu" for each in result.contestants)
    numbers = ["p50 ms", "p90 ms", "min ms", "MAD ms", "runs", "samples/s", "peak MB"]
    table = _table(["optimized", "model"], numbers + (["in ms", "out ms"] if copies else []))
    for setting in settings:
        for row, each in enumerate(_under(result, setting)):
            run = each.run
            times = [_ms(run.p50), _ms(run.p90), _ms(run.min), _ms(run.mad), f"{run.n:,}", f"{each.per_second:,.1f}"]
            times.append("" if each.peak_bytes is None else f"{each.peak_bytes / 1e6:.1f}")
            if copies:
                times += ["", ""] if each.copies is None else map(_ms, each.copies)
            table.add_row(setting.level if row == 0 else "", each.name, *times)
    return table


def _costs(result: BenchResult, settings: list[Setting]) -> Table:
    numbers = ["A/A [95 %]", "load ms", "size MB"]
    table = _table(["optimized", "model"], ["speed-up [95 %]"], ["verdict"], numbers)
    for setting in settings:
        for row, each in enumerate(_under(result, setting)):
            found = result.comparison(each)
            control = "" if found is None else _range(found.run.control)
            cells = (*_speed(found), control, *_footprint(each))
            table.add_row(setting.level if row == 0 else "", each.name, *cells)
    return table


def profiles(found: list[Profile]) -> list[RenderableType]:
    """Operators of the first model beside those of each other one, the dearest first."""
    reference, *others = found
    parts: list[RenderableType] = []
    for other in others or [reference]:
        parts += [Text(f"Where a run goes: {_against(reference, other)}", style="bold"), _operators(reference, other)]
    if reference.roof is not None:
        roof = reference.roof
        parts.append(
            Text(
                f"  of roof: the least time that {roof.multiply_adds / 1e9:.1f} billion multiply-adds and"
                f" {roof.bytes / 1e9:.1f} GB a second, as measured here, allow, over the time taken.\n"
            )
        )
    return parts


def _against(reference: Profile, other: Profile) -> str:
    alone = f"{reference.name}, {_ms(reference.seconds)} ms"
    return alone if other is reference else f"{alone}, and {other.name}, {_ms(other.seconds)} ms"


def _operators(reference: Profile, other: Profile) -> Table:
    models = [reference] if other is reference else [reference, other]
    table = _table(["operator"], [heading for _ in models for heading in ("nodes", "ms", "share", "of roof")])
    groups = [model.by_type() for model in models]
    for op_type in dict.fromkeys(op_type for group in groups for op_type in group):
        cells: list[str] = []
        for model, group in zip(models, groups, strict=True):
            kernels = group.get(op_type, [])
            took = sum(kernel.seconds for kernel in kernels)
            roof = model.share_of_roof(kernels)
            share = took / model.seconds if model.seconds else 0.0
            there = [str(len(kernels)), _ms(took), f"{share:.0%}", "" if roof is None else f"{roof:.0%}"]
            cells += there if kernels else ["-", "", "", ""]
        table.add_row(op_type, *cells)
    return table


def changes(found: list[Change], differences: list[str]) -> list[RenderableType]:
    """Two benchmarks side by side."""
    table = _table(["conditions", "optimized", "model"], ["then ms", "now ms", "ratio"])
    shown = None
    for each in found:
        setting = each.later.setting
        place = (setting.conditions, setting.level)
        times = (_ms(each.earlier.run.p50), _ms(each.later.run.p50), f"{each.ratio:.2f}x")
        table.add_row(*(("", "") if place == shown else place), each.later.name, *times)
        shown = place
    apart = "The two were not measured in turn, so part of a ratio may be the machine; measure both in one run to know."
    return [table, *_notes([*differences, apart])]


def _head(result: BenchResult, setting: Setting) -> str:
    return f"Latency on ONNX Runtime, {setting.conditions}, {result.environment.cpu}"


def _under(result: BenchResult, setting: Setting) -> list[Measured]:
    return [each for each in result.contestants if each.setting == setting]


def _speed(found: Compared | None) -> tuple[str, Text]:
    if found is None:
        return "", Text("reference")
    return _interval(found.run.speedup), Text(found.run.verdict, style=STYLES.get(found.run.verdict, ""))


def _interval(ratio: Ratio) -> str:
    return f"{ratio.value:.2f}x {_range(ratio)}"


def _range(ratio: Ratio) -> str:
    return f"[{ratio.low:.2f}, {ratio.high:.2f}]"


def _footprint(each: Measured) -> tuple[str, str]:
    return f"{each.load.p50 * 1e3:.1f}", f"{each.size_bytes / 1e6:.2f}"


def _ms(seconds: float) -> str:
    return f"{seconds * 1e3:.3f}"


def _notes(sentences: list[str] | tuple[str, ...]) -> list[RenderableType]:
    return [Text(f"  Note: {sentence}", style="yellow") for sentence in sentences]


def _table(*headings: list[str]) -> Table:
    """Groups of columns, in turn to the left and to the right."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for number, group in enumerate(headings):
        for heading in group:
            table.add_column(heading, justify="right" if number % 2 else "left", no_wrap=True)
    return table
