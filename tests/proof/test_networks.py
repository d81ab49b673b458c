"""Honest folds are proved: every operator, every case of the conformance matrix, networks drawn at random."""

import pytest
from hypothesis import given, settings

from bnfold.gauge import relaxed, rules
from tests.gauge.steps import STEPS
from tests.gauge.test_contract import networks
from tests.graph.detectors import DETECTORS
from tests.graph.test_mutations import MUTATIONS, detectors_with
from tests.networks import Net, disagreement, fold
from tests.proof.folds import Fold


@pytest.mark.parametrize("name", DETECTORS)
def test_edges_of_every_side_condition(name: str) -> None:
    net = Net()
    assert Fold.of(net.model(DETECTORS[name](net))).proof().unproved == ()


@pytest.mark.parametrize("focus", STEPS)
def test_random_networks(focus: str) -> None:
    @given(networks(focus=focus))
    @settings(max_examples=3)
    def run(drawn: tuple[Net, list[str]]) -> None:
        net, outputs = drawn
        assert Fold.of(net.model(*outputs)).proof().unproved == ()

    run()


@pytest.mark.parametrize("name", MUTATIONS)
def test_what_a_wrong_rule_makes_is_refused(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """The solver with one wrong rule, on networks where that shows: the checker knows no such rule."""
    op, wrong = MUTATIONS[name]
    monkeypatch.setitem(rules.TABLE, op, wrong)
    monkeypatch.delitem(relaxed.TABLE, op, raising=False)
    seen = 0
    for detector in detectors_with(op):
        net = Net()
        y = DETECTORS[detector](net)
        try:
            result = fold(net.model(y))
            differs = disagreement(result, net.feeds()) > 1e-6
        except (AssertionError, ValueError):
            continue
        if differs:
            seen += 1
            assert Fold.of(net.model(y), result).proof().unproved
    assert seen
