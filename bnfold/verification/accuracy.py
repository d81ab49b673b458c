"""Right predictions before and after, on a user's labelled samples."""

from collections.abc import Callable

import numpy as np
import onnx_ir as ir

from bnfold.errors import UsageError
from bnfold.verification.data import Data, portions
from bnfold.verification.inputs import specs_of
from bnfold.verification.output_metrics import Outputs, class_axis
from bnfold.verification.precision import Array
from bnfold.verification.predictions import Accuracy, Change

Run = Callable[[list[dict[str, Array]]], list[Outputs]]


def measure(model: ir.Model, original: Run, folded: Run, data: Data) -> Accuracy | None:
    """Compare the best class of the first output with the labels; None without labels.

    Classes are counted by the last axis, or by axis 1 of images and volumes.

    Args:
        model: the original, for its inputs and outputs.
        original, folded: run portions of samples through a model.
        data: the samples.

    Raises:
        UsageError: there is not one label per prediction.
        RuntimeRefusedError: a model cannot be run.
    """
    labels = data.labels
    if labels is None:
        return None
    before, after = (_predictions(model, run, data) for run in (original, folded))
    if labels.shape != before.shape:
        raise UsageError(f"The labels have shape {labels.shape}; the model predicts {before.shape}.")
    changes = tuple(
        Change(_title(data, place), int(labels[place]), int(before[place]), int(after[place]))
        for place in map(tuple, np.argwhere(before != after))
    )
    return Accuracy(before.size, float(np.mean(before == labels)), float(np.mean(after == labels)), changes)


def _title(data: Data, place: tuple[int, ...]) -> str:
    sample = data.names[place[0]] if data.names else str(place[0])
    return sample if len(place) == 1 else f"{sample} at {', '.join(map(str, place[1:]))}"


def _predictions(model: ir.Model, run: Run, data: Data) -> Array:
    first = model.graph.outputs[0].name or ""
    results = run(list(portions(data, specs_of(model))))
    scores = np.concatenate([result[first] for result in results])
    return np.asarray(scores[: len(next(iter(data.feeds.values())))].argmax(class_axis(scores.ndim)))
