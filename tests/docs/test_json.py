"""docs/json.md names every key that a command writes as JSON, and no other.

The commands run on small models that have a bit of everything. A row of the page is about the keys that its first cell
names and about all that lies inside and has no row of its own.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch

from bnfold.cli.app import app
from bnfold.verification.grown import Grown
from bnfold.verification.trace import Site
from tests.docs.markdown import tables
from tests.networks import Net

BY_NAME = {"added", "removed", "forms", "layout", "operators", "batches", "ulp", "shapes", "max_ulp_by_constant"}
BY_NAME |= {"versions"}
"""Objects whose keys are names of a model, kinds of operators and the like."""

Write = Callable[..., dict[str, Any]]


def network() -> Net:
    """Something to remove, to keep, to merge, not to merge, and to leave out."""
    net = Net()
    x = net.node("Identity", net.relu(net.bn(net.conv(net.input(1, 3, 8, 8), 4))))
    merged = net.node("Add", net.conv(x, 4), net.conv(x, 4, kernel=1))
    kept = net.node("Sigmoid", net.bn(net.node("Sigmoid", merged)))
    chain = net.conv(net.conv(kept, 4), 4)
    net.node("Gemm", net.node("Flatten", net.node("GlobalAveragePool", chain)), net.normal(4, 6), name="scores")
    return net


def too_wide_for_float16() -> Net:
    net = Net()
    net.node("Mul", net.conv(net.input(1, 3, 8, 8), 4), np.float32(1e6), name="scores")
    return net


@pytest.fixture(scope="module")
def write(tmp_path_factory: pytest.TempPathFactory) -> Write:
    """What a command writes, run in a folder with all models."""
    folder = tmp_path_factory.mktemp("json")
    net, wide = network(), too_wide_for_float16()
    onnx.save(net.model("scores.y"), folder / "net.onnx")
    onnx.save(wide.model("scores.y"), folder / "wide.onnx")
    net.constants["wrong"] = -net.constants[net.nodes[-1].input[1]]
    net.nodes[-1].input[1] = "wrong"
    onnx.save(net.model("scores.y"), folder / "wrong.onnx")
    samples = np.random.default_rng(0).normal(size=(4, 3, 8, 8)).astype(np.float32)
    np.savez(folder / "data.npz", input=samples, labels=np.zeros(4, int))
    torch.save(torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4)).eval(), folder / "module.pt")

    def write(command: str, option: str = "--json") -> dict[str, Any]:
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(folder)
            app([*command.split(), option, "written.json"], standalone_mode=False)
            written = Path("written.json")
            found = json.loads(written.read_text())
            written.unlink()
        assert isinstance(found, dict)
        return found

    return write


def test_a_fold(write: Write) -> None:
    folded = write("fold net.onnx -o folded.onnx --certificate proof.json --seconds 0.1", "--report")
    simplified = write("fold net.onnx -o simplified.onnx --simplify --opset 18 --no-bench")
    site = Site("a", "b", "c", 1.0, 1.0, 0.1)
    reports = [
        folded,
        simplified,
        write("inspect net.onnx"),
        write("fold wide.onnx -o half.onnx --precision fp16 --no-bench"),
        write("fold module.pt -o module.onnx --input input:1,3,8,8 --no-bench"),
        {"verification": write("verify net.onnx wrong.onnx --data data.npz")},
        {"verification": write("verify net.onnx folded.onnx --atol 1")},
        {"verification": {"blame": Grown(site, site, (), ()).to_json()}},
        {"proof": write("verify net.onnx folded.onnx --certificate proof.json")},
        {"benchmark": write("bench folded.onnx --against net.onnx --profile --level all --seconds 0.1")},
    ]
    reports.append({"verification": simplified["simplified"]})
    simplified["simplified"] = {}
    check(1, reports)


def test_several_models(write: Write) -> None:
    found = write("fold net.onnx wide.onnx -o many --no-verify --jobs 1")
    for model in found["models"]:
        assert model["report"]["schema_version"] == 1
        model["report"] = {}
    check(2, [found])


def test_a_difference(write: Write) -> None:
    check(3, [write("diff net.onnx wrong.onnx"), write("diff net.onnx wide.onnx"), write("diff wide.onnx net.onnx")])


def check(table: int, written: Iterable[dict[str, Any]]) -> None:
    """Every row names the keys that are there, and those alone."""
    rows = list(tables("docs/json.md"))[table]
    row_of = {path: row for row, (paths, _) in enumerate(rows) for path in words(paths)}
    found: dict[int, set[str]] = defaultdict(set)
    seen = {path for data in written for path in keys(data)}
    for path in seen - row_of.keys():
        parts = path.split(".")
        above = [".".join(parts[:n]) for n in range(len(parts) - 1, 0, -1)]
        owner = next((row_of[each] for each in above if each in row_of), None)
        assert owner is not None, f"the page has no row for {path}"
        found[owner].add(parts[-1])
    assert row_of.keys() <= seen
    stated = {paths: words(content) - words(paths) for paths, content in rows}
    for paths, named in stated.items():
        for other in {word for word in named if "." in word}:  # which row this one is like
            stated[paths] = named - {other} | stated[rows[row_of[other]][0]]
    assert stated == {paths: found[row] for row, (paths, _) in enumerate(rows)}


def words(cell: str) -> set[str]:
    """The keys, and the paths of keys, that a cell names."""
    return set(re.findall(r"`([\w.]+)`", cell))


def keys(value: object, path: str = "") -> Iterator[str]:
    """The paths of all keys, those of objects in lists included, and not those that are names."""
    if isinstance(value, list):
        for each in value:
            yield from keys(each, path)
    elif isinstance(value, dict):
        for key, inner in value.items():
            under = f"{path}.{key}".lstrip(".")
            yield under
            if key not in BY_NAME:
                yield from keys(inner, under)


def test_keys_and_names_are_told_apart() -> None:
    data = {"a": [{"b": 1}, {"c": {"d": 2}}], "shapes": {"x": [1], "y": [2]}, "batches": {"normal": {"x": [1]}}}
    assert set(keys(data)) == {"a", "a.b", "a.c", "a.c.d", "shapes", "batches"}
