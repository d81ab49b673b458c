"""Right predictions before and after, on a user's labelled samples."""

from pathlib import Path

import numpy as np
import onnx_ir as ir

from bnfold.errors import UsageError
from bnfold.verification.inputs import Data, portions, specs_of
from bnfold.verification.precision import Array
from bnfold.verification.runtime import run_file
from bnfold.verification.verdict import Accuracy


def measure(model: ir.Model, original: Path, folded: Path, data: Data) -> Accuracy | None:
    """Compare argmax over the last axis of the first output with the labels; None without labels.

    Raises:
        UsageError: there is not one label per prediction.
        RuntimeRefusedError: a file cannot be run.
    """
    if data.labels is None:
        return None
    before, after = (_predictions(model, path, data) for path in (original, folded))
    if data.labels.shape != before.shape:
        raise UsageError(f"The labels have shape {data.labels.shape}; the model predicts {before.shape}.")
    return Accuracy(
        samples=before.size,
        before=float(np.mean(before == data.labels)),
        after=float(np.mean(after == data.labels)),
        changed=int(np.sum(before != after)),
    )


def _predictions(model: ir.Model, path: Path, data: Data) -> Array:
    first = model.graph.outputs[0].name or ""
    results = run_file(path, list(portions(data, specs_of(model))))
    scores = np.concatenate([result[first] for result in results])
    return np.asarray(scores[: len(next(iter(data.feeds.values())))].argmax(-1))
