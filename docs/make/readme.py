"""The regions of the README: what it needs, and what the records say of bnfold beside other tools."""

from __future__ import annotations

import json
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from math import exp, log
from pathlib import Path
from statistics import fmean
from textwrap import fill
from typing import Any

from docs.make.regions import table

ROOT = Path(__file__).parents[2]
WHOLE, SMALL = ROOT / "benchmarks/rivals/results.json", ROOT / "benchmarks/conformance/results.json"

WIDTH = 120

Record = Mapping[str, Any]


def regions() -> Mapping[str, str]:
    """The table of tools, what it is made of, and the version of Python."""
    whole, small = (json.loads(path.read_text(encoding="utf-8")) for path in (WHOLE, SMALL))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return {
        "python": f"Python {project['requires-python'].removeprefix('>=')} or newer",
        "tools": tools(whole, small),
        "measured": measured(whole),
    }


def tools(whole: Record, small: Record) -> str:
    """A row a tool: operators left and speed over whole networks, and how it did on small models."""
    headings = [
        "tool",
        f"{len(whole['models'])} networks: operators left",
        "wrong or failed",
        "speed",
        f"{len(small['cases'])} small models: nothing left to fold",
        "something left",
        "wrong or failed",
    ]
    names = list(dict.fromkeys([*_names(whole), *small["tools"]]))
    rows = [[name, *_on_networks(whole, name), *_on_small(small, name)] for name in names]
    return table(headings, rows, frozenset(range(1, len(headings))))


def measured(whole: Record) -> str:
    """Which models, machine and versions."""
    models, machine = whole["models"], whole["environment"]
    timed = Counter(tool for model in models.values() for tool in model.get("onnxruntime", {"tools": {}})["tools"])
    most = max(timed.values())
    fewer = ", ".join(f"{count} for {tool}" for tool, count in timed.items() if count < most)
    networks = f"{most} networks ({fewer})" if fewer else f"{most} networks"
    versions = ", ".join(f"{name} {number}" for name, number in whole["versions"].items())
    text = (
        "*Operators* are batch normalizations and other affine operators, of those in the networks that the tool was"
        f" given. *Speed* is the geometric mean over {networks} of how much faster than the original the written"
        " file runs on ONNX Runtime, one thread; where ONNX Runtime folds every batch normalization itself when it"
        " loads the original, folding alone makes no file faster. The small models have a rule or a trap each."
        f" {machine['cpu']}; {versions}."
    )
    return fill(text, WIDTH, break_on_hyphens=False)


def _names(whole: Record) -> Iterator[str]:
    for model in whole["models"].values():
        yield from model["tools"]


def _on_networks(whole: Record, tool: str) -> Sequence[str]:
    """Operators left of those in the networks that it was given, failures, and the mean speed-up."""
    given = [model for model in whole["models"].values() if tool in model["tools"]]
    if not given:
        return ["-", "-", "-"]
    bad = [model for model in given if "affine" not in model["tools"][tool] or model["tools"][tool]["wrong"]]
    before = sum(model["original"]["affine"] for model in given)
    left = sum((model["original"] if model in bad else model["tools"][tool])["affine"] for model in given)
    ratios = [
        log(model["onnxruntime"]["tools"][tool]["speedup"]["value"])
        for model in given
        if tool in model.get("onnxruntime", {"tools": {}})["tools"]
    ]
    return [f"{left:,} of {before:,}", str(len(bad)), f"{exp(fmean(ratios)):.2f}×" if ratios else "-"]


def _on_small(small: Record, tool: str) -> Sequence[str]:
    """How many were left with as little as algebra allows, with more, and wrong or refused."""
    if tool not in small["tools"]:
        return ["-", "-", "-"]
    counts = Counter(case["status"] for case in small["tools"][tool]["cases"].values())
    return [str(counts["least"]), str(counts["more"]), str(counts["wrong"] + counts["refused"])]
