"""Every reason code comes out of `bnfold.inspect`, for the smallest model that has it."""

from pathlib import Path

import pytest
from onnx import ModelProto, helper

import bnfold
from bnfold.memory import KEY, encoded
from bnfold.plan import SENTENCES, Code, Reason
from tests.gauge.test_reasons import REASONS
from tests.networks import Net


def found(model: ModelProto, **settings: bool) -> Reason | None:
    """The reason that `inspect` gives for the operator called `it`."""
    report = bnfold.inspect(model, **settings)
    return next(decision.reason for decision in report.decisions if decision.node == "it")


@pytest.mark.parametrize("name", REASONS)
def test_inspect_gives_the_reason(name: str) -> None:
    build, code, against = REASONS[name]
    net = Net()
    reason = found(net.model(*build(net)))
    assert reason is not None
    assert (reason.code, reason.against) == (code, against)


def overridable() -> ModelProto:
    net = Net()
    model = net.model(net.bn(net.conv(net.input(1, 3, 4, 4), 4), name="it"))
    gamma = model.graph.node[-1].input[1]
    model.graph.input.append(helper.make_value_info(gamma, net.types[gamma]))
    return model


def test_what_a_caller_may_override() -> None:
    reason = found(overridable())
    assert reason is not None
    assert reason.code is Code.OVERRIDABLE
    assert found(overridable(), freeze_inputs=True) is None


def test_what_was_withdrawn_before() -> None:
    net = Net()
    model = net.model(net.bn(net.conv(net.input(1, 3, 4, 4), 4), name="it"))
    assert found(model) is None
    withdrawn = Reason(Code.WITHDRAWN, SENTENCES[Code.WITHDRAWN])
    helper.set_model_props(model, {KEY: encoded({"it": withdrawn})})
    assert found(model) == withdrawn


def test_no_code_is_missing_here_or_in_the_docs() -> None:
    assert {code for _, code, _ in REASONS.values()} | {Code.OVERRIDABLE, Code.WITHDRAWN} == set(Code)
    page = (Path(__file__).parents[1] / "docs/ledger.md").read_text()
    listed = [line.split("`")[1] for line in page.splitlines() if line.startswith("| `")]
    assert sorted(listed) == sorted(code.value for code in Code)
