"""Removals that save more together than what greedy tried first."""

import numpy as np
import pytest

from bnfold.gauge import solve as solving
from bnfold.gauge.solve import solve
from bnfold.network import Network, Node, Tensor


class Constant:
    def __init__(self, array: np.ndarray) -> None:
        self.array = array
        self.shape = array.shape

    def numpy(self) -> np.ndarray:
        return self.array


def tensor(name: str) -> Tensor:
    return Tensor(name, ("N", 4, 8, 8))


def norm(name: str, x: str, seed: int) -> Node:
    rng = np.random.default_rng(seed)
    parameters = [Tensor(f"{name}.{i}", (4,), True, Constant(rng.uniform(0.5, 1.5, 4))) for i in range(4)]
    return Node(name, "BatchNormalization", (tensor(x), *parameters), (tensor(f"{name}.y"),))


def conv(name: str, x: str) -> Node:
    weight = Constant(np.random.default_rng(len(name)).normal(size=(4, 4, 3, 3)))
    return Node(name, "Conv", (tensor(x), Tensor(f"{name}.w", (4, 4, 3, 3), True, weight)), (tensor(f"{name}.y"),),
                {"pads": (1, 1, 1, 1)})  # fmt: skip


def simple(name: str, op: str, *xs: str) -> Node:
    return Node(name, op, tuple(map(tensor, xs)), (tensor(f"{name}.y"),))


def stream(order: str) -> Network:
    """x2 = x1 + conv; A(x1) -> Sigmoid, B(x2) -> Sigmoid, C(x2) -> Relu -> Conv; B alone blocks A and C."""
    norms = {"A": norm("A", "c1.y", 1), "B": norm("B", "x2.y", 2), "C": norm("C", "x2.y", 3)}
    nodes = (
        conv("c1", "x"),
        conv("c2", "x"),
        simple("x2", "Add", "c1.y", "c2.y"),
        *(norms[name] for name in order),
        simple("sa", "Sigmoid", "A.y"),
        simple("sb", "Sigmoid", "B.y"),
        simple("r", "Relu", "C.y"),
        conv("c3", "r.y"),
    )
    return Network(nodes, (tensor("x"),), (tensor("sa.y"), tensor("sb.y"), tensor("c3.y")))


@pytest.mark.parametrize("order", ["ABC", "ACB", "BAC", "BCA", "CAB", "CBA"])
def test_two_small_removals_beat_the_one_that_blocks_both(order: str) -> None:
    plan = solve(stream(order))
    assert set(plan.removed) == {"A", "C"}
    (kept,) = [decision for decision in plan.decisions if not decision.removed]
    assert kept.reason is not None
    assert "A is removed" in kept.reason.sentence or "C is removed" in kept.reason.sentence


def test_greedy_alone_would_keep_both(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the exchange the counter-example really is one."""
    monkeypatch.setattr(solving, "improve", lambda search: None)
    assert solve(stream("BAC")).removed == ("B",)


def test_what_fits_as_it_is_stays_as_it_is() -> None:
    network = Network((conv("c1", "x"), norm("A", "c1.y", 1)), (tensor("x"),), (tensor("A.y"),))
    assert solve(network).removed == ("A",)
