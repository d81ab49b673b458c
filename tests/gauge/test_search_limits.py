"""Where no exact search is affordable: what is found is consistent all the same, and never worse than without it."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bnfold.gauge import exchange
from bnfold.gauge.exchange import improve
from bnfold.gauge.rules import read
from bnfold.gauge.search import Search
from bnfold.network import Network, Node, Tensor
from tests.gauge.test_exchange import Constant, conv, simple, tensor
from tests.gauge.test_optimum import DEFEATED, STEPS, grown, most, saved


def scaled(name: str, x: str, scale: float) -> Node:
    """A batch normalization with a shift of its own."""
    shift = np.random.default_rng(len(name)).normal(size=4)
    values = (np.full(4, scale), shift, np.zeros(4), np.ones(4))
    parameters = [Tensor(f"{name}.{i}", (4,), True, Constant(value)) for i, value in enumerate(values)]
    return Node(name, "BatchNormalization", (tensor(x), *parameters), (tensor(f"{name}.y"),), {"epsilon": 0.0})


def stream(scales: list[float]) -> Network:
    """A residual stream whose every tensor has a head that asks for one scale: only heads that ask for the same fit."""
    nodes, x = [conv("start", "x")], "start.y"
    for i, scale in enumerate(scales):
        nodes += [conv(f"c{i}", "x"), simple(f"x{i}", "Add", x, f"c{i}.y")]
        x = f"x{i}.y"
        nodes += [scaled(f"bn{i}", x, scale), simple(f"head{i}", "Sigmoid", f"bn{i}.y")]
    return Network(tuple(nodes), (tensor("x"),), tuple(tensor(f"head{i}.y") for i in range(len(scales))))


def removed(search: Search) -> set[str]:
    return {candidate.node.name for candidate in search.removed}


def assert_consistent(search: Search, network: Network) -> None:
    """The equations of all removals hold together, and every other candidate has a reason."""
    again = Search(read(network), {})
    again.reset()
    names = removed(search)
    chosen = [candidate for candidate in again.units.candidates if candidate.node.name in names]
    assert again.add(chosen) is None
    assert {candidate.node.name for candidate in search.refused} == search.reasons.keys()
    assert names.isdisjoint(search.reasons)
    assert len(names) + len(search.reasons) == len(again.units.candidates)


def test_a_group_too_large_to_search_is_searched_around_its_refusals() -> None:
    """The one that comes first blocks forty that ask for another scale."""
    network = stream([2.0] + [0.5] * 40)
    search = Search(read(network), {})
    assert removed(search) == {"bn0"}
    improve(search)
    assert removed(search) == {f"bn{i}" for i in range(1, 41)}
    assert_consistent(search, network)
    assert "is removed" in search.reasons["bn0"].sentence


@pytest.mark.parametrize(("first", "others"), [(1, 2), (2, 3), (3, 4), (5, 7), (5, 40)])
def test_several_that_ask_for_the_same_give_way_together(first: int, others: int) -> None:
    network = stream([2.0] * first + [0.5] * others)
    search = Search(read(network), {})
    assert len(removed(search)) == first
    improve(search)
    assert removed(search) == {f"bn{i}" for i in range(first, first + others)}
    assert_consistent(search, network)


@given(st.lists(st.sampled_from([0.5, 1.5, 2.0, 3.0]), min_size=2, max_size=exchange.GROUP))
@settings(max_examples=25)
def test_of_those_that_ask_for_the_same_the_most_are_removed(scales: list[float]) -> None:
    search = Search(read(stream(scales)), {})
    improve(search)
    assert len(search.removed) == max(Counter(scales).values())


def test_a_large_group_that_is_best_as_it_is_stays_so() -> None:
    network = stream([2.0] * 35 + [0.5] * 5)
    search = Search(read(network), {})
    improve(search)
    assert removed(search) == {f"bn{i}" for i in range(35)}
    assert_consistent(search, network)


@pytest.mark.parametrize("seed", DEFEATED)
def test_windows_of_small_networks(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    network = grown(seed, np.random.default_rng(seed).choice(STEPS, 13).tolist())
    greedy, search = Search(read(network), {}), Search(read(network), {})
    monkeypatch.setattr(exchange, "GROUP", 1)
    improve(search)
    assert_consistent(search, network)
    assert saved(greedy.removed) < saved(search.removed) <= most(network)


@pytest.mark.parametrize("seed", DEFEATED)
def test_whenever_the_effort_ends_what_was_found_holds(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    network = grown(seed, np.random.default_rng(seed).choice(STEPS, 13).tolist())
    least, optimum, found = saved(Search(read(network), {}).removed), most(network), []
    monkeypatch.setattr(exchange, "EFFORT", 0)
    for effort in (-1, 0, 1, 2, 3, 5, 8, 13, 21, 34, 55, 500):
        monkeypatch.setattr(exchange, "FLOOR", effort)
        search = Search(read(network), {})
        improve(search)
        assert_consistent(search, network)
        found.append(saved(search.removed))
    assert found[0] == least
    assert all(least <= each <= optimum for each in found)
    assert found[-1] == optimum
