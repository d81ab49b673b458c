"""Verdicts as data."""

import json
from dataclasses import FrozenInstanceError
from math import inf, nan

import pytest

from bnfold.verification import Accuracy, Algebra, Rounding, Verification, not_run
from bnfold.verification.predictions import Change
from bnfold.verification.verdict import Bounded, Place, Weights


def test_json_has_no_infinite_numbers():
    algebra = Algebra(inf, 1e-10, Place("normal", "y"), file=Bounded(nan, 1.0), weights=Weights(3, inf, "w"))
    whole = Verification(
        "different", algebra, Rounding(0.0, 1e-7, 1e-8), Accuracy(10, 0.5, 0.4, (Change("3", 1, 1, 2),)), ("No.",)
    )
    plain = json.loads(json.dumps(whole.to_json(), allow_nan=False))
    assert plain["algebra"]["max_rel"] is None
    assert plain["rounding"] == {
        "original": 0.0, "folded": 1e-7, "ratio": None, "allowed": 1e-8, "place": None, "run": True,
        "by": "ONNX Runtime", "dtype": "float32",
    }  # fmt: skip
    assert plain["accuracy"] == {
        "samples": 10, "before": 0.5, "after": 0.4, "changed": 1,
        "changes": [{"sample": "3", "label": 1, "before": 1, "after": 2}],
    }  # fmt: skip


def test_what_holds():
    assert Bounded(1.0, 1.0).holds
    assert not Bounded(nan, 1.0).holds
    assert not Bounded(inf, inf).holds
    assert not Algebra(0.0, 1.0, file=Bounded(2.0, 1.0)).holds
    assert not Algebra(0.0, 1.0, weights=Weights(1, 0.6)).holds
    assert Algebra(0.0, 1.0, file=Bounded(1.0, 1.0), weights=Weights(1, 0.5)).holds
    assert Rounding(run=False).holds
    assert not Rounding(1e-7, 2e-7, 1e-7).holds
    assert (Rounding(0.0, 0.0, 1.0).ratio, Rounding(0.0, 1.0, 1.0).ratio, Rounding().ratio) == (
        1.0,
        inf,
        None,
    )


def test_not_run_gives_its_reason_and_nothing_changes():
    found = not_run("Nobody asked.")
    assert (found.verdict, found.sentences) == ("not_run", ("Nobody asked.",))
    with pytest.raises(FrozenInstanceError):
        found.verdict = "equivalent"
