"""Prove numerically that two models compute the same; see `verify` for the steps."""

from bnfold.verification.inputs import Batch, Data, InputSpec, load_data, make_batches, resolve, specs_of
from bnfold.verification.reference import Float64Error, Reference
from bnfold.verification.verdict import Accuracy, Algebra, Rounding, Verification, not_run
from bnfold.verification.verify import verify_files, verify_fold

__all__ = [
    "Accuracy",
    "Algebra",
    "Batch",
    "Data",
    "Float64Error",
    "InputSpec",
    "Reference",
    "Rounding",
    "Verification",
    "load_data",
    "make_batches",
    "not_run",
    "resolve",
    "specs_of",
    "verify_files",
    "verify_fold",
]
