"""What a case is, and the list of all of them."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import onnx

from benchmarks.conformance.graph import Graph

Build = Callable[[Graph], None]


@dataclass(frozen=True)
class Case:
    """A small model and what must be left of it.

    Attributes:
        name: unique.
        group: the idea it belongs to.
        description: one line.
        least: how many affine operators exact algebra must leave.
        why: what keeps them; empty if `least` is 0.
        build: writes the model.
        options: arguments of `Graph`.
        trains: whether it computes batch statistics, so that it has no inference result.
        objective: what bnfold is asked for; other tools do what they always do.
    """

    name: str
    group: str
    description: str
    least: int
    why: str
    build: Build
    options: dict[str, Any] = field(default_factory=dict)
    trains: bool = False
    objective: str = "latency"

    def model(self) -> onnx.ModelProto:
        """The model; the same bytes each time."""
        graph = Graph(**self.options)
        self.build(graph)
        return graph.model()


class Group:
    """Collects cases of one idea; calling it registers one."""

    def __init__(self, title: str, objective: str = "latency") -> None:
        self.title = title
        self.objective = objective
        self.cases: list[Case] = []

    def __call__(
        self,
        description: str,
        least: int = 0,
        why: str = "",
        *,
        name: str | None = None,
        trains: bool = False,
        **options: Any,
    ) -> Callable[[Build], Build]:
        """Register the decorated builder under its own name, or under `name`."""

        def register(build: Build) -> Build:
            if bool(least) != bool(why):
                raise ValueError("say why something stays, and only then")
            label = name or build.__name__.strip("_").replace("_", "-")
            case = Case(label, self.title, description, least, why, build, options, trains, self.objective)
            self.cases.append(case)
            return build

        return register


def collect(groups: Iterable[Group]) -> list[Case]:
    """All cases, in order; their names must differ."""
    cases = [case for group in groups for case in group.cases]
    names = [case.name for case in cases]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise ValueError(f"names used twice: {sorted(twice)}")
    return cases
