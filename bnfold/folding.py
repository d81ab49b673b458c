"""From an ONNX file to its folded model: read, solve, apply, merge, and store."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import onnx_ir as ir

from bnfold.graph.apply import apply_plan
from bnfold.graph.facts import Facts, read_facts
from bnfold.graph.merge import apply_merges
from bnfold.graph.prepare import prepare
from bnfold.in_range import merge_in_range, solve_in_range
from bnfold.layout.clean import clean_layout, close_ranks, layout_operators
from bnfold.merge.plan import Apart, MergePlan
from bnfold.merge.stage import kept_apart, with_merges
from bnfold.objective import Objective
from bnfold.plan import Plan
from bnfold.proof.certificate import Certificate
from bnfold.proof.issue import issue
from bnfold.sources.onnx import defaulted_inputs, load
from bnfold.withdraw import Withdrawn


@dataclass(frozen=True)
class How:
    """What to do to a model.

    Attributes:
        freeze_inputs: take inputs that have a default value for constants.
        merge: make one operator of linear operators that branch and meet, or follow each other, and take redundant
            layout operators out.
        objective: what a removal may cost.
        opset: version of the operator set that the folded model shall have; None keeps it.
    """

    freeze_inputs: bool = False
    merge: bool = True
    objective: Objective = Objective.LATENCY
    opset: int | None = None


@dataclass(frozen=True)
class Folded:
    """A model before and after, the constants of the latter not yet computed.

    Attributes:
        facts: what the model was, its constant expressions evaluated and its layout cleaned.
        plan: what was decided, merges included.
        model: the folded model.
        inlined: calls of model-local functions that were inlined.
        certificate: the claims of the proof for every input.
        layout: how many operators that only move or name data were removed, by kind.
    """

    facts: Facts
    plan: Plan
    model: ir.Model
    inlined: int
    certificate: Certificate
    layout: Mapping[str, int]


def fold_file(path: Path, how: How, store: Callable[[ir.Model], None], withdrawn: Withdrawn | None = None) -> Folded:
    """Solve, apply, merge and store, withdrawing what leaves the range of a stored type until nothing does.

    Args:
        path: an ONNX file.
        how: what to do to it.
        store: writes a folded model, or computes its constants; raises OutOfRangeError where one does not fit its type.
        withdrawn: what must stay, by node name, with its reason.
    """
    prepared = load(path, freeze_inputs=how.freeze_inputs)
    inlined = prepare(prepared)
    layout = layout_operators(prepared)
    given = {value.name for node in prepared.graph.all_nodes() for value in node.outputs}
    views = clean_layout(prepared) if how.merge else {}
    facts = read_facts(prepared)

    def attempt(plan: Plan) -> tuple[ir.Model, Mapping[str, str], MergePlan]:
        folded, sites = _copy(prepared, facts)
        stored = apply_plan(folded, sites, plan)
        if how.opset is not None:
            folded = _in_opset(folded, how.opset)
        if how.merge:
            moved = close_ranks(folded)
            stored = {name: moved[held].tensor if held in moved else held for name, held in stored.items()}
            merging, folded = _merged(folded, kept_apart(plan), store)
            return folded, stored, merging
        store(folded)
        return folded, stored, plan.merging

    plan, (folded, stored, merging) = solve_in_range(facts.network, attempt, withdrawn, how.objective)
    frozen = defaulted_inputs(load(path)) if how.freeze_inputs else ()
    written = {value.name for node in folded.graph.all_nodes() for value in node.outputs}
    written |= {value.name for value in folded.graph.inputs}
    left = {name: holder for name, holder in stored.items() if holder in written}
    certificate = issue(facts.network, plan, left, frozen, views, given)
    return Folded(
        facts, with_merges(plan, merging), folded, inlined, certificate, _removed(layout, folded) if how.merge else {}
    )


def _merged(
    folded: ir.Model, apart: Mapping[str, Apart], store: Callable[[ir.Model], None]
) -> tuple[MergePlan, ir.Model]:
    """Merge linear regions of a model whose removals are carried out, and store it."""
    facts = read_facts(folded)

    def attempt(plan: MergePlan) -> ir.Model:
        merged, sites = _copy(folded, facts)
        apply_merges(merged, sites, plan)
        store(merged)
        return merged

    return merge_in_range(facts.network, apart, attempt)


def _removed(layout: Counter[str], folded: ir.Model) -> Mapping[str, int]:
    return dict(sorted((layout - layout_operators(folded)).items()))


def compute_constants(model: ir.Model) -> None:
    """Compute every new constant once, to see whether it can be stored."""
    for value in model.graph.initializers.values():
        if isinstance(value.const_value, ir.LazyTensor):
            value.const_value.numpy()


def in_memory(model: ir.Model) -> ir.Model:
    """The model with all weights read and computed, for they may lie in a file that is about to go."""
    for value in model.graph.initializers.values():
        if isinstance(value.const_value, ir.ExternalTensor | ir.LazyTensor):
            value.const_value = ir.tensor(value.const_value.numpy().copy(), name=value.name)
    return model


def _copy(model: ir.Model, facts: Facts) -> tuple[ir.Model, Facts]:
    """An independent copy of a model, and the same facts about it."""
    copy = model.clone()
    twins = dict(zip(model.graph.all_nodes(), copy.graph.all_nodes(), strict=True))
    for name, value in model.graph.initializers.items():
        copy.graph.initializers[name].meta.update(value.meta)
    nodes = {name: tuple(twins[node] for node in sites) for name, sites in facts.nodes.items()}
    return copy, Facts(facts.network, nodes)


def _in_opset(model: ir.Model, opset: int) -> ir.Model:
    from bnfold.outgoing.opset import convert_opset

    return convert_opset(model, opset)
