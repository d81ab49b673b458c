"""Break one step of merging at a time: a wrong one must not go unnoticed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from bnfold.graph import merge as graph_merge
from bnfold.merge import evaluate, maps, terms, window
from bnfold.merge.maps import LinearMap
from bnfold.merge.span import Span
from bnfold.merge.window import Window
from tests.merge.merged import merge
from tests.networks import Net


def groups(net: Net) -> str:
    x = net.input(1, 12, 5)
    return net.node("Sum", net.conv(x, 12, 3, group=6), net.conv(x, 12, 3, group=4), net.conv(x, 12, 3, group=2))


def difference(net: Net) -> str:
    x = net.input(1, 4, 6, 5)
    return net.node("Sub", net.conv(x, 4, 3), net.conv(x, 4, 1))


def mirrored(net: Net) -> str:
    x = net.input(1, 4, 6, 5)
    return net.node("Sub", net.random.normal(size=(4, 1, 1)), net.conv(x, 4, 3))


def pooled(net: Net) -> str:
    """Only one of these pools counts its padding."""
    x = net.input(1, 4, 6, 5)
    pool = {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]}
    counted = net.node("AveragePool", x, count_include_pad=1, **pool)
    return net.node("Add", net.node("Add", net.conv(x, 4, 3), counted), net.node("AveragePool", x, **pool))


def same_pads(net: Net) -> str:
    x = net.input(1, 4, 6, 7)
    branches = [net.conv(x, 4, 4, auto_pad=mode, strides=[2, 2]) for mode in ("SAME_UPPER", "SAME_LOWER")]
    return net.node("Add", *branches)


def chained(net: Net) -> str:
    x = net.input(1, 4, 6, 5)
    return net.conv(net.conv(x, 4, 1, pads=[0, 0, 0, 0]), 4, 3, pads=[0, 0, 0, 0])


def padded_chain(net: Net) -> str:
    """The bias of the first ends at the border, where the second pads."""
    x = net.input(1, 6, 6, 5)
    return net.conv(net.conv(x, 4, 1, pads=[0, 0, 0, 0]), 4, 3)


def border(net: Net) -> str:
    """The second pads with zeros where one kernel would read inputs; both depthwise, so that cost is no reason."""
    x = net.input(1, 6, 9)
    return net.conv(net.conv(x, 6, 3, bias=False, group=6, pads=[1, 1], strides=[2]), 6, 1, bias=False, pads=[1, 1])


def dilated(net: Net) -> str:
    x = net.input(1, 4, 9)
    return net.node("Add", net.conv(x, 4, 3, dilations=[2], pads=[2, 2]), net.conv(x, 4, 3))


def dilated_chain(net: Net) -> str:
    x = net.input(1, 6, 9)
    return net.conv(net.conv(x, 4, 1, pads=[0, 0], strides=[2]), 4, 3, dilations=[2], pads=[0, 0])


def shifted(net: Net) -> str:
    x = net.input(1, 4, 9)
    return net.node("Add", net.conv(x, 4, 3, pads=[0, 2]), net.conv(x, 4, 1, pads=[0, 0]))


def strided(net: Net) -> str:
    x = net.input(1, 4, 8, 8)
    return net.node("Add", net.conv(x, 4, 3, strides=[2, 2]), net.conv(x, 4, 1, strides=[2, 2], pads=[0, 0, 0, 0]))


def dense(net: Net) -> str:
    return net.linear(net.linear(net.input(3, 8), 5, alpha=0.5, beta=2.0), 4)


def tokens(net: Net) -> str:
    x = net.node("MatMul", net.input(2, 5, 6), net.normal(6, 8))
    x = net.node("Add", x, net.random.normal(size=8))
    return net.node("Mul", x, net.random.uniform(0.5, 2, 8))


def padded(net: Net) -> str:
    x = net.node("Pad", net.input(1, 4, 6, 5), np.array([0, 0, 2, 0, 0, 0, 1, 0]))
    return net.conv(x, 4, 3, pads=[0, 1, 0, 1])


NETWORKS: dict[str, Callable[[Net], str]] = {
    build.__name__: build
    for build in (
        *(groups, difference, mirrored, pooled, same_pads, chained, padded_chain, border, dilated, dilated_chain),
        *(shifted, strided, dense, tokens, padded),
    )
}
STAY = {"padded_chain", "border"}


def wrong(name: str) -> bool:
    """Whether merging this network fails, or gives something else (which `merge` asserts it does not)."""
    net = Net(seed=2)
    y = NETWORKS[name](net)
    try:
        merge(net, y)
    except Exception:  # whatever is raised, it is noticed
        return True
    return False


@pytest.mark.parametrize("name", NETWORKS)
def test_networks_as_they_are(name):
    net = Net(seed=2)
    merged = merge(net, NETWORKS[name](net))
    assert bool(merged.plan.merges) == (name not in STAY)


def reverse(array: np.ndarray) -> np.ndarray:
    return array[..., ::-1]


def transposed_groups(weight: np.ndarray, shape: Window, target: Window) -> np.ndarray:
    """Groups laid out the other way round."""
    return right_spread(weight, shape, target)[::-1]


right_spread, right_chained, right_taps, right_moved = maps._spread, maps._chained, maps._taps, maps._moved
right_plus, right_then, right_ends = Span.plus, Span.then, Span._ends


def ignore_border(self: Span, other: Span, inputs: int | None) -> Span:
    return right_then(self, replace(other, start=0, tail=0), inputs)


def without_bias(first: LinearMap, second: LinearMap, target: Window) -> tuple[np.ndarray, np.ndarray]:
    return right_chained(first, second, target)[0], second.bias


def unaligned(span: Span, within: Span) -> slice:
    taps = right_taps(span, within)
    return slice(0, taps.stop - taps.start, taps.step)


def undilated(span: Span, within: Span) -> slice:
    taps = right_taps(span, within)
    return slice(taps.start, taps.start + span.kernel)


MUTATIONS = {
    "groups are the largest number": (window, "math", type("math", (), {"gcd": staticmethod(max)})),
    "groups in another order": (maps, "_spread", transposed_groups),
    "Sub adds": (LinearMap, "__neg__", lambda self: self),
    "c - x is x - c": (terms, "affine_of", lambda node: _negated(right_affine(node), node)),
    "a pool always counts its border": (Window, "pads", property(lambda self: False)),
    "auto_pad puts the larger part on the other side": (terms, "_same", lambda *given: right_same(*given)[::-1]),
    "auto_pad is VALID": (terms, "_same", lambda *given: (0, 0)),
    "the bias of a chain is lost": (maps, "_chained", without_bias),
    "the bias ends nowhere": (Window, "pads", property(lambda self: False)),
    "taps are not aligned": (maps, "_taps", unaligned),
    "taps have no gaps": (maps, "_taps", undilated),
    "a chain reads every tap at the first": (maps, "_moved", lambda a, b, t, tap: right_moved(a, b, t, [0] * len(tap))),
    "borders are ignored": (Span, "then", ignore_border),
    "alpha is ignored": (terms, "_gemm", lambda node: right_gemm(_plain(node))),
    "bias is not stored": (graph_merge, "merged_constants", lambda *given: {1: right_constants(*given)[1]}),
    "matrices are not transposed": (evaluate, "Computed", None),
}
right_same, right_gemm, right_affine = terms._same, terms._gemm, terms.affine_of
right_constants = graph_merge.merged_constants


def _plain(node):
    return replace(node, attributes={**node.attributes, "alpha": 1.0, "beta": 1.0})


def _negated(affine, node):
    return replace(affine, scale=-affine.scale) if node.op == "Sub" else affine


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_wrong_step_is_noticed(monkeypatch, name):
    owner, attribute, mutant = MUTATIONS[name]
    if attribute == "_gemm":
        monkeypatch.setitem(terms.READERS, "Gemm", mutant)
    elif mutant is None:
        right = evaluate.Computed
        monkeypatch.setattr(owner, attribute, lambda shape, compute: right(shape, lambda: reverse(compute())))
    else:
        monkeypatch.setattr(owner, attribute, mutant)
    assert any(wrong(network) for network in NETWORKS)
