"""Every reason code comes out of `bnfold.inspect` for the smallest model that has it, and goes with its remedy."""

from typing import Any

import pytest
from onnx import ModelProto

import bnfold
from bnfold.plan import REMEDIES, Code, Reason
from tests.gauge.reasons import CURES, EXAMPLES


def found(model: ModelProto, **settings: Any) -> Reason | None:
    """The reason that `inspect` gives for the operator called `it`."""
    report = bnfold.inspect(model, **settings)
    return next(decision.reason for decision in report.decisions if decision.node == "it")


@pytest.mark.parametrize("name", EXAMPLES)
def test_inspect_gives_the_reason(name: str) -> None:
    example = EXAMPLES[name]
    reason = found(example.model())
    assert reason is not None
    assert (reason.code, reason.against) == (example.code, example.against)


@pytest.mark.parametrize("code", CURES)
def test_with_the_remedy_it_goes(code: Code) -> None:
    cure = CURES[code]
    assert found(cure.model(), **cure.settings) is None


def test_only_what_needs_no_remedy_has_none() -> None:
    untreated = set(Code) - CURES.keys()
    assert untreated == {code for code in Code if REMEDIES[code] == "nothing is wrong; the BN is worth keeping"}
