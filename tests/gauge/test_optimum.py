"""Greedy with exchange against brute force: of all consistent sets of removals, the plan's saves most."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bnfold.gauge.exchange import improve
from bnfold.gauge.rules import read
from bnfold.gauge.search import Search, saving
from bnfold.gauge.units import Candidate
from bnfold.network import Network, Node, Tensor
from tests.gauge.test_exchange import Constant

CHANNELS = 2
CANDIDATES = 10


class Grower:
    """A network of few channels, whose batch normalizations agree often enough to be worth a choice."""

    def __init__(self, seed: int) -> None:
        self.random = np.random.default_rng(seed)
        self.nodes: list[Node] = []
        self.input = self._tensor("x", 8)
        self.live = [self._conv(self.input, 1)]

    def grow(self, step: str) -> None:
        x = self.live[self.random.integers(len(self.live))]
        if step == "branch":
            self._conv(self._append("Relu", [self._norm(x)], x))
        elif step == "head":
            self._append(self.random.choice(["Sigmoid", "Relu", "MaxPool"]), [self._norm(x)], x)
        elif step == "norm":
            self.live.append(self._norm(x))
        elif step == "conv":
            self.live.append(self._conv(x))
        else:
            alike = [tensor for tensor in self.live if tensor.shape == x.shape]
            other = alike[self.random.integers(len(alike))]
            self.live.append(self._append("Add" if step == "stream" else "Mul", [self._conv(x, 1), other], x))

    def _norm(self, x: Tensor) -> Tensor:
        gamma = self.random.choice([0.5, 1.0, 2.0, -1.0], CHANNELS, p=[0.3, 0.3, 0.3, 0.1])
        beta, zero, one = self.random.choice([0.0, 1.0], CHANNELS), np.zeros(CHANNELS), np.ones(CHANNELS)
        return self._append("BatchNormalization", [x, *map(self._constant, (gamma, beta, zero, one))], x)

    def _conv(self, x: Tensor, stride: int = 0) -> Tensor:
        stride = stride or int(self.random.choice([1, 2]))
        weight = self._constant(np.ones((CHANNELS, CHANNELS, 3, 3)))
        smaller = self._tensor("", max((x.extent(2) or 1) // stride, 1))
        return self._append("Conv", [x, weight], smaller, pads=(1, 1, 1, 1), strides=(stride, stride))

    def network(self) -> Network:
        inner = {tensor.name for node in self.nodes for tensor in node.inputs}
        ends = [node.outputs[0] for node in self.nodes if node.outputs[0].name not in inner]
        return Network(tuple(self.nodes), (self.input,), tuple(ends))

    def _tensor(self, name: str, extent: int) -> Tensor:
        return Tensor(name, ("N", CHANNELS, extent, extent))

    def _constant(self, array: np.ndarray) -> Tensor:
        array = np.asarray(array, np.float32)
        return Tensor(f"k{self.random.integers(1 << 60)}", array.shape, constant=Constant(array))

    def _append(self, op: str, inputs: Sequence[Tensor], like: Tensor, **attributes: object) -> Tensor:
        y = self._tensor(f"t{len(self.nodes)}", like.extent(2) or 1)
        self.nodes.append(Node(f"{op.lower()}{len(self.nodes)}", op, tuple(inputs), (y,), attributes))
        return y


STEPS = ["branch", "branch", "head", "head", "stream", "stream", "gate", "conv", "norm"]


DEFEATED = [25, 34, 56, 123]
"""Seeds of networks in which removing in the order of what is saved is not best."""


def grown(seed: int, steps: Sequence[str]) -> Network:
    grower = Grower(seed)
    for step in steps:
        grower.grow(step)
    return grower.network()


def most(network: Network) -> int:
    """What the best consistent set saves; a set is tried only if the set without its last member is consistent."""
    search = Search(read(network), {})
    tried = search.units.candidates
    search.reset()

    def best(index: int, saved: int) -> int:
        if index == len(tried):
            return saved
        without = best(index + 1, saved)
        search.begin()
        fits = search.add([tried[index]]) is None
        within = best(index + 1, saved + saving(tried[index])) if fits else 0
        search.rollback()
        return max(without, within)

    return best(0, 0)


def saved(candidates: Sequence[Candidate]) -> int:
    return sum(map(saving, candidates))


@given(st.integers(0, 10**6), st.lists(st.sampled_from(STEPS), min_size=4, max_size=14))
@settings(max_examples=60)
def test_no_set_of_removals_saves_more(seed, steps):
    network = grown(seed, steps)
    search = Search(read(network), {})
    if not 2 <= len(search.units.candidates) <= CANDIDATES:
        return
    improve(search)
    assert saved(search.removed) == most(network)


@pytest.mark.parametrize("seed", DEFEATED)
def test_networks_that_defeat_greedy(seed):
    network = grown(seed, np.random.default_rng(seed).choice(STEPS, 13).tolist())
    search, optimum = Search(read(network), {}), most(network)
    assert saved(search.removed) < optimum
    improve(search)
    assert saved(search.removed) == optimum
