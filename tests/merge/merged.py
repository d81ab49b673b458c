"""Merge small ONNX networks as the pipeline does, without its files, and what must hold of the result."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import onnx
import onnx_ir as ir

from bnfold.gauge.solve import solve
from bnfold.graph.apply import apply_plan
from bnfold.graph.facts import Facts, read_facts
from bnfold.graph.merge import apply_merges
from bnfold.graph.prepare import prepare
from bnfold.graph.tensors import unrounded
from bnfold.merge.plan import Apart, Merge, MergePlan
from bnfold.merge.search import find_merges
from bnfold.verification.reference import Reference
from tests.gauge.contract import runtime
from tests.networks import Net


@dataclass(frozen=True)
class Merged:
    """A network before and after; `stored` has its weights in the stored types."""

    original: ir.Model
    facts: Facts
    plan: MergePlan
    stored: ir.Model

    @property
    def ops(self) -> Counter[str]:
        return Counter(node.op_type for node in self.stored.graph)

    @property
    def only(self) -> Merge:
        (merge,) = self.plan.merges
        return merge

    @property
    def why(self) -> dict[str, Apart]:
        """Near misses: the reason by node."""
        return {miss.node: miss.code for miss in self.plan.near_misses}


def merge(net: Net, *outputs: str, fold: bool = False, withdrawn: Mapping[str, Apart] | None = None) -> Merged:
    """Merge, and assert what must hold of every merge; with `fold`, after affine operators were removed."""
    proto = net.model(*outputs)
    onnx.checker.check_model(proto, full_check=True)
    stored = ir.from_proto(onnx.ModelProto.FromString(proto.SerializeToString()))
    prepare(stored)
    if fold:
        facts = read_facts(stored)
        apply_plan(stored, facts, solve(facts.network))
    facts = read_facts(stored)
    plan = find_merges(facts.network, withdrawn)
    apply_merges(stored, facts, plan)
    merged = Merged(ir.from_proto(proto), facts, plan, stored)
    check(merged, net)
    return merged


def check(merged: Merged, net: Net) -> None:
    exact = unrounded(merged.stored)
    for seed in (1, 2):
        feeds = net.feeds(seed)
        before, after = (Reference(model).run(feeds) for model in (merged.original, exact))
        for name, expected in before.items():
            assert after[name].shape == expected.shape
            assert np.abs(after[name] - expected).max() <= 1e-10 * max(np.abs(expected).max(), 1e-9)
    proto = ir.to_proto(merged.stored)
    onnx.checker.check_model(proto, full_check=True)
    first, second = ir.to_proto(merged.original), proto
    assert list(first.graph.input) == list(second.graph.input)
    assert list(first.graph.output) == list(second.graph.output)
    feeds = net.feeds()
    expected = runtime(first, feeds)
    for a, b in zip(expected, runtime(proto, feeds), strict=True):
        assert a.shape == b.shape
        np.testing.assert_allclose(b, a, rtol=0, atol=2e-2 * np.abs(a).max() if net.dtype == np.float16 else 1e-4)
    for found in merged.plan.merges:
        assert found.after.multiply_adds <= found.before.multiply_adds
        assert found.after.weights <= found.before.weights
    names = [name for found in merged.plan.merges for name in found.nodes]
    assert len(names) == len(set(names))
    written = {value.name for node in merged.stored.graph for value in node.outputs}
    assert {found.output for found in merged.plan.merges} <= written
    nodes = {node.name for node in merged.stored.graph}
    assert {found.into for found in merged.plan.merges} <= nodes
    assert not (set(names) - {found.into for found in merged.plan.merges}) & nodes
