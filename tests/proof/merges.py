"""A merge with its certificate, as the pipeline makes both."""

from __future__ import annotations

import onnx
import onnx_ir as ir

from bnfold.gauge.solve import solve
from bnfold.graph.apply import apply_plan
from bnfold.graph.facts import read_facts
from bnfold.graph.merge import apply_merges
from bnfold.graph.prepare import prepare
from bnfold.merge.plan import MergePlan
from bnfold.merge.search import find_merges
from bnfold.proof.issue import issue
from tests.proof.folds import Fold


def merged(model: onnx.ModelProto) -> tuple[Fold, MergePlan]:
    """Fold, then merge; and the merges."""
    folded = ir.from_proto(onnx.ModelProto.FromString(model.SerializeToString()))
    prepare(folded)
    facts = read_facts(folded)
    plan = solve(facts.network)
    before = ir.from_proto(onnx.ModelProto.FromString(model.SerializeToString()))
    prepare(before)
    network = read_facts(before).network
    stored = apply_plan(folded, facts, plan)
    again = read_facts(folded)
    merging = find_merges(again.network)
    apply_merges(folded, again, merging)
    written = {value.name for node in folded.graph.all_nodes() for value in node.outputs}
    written |= {value.name for value in folded.graph.inputs}
    claims = issue(network, plan, {name: holder for name, holder in stored.items() if holder in written})
    return Fold(model, ir.to_proto(folded), dict(claims.claims)), merging
