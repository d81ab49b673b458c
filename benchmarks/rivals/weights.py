"""How far each tool's stored weights are from the exact ones, in units of the last place.

Every tool folds a batch normalization that directly follows a convolution by the same formula,
W gamma / sqrt(var + eps), and keeps the order of convolutions, so on a textbook ResNet weights can be held against that
formula in float64.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper


def errors(original: Path, candidate: Path) -> dict[str, Any] | None:
    """Largest and mean distance in ulp over all weights and biases.

    None if the convolutions are not the same ones, or their weights are computed when the network runs.
    """
    graph = onnx.load(candidate).graph
    stored_names = {tensor.name for tensor in graph.initializer}
    stored_names |= {node.output[0] for node in graph.node if node.op_type == "Constant"}
    if not all(node.input[1] in stored_names for node in graph.node if node.op_type == "Conv"):
        return None
    exact = _folded(original)
    stored = [pair for pair, normalized in _layers(candidate) if not normalized]
    shapes = [[array.shape for array in pair] for pair in exact]
    if shapes != [[array.shape for array in pair] for pair in stored]:
        return None
    distances = np.concatenate(
        [_ulp(a, b).ravel() for pair, twin in zip(exact, stored, strict=True) for a, b in zip(pair, twin, strict=True)]
    )
    return {"largest": float(distances.max()), "mean": float(distances.mean()), "weights": int(distances.size)}


def _folded(path: Path) -> list[list[np.ndarray]]:
    """Weight and bias of every convolution after exact folding, float64."""
    found = []
    for (weight, bias), normalized in _layers(path):
        weight, bias = weight.astype(np.float64), bias.astype(np.float64)
        if normalized:
            scale, shift, mean, var, epsilon = normalized
            factor = scale / np.sqrt(var + epsilon)
            weight, bias = weight * factor[:, None, None, None], (bias - mean) * factor + shift
        found.append([weight, bias])
    return found


def _layers(path: Path) -> list[tuple[list[np.ndarray], Any]]:
    """Weight and bias of every Conv in graph order, and the parameters of the BatchNormalization that reads it."""
    graph = onnx.load(path).graph
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type == "Constant":
            constants[node.output[0]] = numpy_helper.to_array(node.attribute[0].t)
    readers = {node.input[0]: node for node in graph.node if node.op_type == "BatchNormalization"}
    found = []
    for node in graph.node:
        if node.op_type != "Conv":
            continue
        weight = constants[node.input[1]]
        bias = constants[node.input[2]] if len(node.input) > 2 else np.zeros(len(weight), weight.dtype)
        norm = readers.get(node.output[0])
        parameters = None
        if norm is not None:
            epsilon = next((each.f for each in norm.attribute if each.name == "epsilon"), 1e-5)
            parameters = (*(constants[name].astype(np.float64) for name in norm.input[1:]), float(np.float32(epsilon)))
        found.append(([weight, bias], parameters))
    return found


def _ulp(exact: np.ndarray, stored: np.ndarray) -> np.ndarray:
    """|stored - exact| over the spacing of float32 at the exact value."""
    spacing = np.spacing(np.abs(exact).astype(np.float32)).astype(np.float64)
    return np.abs(stored.astype(np.float64) - exact) / spacing
