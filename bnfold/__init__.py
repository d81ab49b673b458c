"""Fold batch normalization out of trained convolutional networks, and prove that nothing changed.

Importing this package imports neither torch nor onnxruntime; its functions import what they need.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bnfold.difference import diff as diff
    from bnfold.inspection import inspect as inspect
    from bnfold.judge import verify as verify
    from bnfold.judge import verify_certificate as verify_certificate
    from bnfold.many import fold_many as fold_many
    from bnfold.measure import bench as bench
    from bnfold.pipeline import fold as fold
    from bnfold.report.data import FoldResult as FoldResult
    from bnfold.sources.folded import load as load
    from bnfold.sources.raw_images import RawImages as RawImages

_HOMES = {
    "FoldResult": "report.data",
    "RawImages": "sources.raw_images",
    "bench": "measure",
    "diff": "difference",
    "fold": "pipeline",
    "fold_many": "many",
    "inspect": "inspection",
    "load": "sources.folded",
    "verify": "judge",
    "verify_certificate": "judge",
}

__all__ = [
    "FoldResult",
    "RawImages",
    "bench",
    "diff",
    "fold",
    "fold_many",
    "inspect",
    "load",
    "verify",
    "verify_certificate",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'bnfold' has no attribute {name!r}")
    from importlib import import_module

    from bnfold.errors import needing_torch

    with needing_torch(f"bnfold.{name}"):
        return getattr(import_module(f"bnfold.{_HOMES[name]}"), name)
