"""The results as a page."""

from __future__ import annotations

from textwrap import fill
from typing import Any

HEAD = """# Merging against timm's own re-parameterization

`python -m benchmarks.merge` wrote this page: from timm's plain export of each network, bnfold's fold, and the export
after timm's `reparameterize_model`, which knows the network's classes. Random parameters, batch 1.

## Operators

Layers are Conv, Gemm and MatMul nodes; *run* is how many nodes ONNX Runtime makes of the file at its full optimization
level.

| network | input | layers: plain | bnfold | timm | nodes: plain | bnfold | timm | run: plain | bnfold | timm |
|---|---|---|---|---|---|---|---|---|---|---|
"""
SPEED = """
## Latency

Paired median ratio to the plain export with its 95 % interval, ONNX Runtime's CPU provider at its full optimization
level (where it folds batch normalization behind convolutions itself); above 1 is faster. *Same* means that ONNX
Runtime runs as many operators of every type for bnfold's file as for timm's. {machine}.

| network | threads | plain, ms | bnfold | timm | |
|---|---|---|---|---|---|
"""


def page(data: dict[str, Any]) -> str:
    """Markdown of all records."""
    text = HEAD + "".join(_counts(record) for record in data["models"])
    text += _coverage(data["families"], {record["model"] for record in data["models"]})
    timed = [record for record in data["models"] if "latency" in record]
    if timed:
        machine = data["environment"]
        text += SPEED.format(machine=f"{machine['cpu']}, {machine['usable_cores']} cores")
        text += "".join(_latencies(record) for record in timed)
        noisy = [record["model"] for record in timed if any(each["warnings"] for each in record["latency"].values())]
        if noisy:
            text += f"\nThe machine was busy or the time short while these were measured: {', '.join(noisy)}.\n"
    return text


def _coverage(families: dict[str, list[str]], counted: set[str]) -> str:
    """Which modules of timm are represented, and which are not."""
    open_ = [module for module, names in families.items() if not counted & set(names)]
    text = f"In timm {len(families)} modules implement `fuse` or `reparameterize`: {', '.join(families)}. "
    text += f"Not counted yet: {', '.join(open_)}." if open_ else "Each of them has a network above."
    return "\n" + fill(text, 120) + "\n"


def _counts(record: dict[str, Any]) -> str:
    extent = "x".join(map(str, record["input"][2:]))
    kinds = ("original", "bnfold", "timm")
    numbers = [record[kind][what] for what in ("layers", "nodes") for kind in kinds]
    numbers += [sum(record[kind]["run"].values()) for kind in kinds]
    return f"| {record['model']} | {extent} | {' | '.join(map(str, numbers))} |\n"


def _latencies(record: dict[str, Any]) -> str:
    rows = ""
    remark = "same" if record["bnfold"]["run"] == record["timm"]["run"] else ""
    for threads, found in record["latency"].items():
        ratios = [_ratio(found[name]["speedup"]) for name in ("bnfold", "timm")]
        cells = [record["model"], threads, f"{found['original_ms']:.1f}", *ratios, remark]
        rows += f"| {' | '.join(cells)} |\n"
    return rows


def _ratio(speedup: dict[str, float]) -> str:
    return f"{speedup['value']:.2f}x [{speedup['low']:.2f}, {speedup['high']:.2f}]"
