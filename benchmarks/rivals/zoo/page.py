"""docs/rivals-zoo.md: totals of every tool, a row for every network, and what went wrong."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from benchmarks.rivals.tools import FX, NAMES

Entry = dict[str, Any]
FAILURES = ("refused", "crash", "timeout", "memory")

INTRODUCTION = """\
# Every tool on every network of the zoo

Written by `python -m benchmarks.rivals.zoo`; do not edit. The record is
[results.json](../benchmarks/rivals/zoo/results.json). {platform}, Python {python}; {versions}.

{done} of the {listed} networks of the [zoo](../benchmarks/zoo/models.txt), all of which use batch normalization, with
random weights and random statistics. Every tool is given the same file as its own documentation says
([how](conformance.md)), in a process of its own that may take {seconds:.0f} processor seconds and {gigabytes:g} GB of
memory; bnfold without its proof. torch.fx is given the module, and what it fused is exported. One judge looks at all
results: the file must be valid, keep its inputs, outputs and metadata, and run on ONNX Runtime, and run in float64 no
output may be off by more than 1e-4 of its largest value. These counts do not depend on the machine or its load.

**Left** are batch normalizations and other operators with a constant per channel, after constants were evaluated.
**Once loaded** is what is left of them when ONNX Runtime has loaded the file: it folds a batch normalization that
directly follows a convolution itself, whoever wrote the file, so a tool that does no better than the first row there
saves load time and bytes but no work. Where a tool failed or its result is wrong, the operators of the network count,
for that is what its user still has. Scalars, operators with a single constant, are counted apart: a tool that
evaluates the shapes of a network shows some whose constant was computed before.
"""


def write_page(data: Entry, path: Path, listed: int) -> None:
    """Write the markdown; `listed` is the number of networks there are."""
    networks = {name: entry for name, entry in sorted(data["networks"].items()) if complete(entry)}
    skipped = {name: entry["skipped"] for name, entry in sorted(data["networks"].items()) if "skipped" in entry}
    machine = data["environment"]
    text = INTRODUCTION.format(
        platform=machine["platform"],
        python=machine["python"],
        versions=", ".join(f"{name} {number}" for name, number in data["versions"].items() if name != "openvino"),
        done=len(networks),
        listed=listed,
        seconds=data["limits"]["processor"],
        gigabytes=data["limits"]["gigabytes"],
    )
    parts = [text, *totals(networks), "", *_rows(networks), "", *_wrong(networks), *_skipped(skipped)]
    path.write_text("\n".join(parts).rstrip() + "\n")


def complete(entry: Entry) -> bool:
    """Whether every tool that takes ONNX has seen a network; others would be added up over other networks."""
    return entry.get("tools", {}).keys() >= set(NAMES) - {FX}


def totals(networks: Entry) -> list[str]:
    """A row a tool, over the networks that it was given."""
    own = [(entry, {"status": "same", **entry["original"]}) for entry in networks.values()]
    lines = [
        "## Totals",
        "",
        "| tool | networks | same results | wrong | failed | left | once loaded | none left | scalars |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|",
        _total("*the networks themselves*", own),
    ]
    for tool in NAMES:
        pairs = [(entry, entry["tools"][tool]) for entry in networks.values() if tool in entry["tools"]]
        if pairs:
            lines.append(_total(tool, pairs))
    return lines


def _total(name: str, pairs: list[tuple[Entry, Entry]]) -> str:
    counts = Counter(found["status"] for _, found in pairs)
    kept = [found if found["status"] == "same" else entry["original"] for entry, found in pairs]
    failed = {kind: counts[kind] for kind in FAILURES if counts[kind]}
    cells = [
        name,
        len(pairs),
        counts["same"],
        counts["wrong"],
        ", ".join(f"{count} {kind}" for kind, count in failed.items()) or 0,
        sum(each["affine"][0] for each in kept),
        sum(each["loaded"][0] for each in kept),
        sum(each["affine"][0] == 0 for each in kept),
        sum(each["affine"][1] for each in kept),
    ]
    return "| " + " | ".join(map(str, cells)) + " |"


def _rows(networks: Entry) -> list[str]:
    columns = [tool for tool in NAMES if any(tool in entry["tools"] for entry in networks.values())]
    lines = [
        "## Every network",
        "",
        "Operators left; in brackets those left once ONNX Runtime has loaded the file, where that is fewer.",
        "",
        "| network | before | " + " | ".join(columns) + " |",
        "|---|" + "---:|" * (len(columns) + 1),
    ]
    for name, entry in networks.items():
        cells = [name, _counts(entry["original"])]
        cells += [_cell(entry["tools"].get(tool)) for tool in columns]
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def _cell(found: Entry | None) -> str:
    if found is None:
        return "-"
    if found["status"] == "same":
        return _counts(found)
    return f"**{found['status']}**" if found["status"] == "wrong" else str(found["status"])


def _counts(found: Entry) -> str:
    left, loaded = found["affine"][0], found["loaded"][0]
    return f"{left} ({loaded})" if loaded < left else str(left)


def _wrong(networks: Entry) -> list[str]:
    """Every result that is none; the same reason of one tool once, with all its networks."""
    reasons: dict[tuple[str, str, str], list[str]] = {}
    for name, entry in networks.items():
        for tool, found in entry["tools"].items():
            if found["status"] != "same":
                reasons.setdefault((tool, found["status"], found["why"].replace("|", "\\|")), []).append(name)
    if not reasons:
        return []
    lines = ["## What went wrong", "", "| tool | | why | networks |", "|---|---|---|---|"]
    order = {tool: place for place, tool in enumerate(NAMES)}
    for (tool, status, why), names in sorted(reasons.items(), key=lambda item: order[item[0][0]]):
        lines.append(f"| {tool} | {status} | {why} | {', '.join(names)} |")
    return [*lines, ""]


def _skipped(skipped: dict[str, str]) -> list[str]:
    lines = [f"- {name}: {why}" for name, why in skipped.items()]
    return ["## Not judged", "", *lines, ""] if lines else []
