"""The README is short, and every figure in it is made."""

import copy
import json
import re

from docs.make import readme
from docs.make.pages import ROOT
from docs.make.regions import REGION
from tests.docs.markdown import blocks

README = (ROOT / "README.md").read_text(encoding="utf-8")
WHOLE, SMALL = (json.loads(path.read_text(encoding="utf-8")) for path in (readme.WHOLE, readme.SMALL))


def figures(page: str) -> list[str]:
    """Numbers that stand in the text, outside of code, links and regions."""
    page = re.sub(r"```.*?```", "", page, flags=re.DOTALL)
    page = re.sub(r"`[^`]*`|\]\([^)]*\)", "", REGION.sub("", page))
    return re.findall(r"(?<![\w.-])\d[\d.,]*(?:[eE]-?\d+)?[%×x]?", page)


def test_no_figure_is_typed() -> None:
    assert figures(README) == []


def test_typed_figures_are_seen() -> None:
    assert figures("It is 1.2x as fast, 3 of 4, within 1e-10, on ONNX 1.20.") == ["1.2x", "3", "4,", "1e-10", "1.20."]
    assert figures("float64, ResNet-20, [a](b1.md), `x 2`, <!-- begin a -->3<!-- end a -->\n```\n4\n```\n") == []


def test_a_stranger_reads_it_in_a_minute() -> None:
    assert len(README.splitlines()) < 150
    (python,) = (block.code for block in blocks("README.md") if block.language == "python")
    assert len(python.strip().splitlines()) <= 10


def row(table: str, tool: str) -> list[str]:
    line = next(line for line in table.splitlines() if line.startswith(f"| {tool} |"))
    return [cell.strip() for cell in line.strip("|").split("|")][1:]


def test_what_went_wrong_counts_as_left() -> None:
    """Worked out by hand for a record of two networks."""
    whole = {
        "models": {
            "a": {
                "original": {"affine": 10},
                "tools": {"x": {"affine": 2, "wrong": False}, "y": {"error": "no"}},
                "onnxruntime": {"tools": {"x": {"speedup": {"value": 2.0}}}},
            },
            "b": {
                "original": {"affine": 6},
                "tools": {"x": {"affine": 0, "wrong": True}},
                "onnxruntime": {"tools": {"x": {"speedup": {"value": 8.0}}}},
            },
        }
    }
    small = {
        "cases": {"c": {}, "d": {}},
        "tools": {"x": {"cases": {"c": {"status": "wrong"}, "d": {"status": "least"}}}},
    }
    table = readme.tools(whole, small)
    assert row(table, "x") == ["8 of 16", "1", "4.00×", "1", "0", "1"]
    assert row(table, "y") == ["10 of 10", "1", "-", "-", "-", "-"]


def test_a_mean_over_fewer_networks_says_so() -> None:
    speeds = [{"x": {}, "y": {}}, {"x": {}, "y": {}}, {"x": {}}]
    whole = {
        "models": {str(i): {"onnxruntime": {"tools": tools}} for i, tools in enumerate(speeds)} | {"untimed": {}},
        "environment": {"cpu": "a"},
        "versions": {},
    }
    assert "over 3 networks (2 for y) of" in readme.measured(whole)
    del whole["models"]["2"]
    assert "over 2 networks of" in readme.measured(whole)


def test_the_table_follows_the_record() -> None:
    changed = copy.deepcopy(WHOLE)
    changed["models"]["resnet50"]["tools"]["bnfold"]["affine"] += 1
    assert readme.tools(changed, SMALL) != readme.tools(WHOLE, SMALL)
