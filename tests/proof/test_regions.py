"""Merged regions are proved, whatever their structure; what is not the same is refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnx_ir as ir
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from onnx import helper, numpy_helper

from bnfold.folding import How, compute_constants, fold_file
from bnfold.proof.checker import check
from bnfold.proof.reading.network import Network
from tests.gauge.steps import Draw
from tests.merge.test_random import networks
from tests.networks import Net
from tests.proof.folds import Fold, assert_sound
from tests.proof.merges import merged
from tests.proof.test_soundness import CHANGES


@given(networks())
@settings(max_examples=60)
def test_random_branches(drawn: tuple[Net, list[str]]) -> None:
    net, outputs = drawn
    assert merged(net.model(*outputs))[0].proof().unproved == ()


@given(networks(), st.data())
@settings(max_examples=60)
def test_what_is_accepted_computes_the_same(drawn: tuple[Net, list[str]], data: st.DataObject) -> None:
    net, outputs = drawn
    assume(net.dtype == np.float32)
    fold, merges = merged(net.model(*outputs))
    assume(merges.merges)
    choose = Draw(data.draw)
    assert_sound(fold, net, lambda fold: choose.one(*CHANGES)(fold, choose))


def repvgg(rank: int = 2) -> onnx.ModelProto:
    """3x3 + 1x1 + identity, each with its batch normalization, behind a Relu and in front of a layer."""
    net = Net(seed=4)
    x = net.relu(net.bn(net.conv(net.input(1, 3, *[6] * rank), 4)))
    three, one = (net.bn(net.conv(x, 4, kernel)) for kernel in (3, 1))
    y = net.node("Add", net.node("Add", three, one), net.bn(x), name="sum")
    return net.model(net.conv(net.relu(y), 2, pads=[0] * 2 * rank))


@pytest.mark.parametrize("seed", range(6))
def test_a_shift_that_cancels_up_to_rounding_is_none_at_a_border(seed: int, tmp_path: Path) -> None:
    """The shift of the normalization is found in the first bias, so that the padded layer meets zeros."""
    net = Net(seed=seed)
    x = net.conv(net.input(2, 3, 7, 8), 6)
    x = net.bn(net.node("Add", net.node("Mul", x, net.random.uniform(0.5, 1.5, (6, 1, 1))), x))
    original = net.model(net.conv(x, 6, group=3))
    onnx.save(original, tmp_path / "model.onnx")
    found = fold_file(tmp_path / "model.onnx", How(), compute_constants)
    assert [node.op_type for node in found.model.graph] == ["Conv", "Conv"]
    folded = Network(ir.to_proto(found.model))
    assert check(Network(original), folded, found.certificate).unproved == ()
    claims = found.certificate.claims
    moved = {name: replace(claim, shift=claim.shift * (1 + 1e-9)) for name, claim in claims.items()}
    assert check(Network(original), folded, replace(found.certificate, claims=moved)).unproved


def chain() -> onnx.ModelProto:
    """A 1x1 convolution without bias, a padded grouped one of stride 2, a scale per channel."""
    net = Net(seed=5)
    x = net.relu(net.input(1, 4, 7, 6))
    y = net.node("Conv", x, net.normal(8, 4, 1, 1), name="narrow")
    y = net.node("Conv", y, net.normal(4, 8, 3, 3), pads=[1, 1, 1, 1], strides=[2, 2], name="wide")
    return net.model(net.relu(net.bn(y)))


def averaged() -> onnx.ModelProto:
    """The form x + g * (mix(x) - x) with an average that counts its padding."""
    net = Net(seed=6)
    x = net.relu(net.input(1, 4, 5, 5))
    pool = net.node("AveragePool", x, kernel_shape=[3, 3], pads=[1] * 4, strides=[1, 1], count_include_pad=1)
    difference = net.node("Sub", net.conv(x, 4, group=4), pool)
    y = net.node("Add", x, net.node("Mul", difference, net.random.uniform(0.5, 2, (4, 1, 1))))
    return net.model(net.relu(y))


def matrices() -> onnx.ModelProto:
    """Two products with a matrix, added, along the last axis of three."""
    net = Net(seed=7)
    x = net.relu(net.input(1, 5, 4))
    left, right = (net.node("MatMul", x, net.normal(4, 6)) for _ in range(2))
    y = net.node("Add", net.node("Add", left, net.random.normal(size=6)), right)
    return net.model(net.relu(y))


MODELS = {"repvgg": repvgg, "chain": chain, "averaged": averaged, "matrices": matrices}


@pytest.mark.parametrize("name", MODELS)
def test_regions(name: str) -> None:
    fold, merges = merged(MODELS[name]())
    assert len(merges.merges) == 1
    proof = fold.proof()
    assert proof.unproved == ()
    (found,) = merges.merges
    weight = fold.node(found.into).input[1]
    assert 0.3 < proof.measured.distances[weight] <= 0.5 + 1e-6


def nudged(index: int, place: int, factor: float) -> Callable[[Fold, str], None]:
    def tamper(fold: Fold, node: str) -> None:
        value = fold.constant(node, index)
        value.reshape(-1)[place] *= np.float32(factor)
        fold.store(node, index, value)

    return tamper


def attribute(name: str, values: list[int]) -> Callable[[Fold, str], None]:
    def tamper(fold: Fold, node: str) -> None:
        site = fold.node(node)
        kept = [attribute for attribute in site.attribute if attribute.name != name]
        del site.attribute[:]
        site.attribute.extend([*kept, helper.make_attribute(name, values)])

    return tamper


TAMPERED = {
    "the tap in the middle": ("repvgg", nudged(1, 4, 1 + 2.0**-22)),
    "a tap of the border": ("repvgg", nudged(1, 9, 1.001)),
    "a bias": ("repvgg", nudged(2, 1, 1.001)),
    "moved pads": ("repvgg", attribute("pads", [0, 0, 2, 2])),
    "other dilations": ("repvgg", attribute("dilations", [2, 2])),
    "a tap of a chain": ("chain", nudged(1, 40, 1.001)),
    "another stride": ("chain", attribute("strides", [1, 2])),
    "an average's tap": ("averaged", nudged(1, 0, 0.0)),
    "a matrix": ("matrices", nudged(1, 3, 1.001)),
}


@pytest.mark.parametrize("name", TAMPERED)
def test_a_tampered_merge_is_refused_at_its_region(name: str) -> None:
    model, tamper = TAMPERED[name]
    fold, merges = merged(MODELS[model]())
    (found,) = merges.merges
    tamper(fold, found.into)
    assert fold.proof().unproved[0].node in found.nodes


def test_a_bias_ends_at_the_border() -> None:
    """Two layers and the one layer that computes the same everywhere but there."""
    net = Net(seed=8)
    x = net.input(1, 2, 6, 6)
    narrow, wide = net.normal(3, 2, 1, 1), net.normal(2, 3, 3, 3)
    added = np.asarray([0.5, 0.0, 0.0])
    inner = net.node("Conv", x, narrow, added, name="first")
    model = net.model(net.node("Conv", inner, wide, pads=[1] * 4, name="second"))
    both = Net(seed=8)
    merged_weight = np.einsum("omhw,mi->oihw", wide, narrow[:, :, 0, 0])
    bias = wide.sum((2, 3)) @ added
    y = both.node("Conv", both.input(1, 2, 6, 6), merged_weight, bias, pads=[1] * 4, name="second")
    merged_model = both.model(y)
    rename(merged_model, y, model.graph.output[0].name)
    fold = Fold(model, merged_model, {})
    assert "bias" in fold.proof().unproved[0].reason


def rename(model: onnx.ModelProto, old: str, new: str) -> None:
    for node in model.graph.node:
        node.output[:] = [new if name == old else name for name in node.output]
    model.graph.output[0].name = new


def test_a_kernel_that_looks_into_the_padding_is_refused() -> None:
    """The inner of two layers pads, so the outer one reads zeros where one layer would read values."""
    net = Net(seed=9)
    x = net.input(1, 1, 8, 8)
    first, second = (net.normal(1, 1, 3, 3) for _ in range(2))
    inner = net.node("Conv", x, first, pads=[1] * 4, name="first")
    model = net.model(net.node("Conv", inner, second, pads=[1] * 4, name="second"))
    whole = np.zeros((1, 1, 5, 5))
    for i, j in np.ndindex(3, 3):
        whole[0, 0, i : i + 3, j : j + 3] += second[0, 0, i, j] * first[0, 0]
    both = Net(seed=9)
    y = both.node("Conv", both.input(1, 1, 8, 8), whole, pads=[2] * 4, name="second")
    one = both.model(y)
    rename(one, y, model.graph.output[0].name)
    assert "border" in Fold(model, one, {}).proof().unproved[0].reason


def test_constants_of_the_folded_model_are_float32() -> None:
    fold, _ = merged(repvgg())
    assert {numpy_helper.to_array(tensor).dtype.name for tensor in fold.folded.graph.initializer} == {"float32"}
