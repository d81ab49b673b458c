"""Compare the weights of a file with the exact ones: each must be its exact value rounded once."""

import numpy as np
import onnx_ir as ir

from bnfold.verification.precision import FLOATS, Array, Dtype, ulp
from bnfold.verification.verdict import Weights

_IN_CACHE = 1 << 16
"""Numbers at a time, so that what is computed of them stays in the processor's cache."""


def stored_types(model: ir.Model) -> dict[str, Dtype]:
    """Element type of every float initializer, without reading its values."""
    types = {n: v.const_value.dtype for n, v in model.graph.initializers.items() if v.const_value is not None}
    return {name: kind.numpy() for name, kind in types.items() if kind.is_floating_point() and kind.numpy() in FLOATS}


def compare_weights(exact: ir.Model, file: ir.Model) -> Weights:
    """Largest |stored - exact| in units in the last place over all initializers with the same name and shape.

    Infinite where one value is finite and the other is not, such as a weight beyond the range of float16.
    """
    checked, largest, worst = 0, 0.0, ""
    ours, theirs = stored_types(exact), stored_types(file)
    for name in theirs:
        if name not in ours:
            continue
        truth, stored = _stored(exact, name), _stored(file, name)
        if truth.shape != stored.shape or not stored.size:
            continue
        truth, flat = truth.ravel(), stored.ravel()
        parts = (slice(start, start + _IN_CACHE) for start in range(0, stored.size, _IN_CACHE))
        error = max(float(_errors(truth[part].astype(np.float64, copy=False), flat[part]).max()) for part in parts)
        checked += stored.size
        if error > largest:
            largest, worst = error, name
    return Weights(checked, largest, worst)


def _stored(model: ir.Model, name: str) -> Array:
    tensor = model.graph.initializers[name].const_value
    assert tensor is not None
    return tensor.numpy()


def _errors(truth: Array, stored: Array) -> Array:
    """|stored - truth| in units in the last place of the stored type."""
    wide = stored.astype(np.float64)
    with np.errstate(invalid="ignore"):
        error = np.abs(wide - truth)
        steps = ulp(np.maximum(np.abs(truth), np.abs(wide)), stored.dtype)
        if np.isfinite(error).all():
            return np.asarray(error / steps)
        same = (truth == wide) | (np.isnan(truth) & np.isnan(wide))
        return np.where(same, 0.0, np.where(np.isfinite(error), error / steps, np.inf))


def model_type(model: ir.Model) -> Dtype:
    """The float type that most of the model's weights and inputs have; float32 if it has none."""
    sizes: dict[Dtype, int] = {}
    values = [*model.graph.initializers.values(), *model.graph.inputs]
    constants = (o for node in model.graph if node.op_type == "Constant" for o in node.outputs)
    for value in [*values, *constants]:
        tensor = ir.convenience.get_const_tensor(value)
        kind = tensor.dtype if tensor is not None else value.dtype
        if kind is not None and kind.is_floating_point() and kind.numpy() in FLOATS:
            sizes[kind.numpy()] = sizes.get(kind.numpy(), 0) + (tensor.size if tensor is not None else 1)
    return max(sizes, key=lambda dtype: sizes[dtype], default=np.dtype(np.float32))
