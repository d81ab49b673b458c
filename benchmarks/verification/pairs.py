"""Originals with candidates of which it is known whether they are right."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnx
import onnx_ir as ir
from onnx import numpy_helper

from bnfold import pipeline, sources
from bnfold.sources import Reading
from tests.networks import fold
from tests.verification.corpus import corpus, deep, network

MODELS = Path(__file__).parents[2] / "models"
SCALES = (1e6, 1.0, 1e-6)


@dataclass(frozen=True)
class Pair:
    """A candidate for an original; `right` says whether it computes the same."""

    group: str
    name: str
    original: onnx.ModelProto
    candidate: onnx.ModelProto
    right: bool


def pairs() -> Iterator[Pair]:
    """All of them, in the order of the page."""
    for scale in SCALES:
        original = deep(scale)
        folded = ir.to_proto(fold(original).rounded)
        group = f"thirty convolutions, outputs of about {scale:.0e}"
        yield Pair(group, "the fold", original, folded, True)
        yield Pair(group, "one weight of the last layer off by a thousandth", original, _last(folded, _largest), False)
        yield Pair(group, "two channels of the last layer swapped", original, _last(folded, _swapped), False)
    for name in ("resnet20_digits", "resnet20v2_digits"):
        yield Pair(f"{name}, trained", "the fold", *_trained(MODELS / f"{name}.pt"), True)
    original = network()
    folded = ir.to_proto(fold(original).rounded)
    yield Pair("every kind of layer", "the fold", original, folded, True)
    for item in corpus():
        candidate = onnx.ModelProto.FromString(folded.SerializeToString())
        item.change(candidate)
        yield Pair("every kind of layer", item.name, original, candidate, False)


def _trained(path: Path) -> tuple[onnx.ModelProto, onnx.ModelProto]:
    with TemporaryDirectory() as folder, sources.opened(path, {}, Reading(None, False)) as source:
        pipeline.fold(source.path, output=Path(folder, "folded.onnx"), verify=False)
        return _one_sample(onnx.load(source.path)), _one_sample(onnx.load(Path(folder, "folded.onnx")))


def _one_sample(model: onnx.ModelProto) -> onnx.ModelProto:
    """The open batch axis closed, for not every check knows what to do with it."""
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.shape.dim[0].dim_value = 1
    return model


def _last(model: onnx.ModelProto, change: Callable[[np.ndarray], np.ndarray]) -> onnx.ModelProto:
    copy = onnx.ModelProto.FromString(model.SerializeToString())
    convolutions = [node for node in copy.graph.node if node.op_type == "Conv"]
    tensor = next(t for t in copy.graph.initializer if t.name == convolutions[-1].input[1])
    tensor.CopyFrom(numpy_helper.from_array(change(numpy_helper.to_array(tensor).copy()), tensor.name))
    return copy


def _largest(w: np.ndarray) -> np.ndarray:
    w.flat[np.argmax(np.abs(w))] *= np.float32(1.001)
    return w


def _swapped(w: np.ndarray) -> np.ndarray:
    return w[[1, 0, *range(2, len(w))]]
