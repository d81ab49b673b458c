"""Redundant layout operators go, and a network converted from a channels-last framework ends as a native one."""

from collections import Counter

import numpy as np
import onnx
import onnx_ir as ir
import pytest

from bnfold.folding import How, compute_constants, fold_file
from bnfold.layout import operators
from bnfold.layout.view import View, Views
from bnfold.pipeline import fold
from bnfold.proof.checker import check
from bnfold.proof.reading.network import Network
from tests.layout.channels_last import TO_FIRST, TO_LAST, Builder
from tests.layout.cleaning import cleaned
from tests.networks import Net


def plain(b: Builder) -> str:
    x = b.net.relu(b.bias(b.conv(b.input(3), 4)))
    return b.head(b.net.relu(b.bias(b.conv(x, 5))))


def normalized(b: Builder) -> str:
    x = b.net.relu(b.bn(b.conv(b.input(3), 4)))
    return b.head(b.bn(b.net.relu(b.scale(b.conv(x, 4)))))


def residual(b: Builder) -> str:
    x = b.net.relu(b.bias(b.conv(b.input(3), 4)))
    for _ in range(2):
        x = b.net.relu(b.net.node("Add", b.bias(b.conv(x, 4)), x))
    return b.head(x)


def dense(b: Builder) -> str:
    x = b.conv(b.input(3), 4)
    for _ in range(2):
        x = b.concat(x, b.conv(b.net.relu(b.bn(x)), 2))
    return b.head(b.pool(x))


def gated(b: Builder) -> str:
    return b.flat(b.gate(b.net.node("Sigmoid", b.bias(b.conv(b.pad(b.input(3)), 4)))))


def segmentation(b: Builder) -> str:
    return b.native(b.softmax(b.conv(b.pool(b.net.node("HardSwish", b.conv(b.input(3), 4))), 3)))


def shuffled(b: Builder) -> str:
    """A unit of ShuffleNet: half of the channels pass by the convolutions."""
    first, second = b.halves(b.net.relu(b.bn(b.conv(b.input(3), 4))))
    x = b.concat(first, b.net.relu(b.bias(b.conv(second, 2))))
    return b.head(b.net.relu(b.conv(b.cut(x, 1, 4), 3)))


def mixed(b: Builder) -> str:
    """ShuffleNet's channel shuffle behind grouped convolutions, and batch normalization that folds through it."""
    x = b.shuffle(b.bn(b.conv(b.input(3), 6, group=3)), 3)
    x = b.conv(b.net.relu(x), 6, group=2)
    x = b.bn(b.shuffle(b.net.node("Add", x, b.conv(x, 6, kernel=1)), 2))
    return b.head(b.net.relu(x))


NETWORKS = (plain, normalized, residual, dense, gated, segmentation, shuffled, mixed)


@pytest.mark.parametrize("build", NETWORKS, ids=lambda build: build.__name__)
def test_as_clean_as_the_native_form(build, tmp_path):
    last, native = Builder(last=True), Builder(last=False)
    a, b = build(last), build(native)
    assert last.net.operators()["Transpose"] > 2
    assert cleaned(last.net, a).ops == cleaned(native.net, b).ops
    folded = []
    for builder, y in ((last, a), (native, b)):
        onnx.save(builder.net.model(y), tmp_path / "model.onnx")
        result = fold(tmp_path / "model.onnx", verify=builder.last)
        assert not builder.last or result.report.verification.verdict == "equivalent"
        folded.append(Counter(node.op_type for node in result.model.graph))
    assert folded[0] == folded[1]
    assert folded[0]["Transpose"] == native.net.operators()["Transpose"]


def test_without_merging_the_structure_stays(tmp_path):
    b = Builder(last=True)
    onnx.save(b.net.model(plain(b)), tmp_path / "model.onnx")
    result = fold(tmp_path / "model.onnx", merge=False, verify=False)
    assert sum(node.op_type == "Transpose" for node in result.model.graph) == 5


@pytest.mark.parametrize("seed", range(12))
def test_random_networks(seed):
    """Whatever is cleaned computes the same, with readers and outputs anywhere."""
    random, b = np.random.default_rng(seed), Builder(last=True, net=Net(seed=seed))
    tensors = [b.conv(b.input(3), 4)]
    for _ in range(10):
        x = tensors[random.integers(max(0, len(tensors) - 3), len(tensors))]
        step = random.choice(["conv", "bias", "scale", "bn", "relu", "add", "softmax", "first", "swap"])
        if step == "add":
            y = b.net.node("Add", x, tensors[random.integers(len(tensors))])
        elif step == "first":
            y = b.own(b.net.node("Tanh", b.native(x)))
        elif step == "relu":
            y = b.net.relu(x)
        elif step == "swap":
            y = b.concat(*reversed(b.halves(x)), b.cut(x, 0, 4))
            y = b.cut(y, 2, 6)
        else:
            y = {"conv": lambda t: b.conv(t, 4)}.get(step, getattr(b, step))(x)
        tensors.append(y)
    outputs = [tensors[-1], *{tensors[i] for i in random.integers(1, len(tensors) - 1, 2)} - {tensors[-1]}]
    before = sum(node.op_type == "Transpose" for node in b.net.nodes)
    assert cleaned(b.net, *outputs).ops["Transpose"] <= before


STEPS = ("conv", "depthwise", "bias", "scale", "bn", "relu", "add", "shuffle", "gate", "swap", "slopes")


def random_steps(b: Builder, seed: int) -> str:
    """The same network in either form; no shuffle reads another, which would only undo it or make one of both."""
    random = np.random.default_rng(seed)
    tensors, steps = [b.conv(b.input(3), 6)], ["conv"]
    for _ in range(random.integers(4, 11)):
        at = len(tensors) - 1 if random.random() < 0.75 else int(random.integers(len(tensors)))
        x, step = tensors[at], random.choice([name for name in STEPS if name != "shuffle" or steps[at] != "shuffle"])
        if step == "conv":
            y = b.conv(x, 6, kernel=int(random.choice([1, 3])), group=int(random.choice([1, 2, 3])))
        elif step == "depthwise":
            y = b.conv(x, 6, group=6)
        elif step == "add":
            y = b.net.node("Add", x, tensors[random.integers(len(tensors))])
        elif step == "shuffle":
            y = b.shuffle(x, int(random.choice([2, 3])))
        elif step == "swap":
            y = b.concat(*reversed(b.halves(x)))
        elif step == "slopes":
            y = b.net.node("PRelu", x, b.along(b.net.random.uniform(0.1, 0.5, 6)))
        else:
            y = b.net.relu(x) if step == "relu" else getattr(b, step)(x)
        tensors.append(y)
        steps.append(step)
    return b.head(tensors[-1])


@pytest.mark.parametrize("seed", range(10))
def test_random_networks_fold_as_their_native_forms(seed, tmp_path):
    found = []
    for last in (True, False):
        b = Builder(last=last, net=Net(seed=seed, dynamic=bool(seed % 2)))
        original = b.net.model(random_steps(b, seed))
        onnx.save(original, tmp_path / "model.onnx")
        result = fold_file(tmp_path / "model.onnx", How(), compute_constants)
        assert check(Network(original), Network(ir.to_proto(result.model)), result.certificate).unproved == ()
        found.append(Counter(node.op_type for node in result.model.graph))
    assert found[0] == found[1]


def test_an_output_in_the_middle_keeps_its_name_and_layout():
    b = Builder(last=True)
    middle = b.net.relu(b.conv(b.input(3), 4))
    found = cleaned(b.net, b.head(b.conv(middle, 4)), middle)
    assert found.ops["Transpose"] == 1


def test_a_tensor_that_an_outsider_reads_is_moved_back():
    b = Builder(last=True)
    x = b.net.relu(b.conv(b.input(3), 4))
    outsider = b.net.node("LpNormalization", x, axis=1)
    assert cleaned(b.net, b.conv(x, 4), outsider).ops["Transpose"] == 2


def test_no_region_changes_over_where_nothing_is_won():
    net = Net()
    x = net.input(2, 3, 4, 5)
    y = net.relu(net.node("Transpose", x, perm=TO_LAST))
    assert cleaned(net, y).ops == {"Transpose": 1, "Relu": 1}


def test_a_transpose_of_little_is_not_traded_for_one_of_much():
    net = Net()
    small, large = net.input(1, 3, 1, 1, name="small"), net.input(2, 4, 5, 3, name="large")
    moved = [net.node("Transpose", small, perm=TO_LAST) for _ in range(2)]
    total = net.node("Add", net.node("Mul", large, moved[0]), moved[1])
    assert cleaned(net, total).ops["Transpose"] == 2


def test_other_ranks_stay():
    net = Net()
    x = net.node("Transpose", net.input(2, 3, 4, 5), perm=TO_LAST)
    y = net.node("Add", x, net.input(5, 3, name="b"))
    assert cleaned(net, net.node("Transpose", y, perm=TO_FIRST)).ops["Transpose"] == 2


def test_transposes_in_a_row_become_one():
    net = Net()
    x = net.node("Transpose", net.input(2, 3, 4, 5), perm=[1, 0, 2, 3])
    assert cleaned(net, net.node("Transpose", x, perm=TO_LAST)).ops == {"Transpose": 1}


def test_what_changes_nothing_goes():
    net = Net()
    x = net.node("Cast", net.relu(net.node("Identity", net.input(2, 3))), to=onnx.TensorProto.FLOAT)
    x = net.node("Reshape", net.node("Dropout", x), np.asarray([2, 3]))
    x = net.node("Transpose", net.node("Flatten", x), perm=[0, 1])
    assert cleaned(net, net.node("Sigmoid", x)).ops == {"Relu": 1, "Sigmoid": 1}


def test_a_noop_that_writes_an_output_hands_its_name_on():
    net = Net()
    x = net.relu(net.input(2, 3))
    assert cleaned(net, net.node("Identity", x)).ops == {"Relu": 1}


def test_noops_between_interface_tensors_stay():
    net = Net()
    x = net.input(2, 3)
    y = net.relu(x)
    assert cleaned(net, y, net.node("Identity", y), net.node("Identity", x)).ops == {"Relu": 1, "Identity": 2}


def test_an_output_that_is_a_constant_stays_one_that_is_computed():
    """A constant under two names could not be told from one that the caller may set."""
    net = Net()
    constant = net.node("Identity", net.normal(3))
    assert cleaned(net, net.relu(net.input(2, 3)), constant).ops == {"Relu": 1, "Identity": 1}


def test_what_may_change_something_stays():
    net = Net()
    x = net.node("Cast", net.input(2, 3), to=onnx.TensorProto.FLOAT16)
    x = net.node("Cast", x, to=onnx.TensorProto.FLOAT)
    x = net.node("Reshape", x, np.asarray([3, 2]))
    y, mask = net.node("Dropout", x, outputs=2)
    used = net.node("Cast", mask, to=onnx.TensorProto.FLOAT)
    found = cleaned(net, net.node("Add", y, used))
    assert found.ops == {"Cast": 3, "Reshape": 1, "Dropout": 1, "Add": 1}


def test_views_follow_each_other():
    views = Views()
    views.gone("a", "b", (0, 3, 1, 2))
    views.gone("b", "c", (0, 2, 3, 1))
    views.gone("c", "d", (0, 2, 1, 3))
    assert views.result()["a"] == View("d", (0, 2, 1, 3))
    assert views.result()["b"] == View("d", (0, 1, 3, 2))


WRONG = {
    "constants are not moved": ("_permuted", lambda perm: lambda array: array),
    "constants move the other way": (
        "_permuted",
        lambda perm: lambda array: array.reshape((1,) * (len(perm) - array.ndim) + array.shape).transpose(perm),
    ),
    "axes are not moved": ("_axis", lambda node, perm, default: {}),
    "inverse is the permutation": ("inverse", lambda perm: tuple(perm)),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_layout_is_noticed(monkeypatch, name):
    monkeypatch.setattr(operators, *WRONG[name])
    wrong = 0
    for build in NETWORKS:
        b = Builder(last=True)
        try:
            cleaned(b.net, build(b))
        except Exception:  # a model that does not even run is noticed, too
            wrong += 1
    assert wrong
