"""The page of the figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

BASE = "load and save"


def page(results: dict[str, Any]) -> str:
    """RESULTS.md: one line per contestant, ratios paired round by round."""
    contest = results["resnet50"]
    base = contest["runs"][BASE]
    cpu = results["environment"].get("cpu", "this machine")
    lines = [
        "# What the command costs",
        "",
        f"Measured by `python -m benchmarks.tool` on {cpu}; the figures are in [results.json](results.json). "
        f"{results['note']}",
        "",
        f"ResNet-50, {contest['bytes'] / 1e6:.0f} MB, start-up included, {_times(len(base))} in random order; ratios",
        "are medians of those of each round. Memory is the most anonymous memory of the process above the",
        "interpreter's; ONNX Runtime's child comes on top where there is a proof.",
        "",
        "| program | processor s | ratio | wall s | ratio | memory MB |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for name, runs in contest["runs"].items():
        cells = [name]
        for key in ("processor", "wall"):
            cells.append(f"{median(run[key] for run in runs):.2f}")
            cells.append(f"{median(run[key] / first[key] for run, first in zip(runs, base, strict=True)):.2f}x")
        cells.append(f"{max(run['anonymous'] for run in runs) / 1e6:.0f}")
        lines.append(f"| {' | '.join(cells)} |")
    judged = contest["verify"]
    lines += [
        "",
        f"`bnfold verify` of both files at 224x224: {median(run['wall'] for run in judged):.1f} s on the clock, "
        f"{median(run['processor'] for run in judged):.1f} processor seconds.",
        "",
        *_floor(contest["runs"], results["floor"]),
        "",
        *_others(results),
        "",
        *_memory(results),
    ]
    return "\n".join(lines)


def _times(rounds: int) -> str:
    return "once each" if rounds == 1 else f"{rounds} rounds"


def _floor(runs: Mapping[str, Sequence[Mapping[str, float]]], floor: Mapping[str, float]) -> list[str]:
    """How cheap a proof of this kind could be."""
    once = {name: median(run["processor"] for run in found) for name, found in runs.items()}
    least = floor["passes"] * floor["work"] / floor["peak"]
    lines = [
        "## What a proof cannot go below",
        "",
        f"One pass of the network in float64 is {floor['work']:.2g} multiply-adds, elements that are read and written "
        f"counted in, and takes {floor['pass']:.2f} processor seconds. A fold is proved with {floor['passes']:.0f} of "
        f"them. A matrix product alone reaches {floor['peak'] / 1e9:.0f} billion multiply-adds a second here, so no "
        f"program could make these passes in less than {least:.1f} processor seconds, whatever else it does. A fold "
        f"without proof takes {once['bnfold, no proof']:.1f}; together {least + once['bnfold, no proof']:.1f}. The "
        f"command takes {once['bnfold']:.1f}, with every weight compared, every operator's equation checked, and both "
        "files run on ONNX Runtime.",
    ]
    told = [f"{name} takes {once[name]:.1f} without any check" for name in ("onnxslim", "onnxsim") if name in once]
    if told:
        lines += ["", f"For comparison, {' and '.join(told)}."]
    return lines


def _others(results: Mapping[str, Any]) -> list[str]:
    startup = results["startup"]
    lines = [
        "## Start-up, and from PyTorch",
        "",
        f"`bnfold --help` takes {startup['bnfold']:.2f} processor seconds, an empty typer app {startup['empty']:.2f}: "
        f"{startup['ratio']:.2f} times as much.",
        "",
        "| network | bnfold, processor s | torch.onnx.export, processor s | ratio |",
        "|---|---:|---:|---:|",
    ]
    return lines + [
        f"| {name} | {found['bnfold']:.2f} | {found['torch_onnx']:.2f} | {found['ratio']:.1f}x |"
        for name, found in results["export"].items()
    ]


def _memory(results: Mapping[str, Any]) -> list[str]:
    big = results["large"]
    lines = [
        "## Memory by size",
        "",
        "Convolutions in a single file, folded without proof.",
        "",
        "![Anonymous memory by size of the file](memory.svg)",
        "",
        "| file MB | load and save, memory MB | bnfold, memory MB |",
        "|---:|---:|---:|",
    ]
    for point in results["curve"]:
        cells = [point["bytes"], *(point[name]["anonymous"] for name in (BASE, "bnfold, no proof"))]
        lines.append(f"| {' | '.join(f'{cell / 1e6:.0f}' for cell in cells)} |")
    return [
        *lines,
        "",
        f"A model with {big['bytes'] / 1e9:.2f} GB of weights in a file of their own, folded without proof: "
        f"{big['run']['processor']:.1f} processor seconds, {big['run']['anonymous'] / 1e6:.0f} MB of anonymous memory.",
        "",
    ]
