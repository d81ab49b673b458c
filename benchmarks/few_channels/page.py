"""The page about few refused channels: fixed text around tables and counts made from the results."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

Row = Mapping[str, Any]
OFF, WIDE = 0.05, 0.25
WORTH = 0.02

INTRODUCTION = """# When only a few channels refuse

A batch normalization in a pre-activation stream, followed by a ReLU, folds channel by channel. It stays as soon as one
channel refuses, for example because two readers of the stream see gammas of opposite sign there. Then C - k
channels could fold and only k need an operator. Is there an exact form that runs faster on ONNX Runtime's CPU provider
than the whole BatchNormalization?

The step measured is Conv, BN, ReLU, Conv, and the addition of the stream, with k channels of negative gamma. All forms
compute the same (checked: at most {difference} relative in float32):

- **BN of the rest**: the other channels are folded; the BN stays and does nothing there.
- **Mul, Add**: the same, written as two operators.
- **depthwise**: the same as a depthwise 1x1 convolution.
- **Split, BN, Concat**: only the k channels pass through a BN.
- **mirrored**: the stream carries the k channels twice, in both signs; the convolutions get k channels more.
- **side convolution**: relu(-z) = relu(z) - z, so the ReLU runs over z and a second convolution of the k channels
  subtracts the rest.
- **Max, Min**: min(max(z, low), high) in place of the ReLU, with bounds (0, infinity) per channel, and (-infinity, 0)
  where the sign is wrong: min(z, 0) = -relu(-z), and the next convolution takes up the sign.
"""


KEEP = """
**Keep the whole BatchNormalization.** No form is more than {0:.0%} faster on average without being slower somewhere.
The best, {1}, comes to {2:.2f} times the speed (geometric mean); beyond noise it is faster in {3} of {5} rows and
slower in {4}. That the BN, the BN of the rest and the depthwise convolution do alike has a reason: at level `all`,
ONNX Runtime writes a BN between convolutions as a depthwise convolution in their blocked layout, and takes the ReLU
into it. It runs over the tensor once, as a ReLU alone would, and a BN that does nothing in most channels costs
the same. All other forms leave the blocked layout, copy, or break its blocks of channels.
"""

LOADED = """
Other programs ran meanwhile (load average {:.1f} to {:.1f}). Pairing within blocks takes most of that out of the
ratios, not out of the milliseconds; rows that would be marked were measured again with `--again`. In the rows that
count, the BN measured against itself was off by {:.1%} in the median and by {:.1%} at most.
"""


def write_page(rows: Sequence[Row]) -> str:
    """The whole page."""
    names = list(rows[0]["forms"])
    worst = max(form["difference"] for row in rows for form in row["forms"].values())
    quiet = [row for row in rows if not noisy(row)]
    parts = [INTRODUCTION.format(difference=f"{worst:.0e}"), _tables(rows, names), _counts(quiet, names)]
    return "\n".join([*parts, _conclusion(quiet, names), _how(rows, quiet)])


def noisy(row: Row) -> bool:
    """Whether an interval, or the BN measured against itself, is off too far to say anything."""
    speeds = [form["speedup"] for form in row["forms"].values()]
    widest = max(math.log(speed["high"] / speed["low"]) for speed in speeds)
    return abs(math.log(row["control"])) > math.log1p(OFF) or widest > math.log1p(WIDE)


def _tables(rows: Sequence[Row], names: Sequence[str]) -> str:
    lines = [
        "## Speed against keeping the BatchNormalization",
        "",
        "Above 1 the form is faster than the BN it replaces. Bold: the whole 95 % interval lies beyond what the BN",
        "measured against itself shows; all else is no difference. Rows marked with ~ count for nothing: there the BN",
        f"against itself was more than {OFF:.0%} off, or an interval spans more than {WIDE:.0%}.",
        "",
    ]
    for threads in sorted({row["threads"] for row in rows}):
        lines += [f"### {threads} thread{'s' if threads > 1 else ''}", ""]
        lines.append("| C | H = W | kernel | k | BN, ms | " + " | ".join(names) + " |")
        lines.append("|--:|--:|--:|--:|--:|" + "--:|" * len(names))
        for row in rows:
            if row["threads"] == threads:
                sizes = " | ".join(str(row[key]) for key in ("channels", "extent", "kernel", "refused"))
                start = f"| {'~ ' if noisy(row) else ''}{sizes} |"
                speeds = [_speed(row["forms"][name]) for name in names]
                lines.append(f"{start} {row['keep_seconds'] * 1e3:.3f} | " + " | ".join(speeds) + " |")
        lines.append("")
    return "\n".join(lines)


def _speed(form: Mapping[str, Any]) -> str:
    value = f"{form['speedup']['value']:.2f}"
    return value if form["verdict"] == "no difference" else f"**{value}**"


def _mean(rows: Sequence[Row], name: str) -> float:
    return math.exp(sum(math.log(row["forms"][name]["speedup"]["value"]) for row in rows) / len(rows))


def _count(rows: Sequence[Row], name: str, verdict: str) -> int:
    return sum(row["forms"][name]["verdict"] == verdict for row in rows)


def _counts(rows: Sequence[Row], names: Sequence[str]) -> str:
    lines = [f"### The {len(rows)} rows that count", "", "| form | geometric mean | faster | no difference | slower |"]
    lines.append("|---|--:|--:|--:|--:|")
    for name in sorted(names, key=lambda name: -_mean(rows, name)):
        counts = [_count(rows, name, verdict) for verdict in ("faster", "no difference", "slower")]
        lines.append(f"| {name} | {_mean(rows, name):.2f} | " + " | ".join(map(str, counts)) + " |")
    return "\n".join([*lines, ""])


def _conclusion(rows: Sequence[Row], names: Sequence[str]) -> str:
    """The rule follows from the counts, so that it cannot outlive them."""
    worth = [name for name in names if _count(rows, name, "slower") == 0 and _mean(rows, name) > 1 + WORTH]
    best = max(names, key=lambda name: _mean(rows, name))
    lines = ["## The rule", ""]
    if worth:
        winner = max(worth, key=lambda name: _mean(rows, name))
        lines += [
            f"Use **{winner}**: it was slower in no row and faster in {_count(rows, winner, 'faster')} of {len(rows)},",
            f"{_mean(rows, winner):.2f} times on average (geometric mean).",
        ]
    else:
        counts = [_count(rows, best, verdict) for verdict in ("faster", "slower")]
        lines.append(_paragraph(KEEP.format(WORTH, best, _mean(rows, best), *counts, len(rows))))
    return "\n".join([*lines, ""])


def _how(rows: Sequence[Row], quiet: Sequence[Row]) -> str:
    machine = rows[0]["environment"]
    noise = sorted(abs(math.log(row["control"])) for row in quiet)
    loads = sorted(row["environment"]["load_average"][0] for row in rows if row["environment"].get("load_average"))
    text = (
        "`python -m benchmarks.few_channels` interleaves all forms in random order in blocks, in one process, at"
        " optimization level `all`, batch size 1, and takes the median of the ratios within blocks."
        f" {machine['cpu']}, {machine['usable_cores']} usable cores, ONNX Runtime {machine['versions']['onnxruntime']}."
    )
    if loads:
        middle, most = noise[len(noise) // 2], noise[-1]
        text += " " + LOADED.format(loads[0], loads[-1], math.expm1(middle), math.expm1(most))
    return "\n".join(["## How it was measured", "", _paragraph(text), ""])


def _paragraph(text: str) -> str:
    return textwrap.fill(" ".join(text.split()), 120, break_long_words=False, break_on_hyphens=False)
