"""The page: what every tool leaves, how fast the result runs, what the tool costs, and how exact it is."""

from __future__ import annotations

from collections.abc import Callable
from math import exp, log
from pathlib import Path
from statistics import fmean
from typing import Any

from benchmarks.rivals.tools import NAMES

Entry = dict[str, Any]


def write_page(data: Entry, path: Path) -> None:
    """Write the markdown."""
    models = data["models"]
    machine = data["environment"]
    versions = ", ".join(f"{name} {number}" for name, number in data["versions"].items())
    parts = [
        "# Beside other tools",
        "",
        "Written by `make bench`; do not edit. The record is [results.json](../benchmarks/rivals/results.json).",
        f"{machine['cpu']}, {machine['usable_cores']} cores, {machine['platform']}, Python {machine['python']};"
        f" {versions}. Load average before the last model: {machine['load_average'][0]:.1f}.",
        "",
        "Beside it: [every tool on every network of the zoo](rivals-zoo.md), [how time and memory of every tool"
        " grow](rivals-growth.md) with the model, and the [conformance matrix](conformance.md) of small cases.",
        "",
        "## What is left",
        "",
        "Batch normalizations and other per-channel or scalar affine operators, after constants were evaluated, and all"
        " nodes but Constants. **wrong**: an output is off by more than 1e-4 in float64. -: the tool stopped with an"
        " error, or takes no ONNX. The column of ONNX Runtime is what it does to any file when it loads it: a"
        " tool that leaves no less than that buys load time and bytes, but no speed.",
        "",
        "![Share of affine operators that each tool leaves](images/rivals_left.svg)",
        "",
        *_table(models, "original", _left, lambda entry: _left(entry["original"])),
        "",
        "## How fast the result runs",
        "",
        "Speed-up over the original on ONNX Runtime's CPU provider at its full optimization level, one thread, with its"
        " 95 % interval; all files of a row ran in turn. ONNX Runtime folds a batch normalization that directly follows"
        " a convolution itself, whoever wrote the file; where that is all there is, nobody can be faster than 1.",
        "",
        "![Speed-up of what each tool wrote](images/rivals_speed.svg)",
        "",
        *_latency(models),
        "",
        "On OpenVINO, one thread, float32, original against bnfold:",
        "",
        *_openvino(models),
        "",
        "## What the tools cost",
        "",
        "Processor seconds and the most anonymous memory of the process, start-up included; bnfold without its proof,"
        " since the others have none by default.",
        "",
        *_table(models, None, _cost, None),
        "",
        "## How exact the result is",
        "",
        "Largest relative error of an output against the original: weights as stored, run in float64.",
        "",
        *_table(models, None, _error, None),
        "",
        *_weights(models),
    ]
    path.write_text("\n".join(parts) + "\n")


def _table(
    models: Entry, extra: str | None, cell: Callable[[Entry], str], first: Callable[[Entry], str] | None
) -> list[str]:
    columns = [name for name in NAMES if any(name in model["tools"] for model in models.values())]
    heads = ["model", *([extra] if extra else []), *columns]
    lines = ["| " + " | ".join(heads) + " |", "|---|" + "---:|" * (len(heads) - 1)]
    for name, model in models.items():
        cells = [name, *([first(model)] if first else [])]
        cells += [_or_dash(model["tools"].get(tool), cell) for tool in columns]
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def _or_dash(entry: Entry | None, cell: Callable[[Entry], str]) -> str:
    return "-" if entry is None or "affine" not in entry else cell(entry)


def _left(entry: Entry) -> str:
    return f"{entry['affine']} of {entry['nodes']}" + (" **wrong**" if entry["wrong"] else "")


def _cost(entry: Entry) -> str:
    return f"{entry['processor']:.1f} s, {entry['anonymous'] / 1e6:.0f} MB" if "processor" in entry else "-"


def _error(entry: Entry) -> str:
    return f"{entry['error_float64']:.1e}"


def _latency(models: Entry) -> list[str]:
    measured = {name: model["onnxruntime"] for name, model in models.items() if "onnxruntime" in model}
    columns = [name for name in NAMES if any(name in each["tools"] for each in measured.values())]
    lines = ["| model | original ms | " + " | ".join(columns) + " |", "|---|" + "---:|" * (len(columns) + 1)]
    for name, each in measured.items():
        cells = [_ratio(each["tools"].get(tool)) for tool in columns]
        lines.append(f"| {name} | {each['original_ms']:.2f} | " + " | ".join(cells) + " |")
    means = []
    for tool in columns:
        found = [each["tools"][tool]["speedup"]["value"] for each in measured.values() if tool in each["tools"]]
        means.append(f"{exp(fmean(map(log, found))):.2f}x ({len(found)})" if found else "-")
    lines.append("| geometric mean (models) | | " + " | ".join(means) + " |")
    return lines


def _openvino(models: Entry) -> list[str]:
    lines = ["| model | original ms | bnfold | verdict |", "|---|---:|---:|---|"]
    for name, model in models.items():
        if (each := model.get("openvino")) is not None:
            lines.append(f"| {name} | {each['original_ms']:.2f} | {_ratio(each)} | {each['verdict']} |")
    return lines


def _ratio(entry: Entry | None) -> str:
    if entry is None:
        return "-"
    ratio = entry["speedup"]
    return f"{ratio['value']:.2f}x [{ratio['low']:.2f}, {ratio['high']:.2f}]"


def _weights(models: Entry) -> list[str]:
    rows = [
        f"| {tool} | {entry['ulp']['largest']:.2f} | {entry['ulp']['mean']:.3f} |"
        for model in models.values()
        for tool, entry in model["tools"].items()
        if entry.get("ulp")
    ]
    if not rows:
        return []
    return [
        "Weights and biases of ResNet-50 against W gamma / sqrt(var + eps) in float64, in units of float32's last"
        " place; rounding once makes at most 0.5:",
        "",
        "| tool | largest | mean |",
        "|---|---:|---:|",
        *rows,
    ]
