"""Time of each step from facts to a rewritten graph: wall clock and processor seconds, the least of several runs."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import onnx_ir as ir

from benchmarks.solver.networks import FAMILIES
from bnfold.gauge.solve import solve
from bnfold.graph.apply import apply_plan
from bnfold.graph.constants import evaluate_constants
from bnfold.graph.facts import read_facts
from bnfold.sources.module import write_module
from bnfold.sources.onnx import load

SECONDS = 6.0
REPEATS = 7


@dataclass(frozen=True)
class Timing:
    """The least time of several runs.

    Attributes:
        wall: seconds on the clock, other programs included.
        processor: seconds that this process spent computing, all its threads together.
        repeats: number of runs.
    """

    wall: float
    processor: float
    repeats: int


@dataclass(frozen=True)
class Point:
    """One synthetic network."""

    family: str
    norms: int
    nodes: int
    removed: int
    solve: Timing

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def timed(
    work: Callable[[Any], object], prepare: Callable[[], Any] = lambda: None, repeats: int | None = None
) -> Timing:
    """Run `work` on what `prepare` makes, whose own time does not count.

    Without `repeats`: until the time is up, at least twice unless one run takes longer than that.
    """
    best_wall = best_processor = float("inf")
    done, spent = 0, 0.0
    while done < (repeats or REPEATS) and (repeats or spent < SECONDS):
        argument = prepare()
        wall, processor = time.perf_counter(), time.process_time()
        work(argument)
        wall, processor = time.perf_counter() - wall, time.process_time() - processor
        best_wall, best_processor = min(best_wall, wall), min(best_processor, processor)
        done, spent = done + 1, spent + wall
    return Timing(best_wall, best_processor, done)


def synthetic(family: str, norms: int) -> Point:
    """Solve one network of a family."""
    network = FAMILIES[family](norms)
    removed: list[int] = []
    timing = timed(lambda _: removed.append(len(solve(network).removed)))
    return Point(family, norms, len(network.nodes), removed[0], timing)


def resnet50(folder: Path) -> dict[str, Any]:
    """Every step for ResNet-50, exported once into `folder` with random weights."""
    path = folder / "resnet50.onnx"
    if not path.exists():
        from bnfold.zoo import resnet50 as build

        folder.mkdir(parents=True, exist_ok=True)
        write_module(build().eval(), path, {"input": (1, 3, 224, 224)})

    def prepared() -> ir.Model:
        model = load(path)
        evaluate_constants(model)
        return model

    facts = read_facts(prepared())
    plan = solve(facts.network)

    def site() -> tuple[ir.Model, Any]:
        model = prepared()
        return model, read_facts(model)

    steps = {
        "facts": timed(read_facts, prepared, REPEATS),
        "solve": timed(solve, lambda: facts.network, 3 * REPEATS),
        "apply": timed(lambda both: apply_plan(both[0], both[1], plan), site, REPEATS),
    }
    return {
        "nodes": len(facts.network.nodes),
        "affine": len(plan.decisions),
        "removed": len(plan.removed),
        "steps": {name: asdict(timing) for name, timing in steps.items()},
    }
