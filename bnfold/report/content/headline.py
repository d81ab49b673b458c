"""The verdict in one sentence, every number in it from the run."""

from __future__ import annotations

from pathlib import PurePath

from bnfold.report.content.table import Data, error, plural

DEFAULT_LEVEL = "all"
"""ONNX Runtime's own choice."""


def verdict(data: Data) -> str:
    """equivalent, different or not_run: of all that was judged, the worst."""
    judged = [data["verification"]["verdict"]]
    judged += [data["simplified"]["verdict"]] if "simplified" in data else []
    judged += ["equivalent" if data["half"]["holds"] else "different"] if "half" in data else []
    return next((worst for worst in ("different", "not_run") if worst in judged), "equivalent")


def badge(data: Data) -> str:
    """The verdict in two words."""
    return {"equivalent": "Equivalent", "different": "Not equivalent", "not_run": "Not verified"}[verdict(data)]


def headline(data: Data) -> str:
    """What was folded, whether it computes the same, and what it is worth."""
    if verdict(data) == "different":
        return f"The folded form of {title(data)} does not compute the same{_where(data)}, so nothing was written."
    return f"{_folded(data)}; {_proved(data)}{_faster(data)}."


def title(data: Data) -> str:
    """The source without its folders."""
    return PurePath(data["source"]).name or data["source"]


def _folded(data: Data) -> str:
    before, removed = (data["affine"][key] + data["scalar"][key] for key in ("before", "removed"))
    name, merges = title(data), data["merges"]
    told = f"In {name} there is no affine operator to fold"
    if before == removed == 1:
        told = f"The only affine operator of {name} is folded away"
    elif before and removed == before:
        told = f"All {before:,} affine operators of {name} are folded away"
    elif before:
        went = f"{removed} of {before:,} affine operators of {name} {'is' if removed == 1 else 'are'} folded away"
        told = went if removed else f"None of {plural(before, 'affine operator')} of {name} can be folded away"
    if merges:
        told += f", and {sum(len(merge['nodes']) for merge in merges)} linear operators became {len(merges)}"
    return told


def _proved(data: Data) -> str:
    if verdict(data) == "not_run":
        return "that it computes the same was not verified"
    proof, rounding = data["proof"], data["verification"]["rounding"]
    ways = ["the folded model computes the same"]
    if proof is not None and proof["verdict"] == "proved":
        ways.append("proved for every input")
    if rounding is not None and rounding["folded"] is not None:
        ours, own = error(rounding["folded"]), error(rounding["original"])
        on = {"emulation": "in emulation", "PyTorch": "in PyTorch"}.get(rounding["by"], f"on {rounding['by']}")
        ways.append(f"and {on} its error is {ours}, the original's {own}")
    return ", ".join(ways)


def _where(data: Data) -> str:
    blame = data["verification"]["blame"]
    return "" if blame is None else f" (the first tensor that differs is {blame['site']['tensor']})"


def _faster(data: Data) -> str:
    bench = data.get("benchmark")
    if bench is None:
        return ""
    compared = [item for item in bench["comparisons"] if item["setting"]["level"] == DEFAULT_LEVEL] or bench[
        "comparisons"
    ]
    if not compared:
        return ""
    run = compared[0]["run"]
    ratio = run["speedup"]
    interval = f"{ratio['value']:.2f}×, 95 % interval {ratio['low']:.2f} to {ratio['high']:.2f}"
    level = (
        "at ONNX Runtime's default level"
        if compared[0]["setting"]["level"] == DEFAULT_LEVEL
        else "without optimizations"
    )
    said = {"faster": "it runs faster", "slower": "it runs slower"}.get(run["verdict"], "its latency is no different")
    return f"; {level} {said} ({interval})"
