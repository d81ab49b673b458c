"""The results as a page."""

from __future__ import annotations

from typing import Any

HEAD = """# Verdicts beside fixed tolerances

`python -m benchmarks.verification` wrote this page; the record is
[results.json](../benchmarks/verification/results.json). Every check answers whether a candidate computes what its
original computes, with its own inputs and nothing set by hand. What is right and what is wrong is known: the folds are
correct, and every other model was tampered with on purpose.

| check | rule |
|---|---|
"""


def page(data: dict[str, Any]) -> str:
    """docs/verification-compared.md."""
    checks = list(data["rules"])
    lines = [HEAD + "\n".join(f"| {name} | {rule} |" for name, rule in data["rules"].items())]
    lines += ["", "## In short", "", "| | " + " | ".join(checks) + " |", "|---|" + "---|" * len(checks)]
    for title, right in (("correct folds accepted", True), ("wrong models accepted", False)):
        chosen = [pair for pair in data["pairs"] if pair["right"] is right]
        counts = [sum(pair["accepted"][name] for pair in chosen) for name in checks]
        lines.append(f"| {title}, of {len(chosen)} | " + " | ".join(map(str, counts)) + " |")
    lines += ["", "## One by one", "", "A verdict in bold is a wrong one.", ""]
    lines += ["| original | candidate | " + " | ".join(checks) + " |", "|---|---|" + "---|" * len(checks)]
    for pair in data["pairs"]:
        cells = [_cell(pair["accepted"][name], pair["right"]) for name in checks]
        lines.append(f"| {pair['group']} | {pair['name']} | " + " | ".join(cells) + " |")
    if data["resnet50"] is not None:
        lines += ["", "## Time", "", _time(data)]
    lines.append("")
    return "\n".join(lines)


def _cell(accepted: bool, right: bool) -> str:
    word = "same" if accepted else "different"
    return word if accepted is right else f"**{word}**"


def _time(data: dict[str, Any]) -> str:
    machine, time = data["environment"], data["resnet50"]
    rows = [
        f"| `{name}` | {min(run['wall'] for run in runs):.1f} | {min(run['processor'] for run in runs):.1f} |"
        for name, runs in time.items()
    ]
    load = machine["load_average"]
    note = "" if load is None else f" The load average at the start was {load[0]:.1f}."
    return "\n".join(
        [
            f"ResNet-50, 1x3x224x224, the command from start to end, fastest of {len(next(iter(time.values())))} runs, "
            f"on {machine['usable_cores']} cores of {machine['cpu']}.{note}",
            "",
            "| command | wall s | processor s |",
            "|---|---:|---:|",
            *rows,
        ]
    )
