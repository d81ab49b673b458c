"""Merging as part of a fold: the switch, the ledger, the file's range, and a proof that fails."""

import json

import numpy as np
import onnx_ir as ir
import pytest

import bnfold
import bnfold.graph.merge
from bnfold.merge.plan import Apart
from bnfold.network import Computed
from tests.merge.test_forms import repmixer, repvgg
from tests.networks import Net


def count(model: ir.Model, op: str) -> int:
    return sum(node.op_type == op for node in model.graph)


def block(form=repvgg, dtype=np.float32) -> Net:
    net = Net(seed=4, dtype=dtype)
    net.last = net.relu(form(net, net.relu(net.input(1, 4, 6, 6))))
    return net


def test_a_fold_merges_unless_told_not_to():
    net = block()
    merged = bnfold.fold(net.model(net.last))
    apart = bnfold.fold(net.model(net.last), merge=False)
    assert (count(merged.model, "Conv"), count(apart.model, "Conv")) == (1, 2)
    assert merged.report.verification.verdict == apart.report.verification.verdict == "equivalent"
    assert apart.report.merging.merges == ()
    (found,) = json.loads(json.dumps(merged.report.to_json()))["merges"]
    assert found["into"] in found["nodes"]
    assert len(found["nodes"]) == len(found["ops"])
    assert found["after"]["multiply_adds"] < found["before"]["multiply_adds"]
    assert found["kernel"] == [3, 3]
    assert found["pads"] == [1, 1, 1, 1]


def test_affine_operators_that_a_merge_takes_in_count_as_removed():
    """The gammas of both signs in front of a Relu keep some of them from folding; the merge takes them."""
    net = block(repmixer)
    apart, merged = (bnfold.fold(net.model(net.last), merge=flag) for flag in (False, True))
    assert apart.report.affine.after > 0
    assert merged.report.affine.after == 0
    nodes = {node.name for node in merged.model.graph}
    for report in (apart.report, merged.report):
        assert report.affine.before - report.affine.removed == report.affine.after
    for decision in merged.plan.decisions:
        assert decision.removed
        assert set(decision.into) <= nodes


def test_a_merged_weight_beyond_float16_keeps_the_branches():
    net = Net(dtype=np.float16)
    x = net.input(1, 1, 3, 3)
    weight = np.full((1, 1, 1, 1), 40000.0)
    y = net.node("Add", net.node("Conv", x, weight), net.node("Conv", x, weight))
    result = bnfold.fold(net.model(y), verify=False)
    assert count(result.model, "Conv") == 2
    assert [miss.code for miss in result.report.merging.near_misses] == [Apart.RANGE]


def test_a_merge_that_the_proof_rejects_is_withdrawn(monkeypatch: pytest.MonkeyPatch):
    honest = bnfold.graph.merge.merged_constants

    def wrong(network, merge):
        constants = dict(honest(network, merge))
        constants[1] = Computed(constants[1].shape, lambda weight=constants[1]: weight.numpy() * 1.01)
        return constants

    monkeypatch.setattr(bnfold.graph.merge, "merged_constants", wrong)
    net = block()
    result = bnfold.fold(net.model(net.last))
    assert result.report.verification.verdict == "equivalent"
    assert result.report.merging.merges == ()
    assert Apart.WITHDRAWN in {miss.code for miss in result.report.merging.near_misses}
    assert count(result.model, "Conv") == 2
