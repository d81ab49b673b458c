"""The page of the figures."""

from __future__ import annotations

from statistics import median
from typing import Any

BASE = "load and save"


def page(results: dict[str, Any]) -> str:
    """RESULTS.md: one line per contestant, ratios paired round by round."""
    contest, big = results["resnet50"], results["large"]
    base = contest["runs"][BASE]
    lines = [
        "# What the command costs",
        "",
        f"Measured by `python -m benchmarks.tool`; the figures are in [results.json](results.json). {results['note']}",
        "",
        f"ResNet-50, {contest['bytes'] / 1e6:.0f} MB, start-up included, {len(base)} rounds in random order; ratios",
        "are medians of those of each round. Memory is the most anonymous memory above the interpreter's.",
        "",
        "| program | processor s | ratio | wall s | ratio | memory MB |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for name, runs in contest["runs"].items():
        cells = [name]
        for key in ("processor", "wall"):
            cells.append(f"{median(single[key] for single in runs):.2f}")
            cells.append(f"{median(single[key] / first[key] for single, first in zip(runs, base, strict=True)):.2f}x")
        cells.append(f"{max(single['anonymous'] for single in runs) / 1e6:.0f}")
        lines.append(f"| {' | '.join(cells)} |")
    found = big["run"]
    lines += [
        "",
        f"A model with {big['bytes'] / 1e9:.2f} GB of weights in a file of their own, folded without proof: "
        f"{found['processor']:.1f} processor seconds, {found['anonymous'] / 1e6:.0f} MB of anonymous memory.",
        "",
    ]
    return "\n".join(lines)
