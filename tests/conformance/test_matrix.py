"""Every case of the conformance matrix: the least number is reached, the unrounded plan computes the same, and the
written file is proved to do so for every input.
"""

from pathlib import Path

import numpy as np
import onnx
import onnx_ir as ir
import pytest

import bnfold
from benchmarks.conformance.case import Case
from benchmarks.conformance.cases import CASES
from benchmarks.conformance.inputs import feeds_of
from bnfold.folding import How, fold_file
from bnfold.graph.facts import read_facts
from bnfold.graph.prepare import prepare
from bnfold.graph.tensors import unrounded
from bnfold.objective import Objective
from bnfold.sources.onnx import load
from bnfold.verification.reference import Reference

LIMIT = 1e-10

# What the engine lacks: name of the case -> (operators left, what is missing). An entry goes when its gap closes.
KNOWN_GAPS: dict[str, tuple[int, str]] = {}


def _left(model: ir.Model) -> int:
    copy = model.clone()
    prepare(copy)
    return sum(read_facts(copy).affine_counts())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(case: Case, tmp_path: Path) -> None:
    model, path = case.model(), tmp_path / "case.onnx"
    onnx.save(model, path)
    expected, _ = KNOWN_GAPS.get(case.name, (case.least, ""))
    files = {"output": tmp_path / "out.onnx", "certificate": tmp_path / "claims.json"}
    result = bnfold.fold(path, objective=case.objective, verify=False, **files)
    assert result.report.proof is not None
    assert result.report.proof.unproved == ()
    assert _left(result.model) == expected, [d.to_json() for d in result.plan.decisions if not d.removed]
    if case.trains:
        return
    exact = unrounded(fold_file(path, How(objective=Objective(case.objective)), lambda _: None).model)
    original, folded = Reference(load(path)), Reference(exact)
    for seed in (0, 1):
        feeds = feeds_of(model, seed)
        truth, values = original.run(feeds), folded.run(feeds)
        assert list(truth) == list(values)
        for name, wanted in truth.items():
            assert wanted.shape == values[name].shape
            scale = np.abs(wanted).max(initial=0) or 1
            assert np.abs(wanted - values[name]).max(initial=0) <= LIMIT * scale, name


def test_known_gaps_are_gaps() -> None:
    least = {case.name: case.least for case in CASES}
    assert {name: left for name, (left, _) in KNOWN_GAPS.items() if left <= least[name]} == {}


def test_cases_are_valid_models_and_always_the_same() -> None:
    for case in CASES:
        model = case.model()
        onnx.checker.check_model(model, full_check=True)
        assert model.SerializeToString() == case.model().SerializeToString(), case.name
