"""Folds whose layout was cleaned are proved for every input; false claims about layouts are not."""

from dataclasses import replace

import numpy as np
import onnx
import onnx_ir as ir
import pytest
from onnx import helper, numpy_helper

from bnfold.folding import How, compute_constants, fold_file
from bnfold.proof.certificate import Claim
from bnfold.proof.checker import check
from bnfold.proof.reading import layout
from bnfold.proof.reading.network import Network
from bnfold.proof.result import Proof
from tests.layout.channels_last import TO_LAST, Builder
from tests.layout.test_clean import NETWORKS
from tests.networks import Net


def folded(net: Net, outputs: list[str], tmp_path):
    onnx.save(net.model(*outputs), tmp_path / "model.onnx")
    found = fold_file(tmp_path / "model.onnx", How(), compute_constants)
    return net.model(*outputs), ir.to_proto(found.model), found.certificate


def proof(original, model, certificate) -> Proof:
    return check(Network(original), Network(model), certificate)


@pytest.mark.parametrize("build", NETWORKS, ids=lambda build: build.__name__)
def test_proved_for_every_input(build, tmp_path):
    b = Builder(last=True)
    original, model, certificate = folded(b.net, [build(b)], tmp_path)
    native = Builder(last=False)
    build(native)
    assert sum(node.op_type == "Transpose" for node in model.graph.node) == native.net.operators()["Transpose"]
    assert any(claim.perm for claim in certificate.claims.values())
    assert proof(original, model, certificate).unproved == ()


def test_what_changed_nothing_is_followed(tmp_path):
    net = Net()
    x = net.node("Identity", net.relu(net.conv(net.node("Dropout", net.input(1, 3, 6, 6)), 4)))
    original, model, certificate = folded(net, [net.conv(x, 2), net.node("Sigmoid", x)], tmp_path)
    assert len(model.graph.node) == 4
    assert proof(original, model, certificate).unproved == ()


def test_a_tensor_in_both_layouts_is_reported_as_not_proved(tmp_path):
    b = Builder(last=True)
    x = b.net.relu(b.bias(b.conv(b.input(3), 4)))
    outsider = b.net.node("LpNormalization", x, axis=1)
    found = folded(b.net, [b.head(b.bias(b.conv(x, 4))), x, outsider], tmp_path)
    assert {item.node for item in proof(*found).unproved} == {"relu5", "transpose7"}


def test_older_operators(tmp_path):
    b = Builder(last=True, net=Net(opset=11))
    x = b.pad(b.net.relu(b.bias(b.conv(b.input(3), 4))))
    assert proof(*folded(b.net, [b.head(b.net.relu(x))], tmp_path)).unproved == ()


@pytest.mark.parametrize("perm", [None, (0, 2, 1, 3), (0, 3, 1, 2), (0, 1), (3, 2, 1, 0)])
def test_another_layout_is_not_proved(perm, tmp_path):
    b = Builder(last=True)
    original, model, certificate = folded(b.net, [NETWORKS[0](b)], tmp_path)
    for name, claim in certificate.claims.items():
        if claim.perm == tuple(TO_LAST):
            false = replace(certificate, claims={**certificate.claims, name: replace(claim, perm=perm)})
            assert proof(original, model, false).unproved


def test_a_layout_of_an_output_is_not_proved(tmp_path):
    b = Builder(last=True)
    y = b.net.relu(b.net.relu(b.input(3)))
    original = b.net.model(y)
    wrong = onnx.ModelProto.FromString(original.SerializeToString())
    wrong.graph.node[0].attribute[0].CopyFrom(helper.make_attribute("perm", [0, 1, 3, 2]))
    found = folded(b.net, [y], tmp_path)[2]
    names = [name for node in original.graph.node for name in node.output]
    claims = {name: Claim(name, np.ones(()), np.zeros(()), (0, 1, 3, 2)) for name in names}
    assert proof(original, wrong, replace(found, claims=claims)).unproved


def test_a_constant_that_varies_along_another_axis_is_not_proved(tmp_path):
    b = Builder(last=True)
    x = b.net.node("Sigmoid", b.net.relu(b.own(b.net.input(1, 4, 4, 4))))
    y = b.native(b.net.node("Pow", x, np.asarray([1.0, 2.0, 3.0, 4.0])))
    original, model, certificate = folded(b.net, [b.net.relu(y)], tmp_path)
    assert proof(original, model, certificate).unproved == ()
    (exponent,) = (tensor for tensor in model.graph.initializer if tensor.dims == [1, 4, 1, 1])
    turned = numpy_helper.to_array(exponent).transpose(0, 2, 1, 3)
    exponent.CopyFrom(numpy_helper.from_array(turned, exponent.name))
    assert proof(original, model, certificate).unproved


@pytest.mark.parametrize("build", NETWORKS, ids=lambda build: build.__name__)
def test_a_wrong_number_is_not_proved_in_any_layout(build, tmp_path):
    """Layouts of tensors that the fold does not store prove nothing by themselves."""
    b = Builder(last=True)
    original, model, certificate = folded(b.net, [build(b)], tmp_path)
    for tensor in model.graph.initializer:
        if tensor.data_type == onnx.TensorProto.FLOAT:
            value = numpy_helper.to_array(tensor)
            wrong = onnx.ModelProto.FromString(model.SerializeToString())
            target = next(each for each in wrong.graph.initializer if each.name == tensor.name)
            target.CopyFrom(
                numpy_helper.from_array(
                    value + np.float32(1e-3) * np.arange(1, 1 + value.size, dtype=np.float32).reshape(value.shape),
                    tensor.name,
                )
            )
            assert proof(original, wrong, certificate).unproved


WRONG = {
    "the inverse is the permutation": ("_inverse", lambda perm: tuple(perm)),
    "constants do not follow": ("_add", lambda constants, name, perm, value: name),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_form_proves_less(monkeypatch, name, tmp_path):
    """The forms are not vacuous: with a wrong one honest folds are not proved."""
    monkeypatch.setattr(layout, *WRONG[name])
    b = Builder(last=True)
    assert proof(*folded(b.net, [b.head(b.softmax(b.pad(b.bias(b.conv(b.input(3), 4)))))], tmp_path)).unproved
