"""What keeps solving linear in the number of operators, and quick."""

import gc

import pytest

from benchmarks.solver.networks import clashing, preactivation
from bnfold.gauge.garbage import no_collection
from bnfold.gauge.rules import read
from bnfold.gauge.solve import solve
from bnfold.plan import Code


def test_operators_of_one_region_share_the_list_of_what_takes_them_up() -> None:
    decisions = solve(preactivation(9)).decisions
    regions = {decision.into for decision in decisions}
    assert max(map(len, regions)) > 5
    assert len({id(decision.into) for decision in decisions}) == len(regions)
    assert len({id(decision.forms) for decision in decisions}) == len(regions)


def test_signs_are_only_solved_for_where_a_scale_is_negative() -> None:
    assert Code.SIGN not in read(preactivation(9)).systems()
    assert Code.SIGN in read(clashing(99)).systems()


def test_garbage_is_collected_again_afterwards() -> None:
    @no_collection()
    def fail() -> None:
        assert not gc.isenabled()
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert gc.isenabled()


def test_a_collector_that_was_off_stays_off() -> None:
    gc.disable()
    try:
        with no_collection():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
