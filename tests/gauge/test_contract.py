"""Random networks over every rule: folded exactly, valid, unchanged outside, and finished after one fold."""

import numpy as np
import onnx.printer
import pytest
from hypothesis import given, note, settings
from hypothesis import strategies as st

from bnfold.gauge.rules import TABLE
from tests.gauge import affine_steps, join_steps, linear_steps, movement_steps, pooling_steps  # noqa: F401
from tests.gauge.contract import check, initializers
from tests.gauge.steps import MAX_ELEMENTS, STEPS, Draw
from tests.networks import Net

LOCAL = ["bn", "scaled", "shifted", "relu"]


@st.composite
def networks(draw, neutral: bool = False, focus: str | None = None):
    """A network with up to nine steps, and the names of its outputs."""
    net, outputs = build(Draw(draw), neutral=neutral, focus=focus)
    note(onnx.printer.to_text(net.model(*outputs).graph))
    return net, outputs


def build(choose: Draw, *, neutral: bool, focus: str | None, longest: int = 8) -> tuple[Net, list[str]]:
    """A random network; with a focus, an affine operator and then that step come first."""
    net = Net(
        seed=choose.integer(0, 99),
        dtype=choose.one(np.float32, np.float32, np.float16),
        opset=choose.one(13, 17, 21),
        dynamic=choose.flag(),
        neutral=neutral,
    )
    rank = choose.one(4, 4, 4, 3, 2, 5)
    x = net.input(choose.integer(1, 3), choose.one(1, 2, 3, 4), *choose.integers(rank - 2, 3, 5))
    if choose.flag() and rank > 2:
        x = net.conv(x, choose.one(2, 3, 4), choose.one(1, 3))
    live = [x]
    names = [choose.one(*LOCAL), focus] if focus else []
    names += [choose.one(*STEPS, *LOCAL, "conv") for _ in range(choose.integer(1, longest))]
    for name in names:
        source = choose.one(live[-1], live[-1], live[-1], *live)
        if not net.shape(source):
            continue
        y = STEPS[name](net, source, choose)
        if y is not None and 0 < np.prod(net.shape(y)) <= MAX_ELEMENTS and len(net.shape(y)) <= 5:
            live.append(y)
    more = choose.one(*live[1:]) if len(live) > 2 and choose.flag() else None
    last = live[-1] if live[-1] not in net.inputs else net.node("Identity", live[-1])
    outputs = list(dict.fromkeys(name for name in (last, more) if name is not None))
    return net, outputs


@given(networks())
@settings(max_examples=150)
def test_random_network(drawn):
    check(*drawn)


@given(networks(neutral=True))
@settings(max_examples=60)
def test_identities_leave_all_weights_alone(drawn):
    folded = check(*drawn)
    before, after = initializers(folded.prepared), initializers(folded.rounded)
    assert all(before[name] == value for name, value in after.items())


@pytest.mark.parametrize("focus", STEPS)
def test_every_step(focus):
    """Each operator right behind an affine one, so that none is only met by chance."""

    @given(networks(focus=focus))
    @settings(max_examples=6)
    def run(drawn):
        check(*drawn)

    run()


def test_steps_cover_every_rule():
    written = set()
    for focus in STEPS:

        @given(networks(focus=focus))
        @settings(max_examples=12)
        def collect(drawn):
            written.update(node.op_type for node in drawn[0].nodes)

        collect()
    assert set(TABLE) - written <= {"Upsample"}
