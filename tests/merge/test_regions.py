"""Every region found computes what its nodes compute, whatever they are and wherever the border lies."""

import numpy as np
import onnx.printer
import onnx_ir as ir
from hypothesis import given, note, settings
from hypothesis import strategies as st

from bnfold.graph.facts import read_facts
from bnfold.merge.evaluate import linear_map
from bnfold.merge.regions import Regions
from bnfold.merge.terms import read
from bnfold.verification.reference import Reference
from tests.gauge.steps import Draw
from tests.merge.branches import grow
from tests.networks import Net


@st.composite
def networks(draw):
    choose = Draw(draw)
    net = Net(seed=choose.integer(0, 99), dynamic=choose.flag(), opset=choose.one(13, 17, 21))
    rank = choose.one(1, 2, 2, 3)
    x = net.input(choose.integer(1, 2), choose.one(1, 2, 4), *choose.integers(rank, 3, 6))
    made = grow(net, choose, x, choose.integer(2, 8))
    if not made:
        made = [net.node("Identity", x)]
    note(onnx.printer.to_text(net.model(made[-1]).graph))
    return net, made


@given(networks())
@settings(max_examples=80)
def test_every_region_is_its_map(drawn):
    net, made = drawn
    check_regions(net, made)


def check_regions(net: Net, made: list[str]) -> int:
    """Compare every region with what float64 says; returns how many there were."""
    model = ir.from_proto(net.model(made[-1]))
    nodes = read_facts(model).network.nodes
    regions = Regions(nodes, [read(node) for node in nodes])
    feeds = net.feeds()
    values = Reference(ir.from_proto(net.model(*made))).run(feeds) | feeds
    count = 0
    for position, node in enumerate(nodes):
        for region in regions.visit(position)[0]:
            found = linear_map([nodes[i] for i in sorted(region.nodes)], region.source.name)
            assert found.window == region.window
            expected = values[node.outputs[0].name]
            assert relative(apply(found, values[region.source.name]), expected) < 1e-10
            count += len(region.nodes) > 1
    return count


def relative(found: np.ndarray, expected: np.ndarray) -> float:
    assert found.shape == expected.shape
    return float(np.abs(found - expected).max() / max(np.abs(expected).max(), 1e-9))


def apply(linear, x: np.ndarray) -> np.ndarray:
    """The map of one tensor [N, C, *spatial], tap by tap."""
    x, window = x.astype(np.float64), linear.window
    if window is None:
        return linear.weight * x + linear.bias
    assert window.axis == 1
    extents = [span.outputs(n) for span, n in zip(window.spans, x.shape[2:], strict=True)]
    pads = [(max(span.front, 0), max(span.back, 0) + span.kernel * span.dilation) for span in window.spans]
    wide = np.pad(x, [(0, 0), (0, 0), *pads])
    groups = (window.groups, window.outputs // window.groups, window.inputs // window.groups)
    weight = linear.weight.reshape(*groups, *window.kernel)
    result = np.zeros((x.shape[0], window.groups, groups[1], *extents))
    for tap in np.ndindex(window.kernel):
        places = tuple(
            slice(i * span.dilation, i * span.dilation + span.stride * (n - 1) + 1, span.stride)
            for i, span, n in zip(tap, window.spans, extents, strict=True)
        )
        read_here = wide[(slice(None), slice(None), *places)]
        grouped = read_here.reshape(x.shape[0], window.groups, groups[2], *extents)
        result += np.einsum("goi,ngi...->ngo...", weight[(..., *tap)], grouped)
    flat = result.reshape(x.shape[0], window.outputs, *extents)
    return flat + linear.bias.reshape(-1, *[1] * len(extents))
