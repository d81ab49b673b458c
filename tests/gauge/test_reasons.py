"""For every reason the smallest network that has it, and the node it names."""

import pytest

from bnfold.gauge.advice import BY_DEMAND
from bnfold.gauge.solve import solve
from bnfold.memory import decoded, encoded
from bnfold.plan import REMEDIES, Code, Reason
from tests.gauge.contract import check
from tests.gauge.reasons import CURES, EXAMPLES
from tests.graph.test_equations import NOT_ALGEBRA, sentences
from tests.networks import Net, fold

MEANINGLESS = {Code.TRAINING, Code.NONFINITE}


@pytest.mark.parametrize("name", EXAMPLES)
def test_reason(name):
    """The operator called `it` stays, for this reason, against this node."""
    example = EXAMPLES[name]
    reason = fold(example.model()).decision("it").reason
    assert reason is not None
    assert (reason.code, reason.against) == (example.code, example.against)
    assert example.against is None or example.against in reason.sentence


@pytest.mark.parametrize("name", [name for name in EXAMPLES if EXAMPLES[name].code not in MEANINGLESS])
def test_what_stays_is_right(name):
    net = Net()
    check(net, EXAMPLES[name].build(net))


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("scale", "let a convolution or linear layer stand between this operator and sigmoid2"),
        ("scale_of_an_output", "leave conv0.y out of the outputs of the model"),
        ("sign", "train with a positive scale in channels 0, 1, 2, 3, which relu3 lets pass"),
        ("sign_behind_a_maximum", "train with a positive scale in channel 2, which maxpool1 lets pass"),
        ("shift", "pad in front of this operator instead of in conv1"),
        ("shift_in_counted_padding", "let averagepool1 leave its padding out (count_include_pad=0)"),
        ("precision", REMEDIES[Code.PRECISION]),
    ],
)
def test_a_remedy_says_what_to_change_where(name, remedy):
    reason = fold(EXAMPLES[name].model()).decision("it").reason
    assert reason.remedy == reason.to_json()["remedy"] == remedy
    assert decoded(encoded({"it": reason}))["it"].remedy == remedy


def test_advice_is_for_demands_that_exist():
    assert set(BY_DEMAND) <= sentences() | NOT_ALGEBRA.keys() | {"is removed too"}


def test_every_reason_has_a_case():
    assert {example.code for example in EXAMPLES.values()} == set(Code)


@pytest.mark.parametrize("code", CURES)
def test_a_cured_network_is_right(code):
    net = Net()
    check(net, CURES[code].build(net))


def test_withdrawn():
    net = Net()
    y = net.bn(net.conv(net.input(1, 3, 4, 4), 4), name="it")
    facts = fold(net.model(y)).facts
    reason = Reason(Code.WITHDRAWN, "on request")
    (decision,) = solve(facts.network, {"it": reason}).decisions
    assert decision.reason == reason
    assert fold(net.model(y), {"it": reason}).kept == ["it"]
