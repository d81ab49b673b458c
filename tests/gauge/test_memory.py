"""Networks full of dead channels and far shifts, a second time: what was kept for them is kept again."""

import random

import onnx_ir as ir
from hypothesis import given, settings
from hypothesis import strategies as st

from bnfold.plan import Code
from tests.gauge.contract import assert_finished
from tests.gauge.steps import Draw
from tests.networks import Folded, Net, fold

STEPS = (
    "conv",
    "unpadded",
    "bn",
    "dead",
    "dead",
    "far",
    "far",
    "relu",
    "sigmoid",
    "pool",
    "join",
    "stream",
    "two layers",
)


def network(choose: Draw) -> Folded:
    net = Net(seed=choose.integer(0, 99))
    live = [net.conv(net.input(2, 3, 6, 6), 4, 1)]
    for _ in range(choose.integer(2, 9)):
        x = choose.one(live[-1], live[-1], *live)
        kind, c = choose.one(*STEPS), 4
        gamma, beta = net.random.uniform(0.5, 1.5, c), net.random.normal(0, 0.5, c)
        if kind == "conv":
            live.append(net.conv(x, c, 3))
        elif kind == "unpadded":
            live.append(net.conv(x, c, 1, pads=[0] * 4))
        elif kind == "dead":
            gamma[choose.integer(0, c - 1)] = 0.0
            live.append(net.bn(x, gamma=gamma))
        elif kind == "far":
            beta[choose.integer(0, c - 1)] += choose.one(-1.0, 1.0) * choose.one(100.0, 1000.0)
            live.append(net.bn(x, beta=beta))
        elif kind == "bn":
            live.append(net.bn(x))
        elif kind == "relu":
            live.append(net.relu(x))
        elif kind == "sigmoid":
            live.append(net.node("Sigmoid", x))
        elif kind == "pool":
            live.append(net.node("MaxPool", x, kernel_shape=[3, 3], pads=[1] * 4))
        elif kind == "two layers":
            live.append(net.node("Sub", net.conv(x, c, 1, pads=[0] * 4), net.conv(net.bn(x), c, 1, pads=[0] * 4)))
        elif kind == "join":
            live.append(net.node("Add", x, live[-1]))
        else:
            live.append(net.node("Add", x, net.conv(net.relu(net.bn(x, beta=beta + 500.0)), c)))
    last = [net.conv(live[-1], 3, 1, pads=[0] * 4)]
    return fold(net.model(*last))


@given(st.composite(lambda draw: network(Draw(draw)))())
@settings(max_examples=100)
def test_folding_twice_is_folding_once(folded):
    assert_finished(folded)


class Dice(Draw):
    """Choices made by a seed, the same every time."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def one(self, *options):
        return self._random.choice(options)

    def integer(self, low, high):
        return self._random.randint(low, high)


def test_the_networks_remember_both():
    """The property would say nothing if nothing were remembered, or if a second fold found all of it anyway."""
    told, needed = set(), set()
    for seed in range(60):
        folded = network(Dice(seed))
        told |= {reason.code for reason in folded.plan.remembered.values()}
        again = ir.to_proto(folded.rounded)
        del again.metadata_props[:]
        needed |= {*folded.plan.remembered} & {*fold(again).plan.removed}
    assert told >= {Code.DEAD, Code.PRECISION}
    assert needed
