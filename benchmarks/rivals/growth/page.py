"""docs/rivals-growth.md: a table of time, one of memory, and what failed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.rivals.growth.programs import BASE, NAMES

Entry = dict[str, Any]

INTRODUCTION = """\
# How the cost of each tool grows

Written by `python -m benchmarks.rivals.growth`; do not edit. The record is
[results.json](../benchmarks/rivals/growth/results.json).
{cpu}, {cores} cores, {platform}, Python {python}; {versions}. Load average at the end: {load:.1f}.

The network is a chain of convolutions of 9 MB each with a batch normalization behind every one, in one file up to
2 GB and with its weights in a file of their own beyond. ONNX Runtime folds this plain case itself when it loads a
file, so what a tool buys here is a smaller graph and load time, not a faster network; the page is about what the tool
costs. Every program is a process that reads the model and writes the result, start-up included, by the way that the
documentation of the tool gives for large models; bnfold without its proof, since the others have none ([what the proof
costs](../benchmarks/tool/RESULTS.md)). torch.fx is given a pickled module and writes one. OpenVINO writes its own
format. *{base}* is `onnx.load` and `onnx.save` alone.

A program that takes more than {seconds:.0f} processor seconds or {gigabytes:g} GB of memory is ended.
"""


def write_page(data: Entry, path: Path) -> None:
    """Write the markdown."""
    machine, limits = data["environment"], data["limits"]
    points = dict(sorted(data["points"].items(), key=lambda item: item[1]["bytes"]))
    text = INTRODUCTION.format(
        cpu=machine["cpu"],
        cores=machine["usable_cores"],
        platform=machine["platform"],
        python=machine["python"],
        versions=", ".join(f"{name} {number}" for name, number in data["versions"].items()),
        load=machine["load_average"][0],
        base=BASE,
        seconds=limits["processor"],
        gigabytes=limits["gigabytes"],
    )
    parts = [
        text,
        "![Processor seconds and memory by size of the model](images/rivals_growth.svg)",
        "",
        "## Processor seconds",
        "",
        f"{_rounds(points)} They depend less on other programs than the clock does, but not nothing.",
        "",
        *_table(points, lambda runs: f"{median(run['processor'] for run in runs):.1f}"),
        "",
        "## Memory",
        "",
        "The most anonymous memory of the process in any run, in MB; pages of mapped files do not count, since the"
        " system may drop them.",
        "",
        *_table(points, lambda runs: f"{max(run['anonymous'] for run in runs) / 1e6:,.0f}"),
        "",
        *_failures(points),
        *_lazy(points),
    ]
    path.write_text("\n".join(parts).rstrip() + "\n")


def _table(points: dict[str, Entry], cell: Callable[[list[Entry]], str]) -> list[str]:
    heads = [f"{_size(point)}, {_layers(point['normalizations'])}" for point in points.values()]
    lines = ["| program | " + " | ".join(heads) + " |", "|---|" + "---:|" * len(heads)]
    for name in NAMES:
        found = [point["programs"].get(name) for point in points.values()]
        cells = ["-" if each is None else "fails" if "fails" in each else cell(each["runs"]) for each in found]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return lines


def _rounds(points: dict[str, Entry]) -> str:
    most = max(len(found["runs"]) for point in points.values() for found in point["programs"].values())
    return f"Medians of {most} runs." if most > 1 else "One run each."


def _failures(points: dict[str, Entry]) -> list[str]:
    lines = [
        f"- {name}, {_size(point)}: {found['why']}"
        for point in points.values()
        for name, found in point["programs"].items()
        if "fails" in found
    ]
    return ["## What fails", "", *lines, ""] if lines else []


def _lazy(points: dict[str, Entry]) -> list[str]:
    """Who did not do the work that is measured."""
    lines = [
        f"- {name}, {_size(point)}: {found['normalizations']} of {point['normalizations']} batch normalizations stay"
        for point in points.values()
        for name, found in point["programs"].items()
        if name != BASE and found.get("normalizations")
    ]
    return ["## Cheap because nothing was done", "", *lines, ""] if lines else []


def _layers(count: int) -> str:
    return f"{count} layer{'s' if count > 1 else ''}"


def _size(point: Entry) -> str:
    size = point["bytes"] / 1e6
    return f"{size / 1e3:.1f} GB" if size >= 999.5 else f"{size:.0f} MB"
