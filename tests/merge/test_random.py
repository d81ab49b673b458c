"""Random networks of branches: merged exactly, valid, the same interface, and finished after one round."""

import numpy as np
import onnx.printer
from hypothesis import given, note, settings
from hypothesis import strategies as st

from bnfold.graph.facts import read_facts
from bnfold.merge.search import find_merges
from tests.gauge.steps import Draw
from tests.merge.branches import grow
from tests.merge.merged import merge
from tests.networks import Net


@st.composite
def networks(draw):
    """Two stages of branches with a Relu between them; inner tensors may be outputs too."""
    choose = Draw(draw)
    dtype = choose.one(np.float32, np.float32, np.float16)
    net = Net(seed=choose.integer(0, 99), dtype=dtype, dynamic=choose.flag(), opset=choose.one(13, 17, 21))
    rank = choose.one(1, 2, 2, 3)
    x = net.input(choose.integer(1, 2), choose.one(1, 2, 4), *choose.integers(rank, 3, 6))
    made = grow(net, choose, x, choose.integer(1, 8))
    middle = net.relu(made[-1] if made else x)
    made += [middle, *grow(net, choose, middle, choose.integer(0, 4))]
    outputs = list(dict.fromkeys([made[-1], choose.one(*made)]))
    note(onnx.printer.to_text(net.model(*outputs).graph))
    return net, outputs


@given(networks(), st.booleans())
@settings(max_examples=60)
def test_random_branches(drawn, fold):
    net, outputs = drawn
    merged = merge(net, *outputs, fold=fold)
    again = find_merges(read_facts(merged.stored).network)
    assert not again.merges
