"""Prove numerically that two models compute the same; see `verify` for the steps.

A name is imported when it is asked for: a fold that is not verified needs the words of a verdict, but no interpreter.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bnfold.verification.batches import Batch, make_batches
    from bnfold.verification.case import Settings
    from bnfold.verification.data import Data, load_data
    from bnfold.verification.evaluator import Float64Error
    from bnfold.verification.images import Preprocess
    from bnfold.verification.inputs import InputSpec, resolve, specs_of
    from bnfold.verification.predictions import Accuracy
    from bnfold.verification.reference import Reference
    from bnfold.verification.tolerance import Tolerances
    from bnfold.verification.verdict import Algebra, Rounding, Verification, not_run
    from bnfold.verification.verify import verify_files, verify_fold

_HOMES = {
    "batches": ("Batch", "make_batches"),
    "case": ("Settings",),
    "data": ("Data", "load_data"),
    "evaluator": ("Float64Error",),
    "images": ("Preprocess",),
    "inputs": ("InputSpec", "resolve", "specs_of"),
    "reference": ("Reference",),
    "tolerance": ("Tolerances",),
    "predictions": ("Accuracy",),
    "verdict": ("Algebra", "Rounding", "Verification", "not_run"),
    "verify": ("verify_files", "verify_fold"),
}

__all__ = [
    "Accuracy",
    "Algebra",
    "Batch",
    "Data",
    "Float64Error",
    "InputSpec",
    "Preprocess",
    "Reference",
    "Rounding",
    "Settings",
    "Tolerances",
    "Verification",
    "load_data",
    "make_batches",
    "not_run",
    "resolve",
    "specs_of",
    "verify_files",
    "verify_fold",
]


def __getattr__(name: str) -> Any:
    from importlib import import_module

    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"{__name__}.{home}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
