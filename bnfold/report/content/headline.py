"""The verdict in one sentence, every number in it from the run."""

from __future__ import annotations

from pathlib import PurePath

from bnfold.report.content.proof import before
from bnfold.report.content.table import Data, error, plural

DEFAULT_LEVEL = "all"
"""ONNX Runtime's own choice."""


def verdict(data: Data) -> str:
    """equivalent, different or not_run: that of the file, unless a step before it failed."""
    judged = [data["verification"]["verdict"]]
    judged += [data["simplified"]["verdict"]] if "simplified" in data else []
    judged += ["equivalent" if data["half"]["holds"] else "different"] if "half" in data else []
    return "different" if "different" in judged else str(judged[-1])


def badge(data: Data) -> str:
    """The verdict in two words."""
    if _only_proved(data):
        return "Proved, not run"
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
    if _only_proved(data):
        return "that it computes the same is proved for every input, and nothing was run"
    if verdict(data) == "not_run":
        return "that it computes the same was not verified"
    ways = ["the folded model computes the same"]
    if _is_proved(data):
        ways.append(f"proved for every input{before(data)}")
    return ", ".join([*ways, *_errors(data)])


def _is_proved(data: Data) -> bool:
    return data["proof"] is not None and data["proof"]["verdict"] == "proved"


def _only_proved(data: Data) -> bool:
    return verdict(data) == "not_run" and _is_proved(data)


def _errors(data: Data) -> list[str]:
    """The error of the file that was written beside that of the original, if they were run."""
    if "half" in data:
        worst = max(data["half"]["outputs"], key=lambda output: output["error"], default=None)
        if worst is None:
            return []
        ours, own = error(worst["error"]), error(worst["original"])
        return [f"and on ONNX Runtime the float16 file's error is {ours}, the original's in float16 {own}"]
    rounding = data.get("simplified", data["verification"])["rounding"]
    if rounding is None or rounding["folded"] is None:
        return []
    on = {"emulation": "in emulation", "PyTorch": "in PyTorch"}.get(rounding["by"], f"on {rounding['by']}")
    its = "the simplified file's" if "simplified" in data else "its"
    return [f"and {on} {its} error is {error(rounding['folded'])}, the original's {error(rounding['original'])}"]


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
