"""Compare the weights of a file with the exact ones: each must be its exact value rounded once."""

import numpy as np
import onnx_ir as ir

from bnfold.verification.precision import FLOATS, Array, Dtype, ulp
from bnfold.verification.verdict import Weights


def float_initializers(model: ir.Model) -> dict[str, Array]:
    """Float initializers of the main graph as stored, by name."""
    arrays = {n: v.const_value.numpy() for n, v in model.graph.initializers.items() if v.const_value is not None}
    return {name: array for name, array in arrays.items() if array.dtype in FLOATS}


def stored_types(model: ir.Model) -> dict[str, Dtype]:
    """Element type of every float initializer, without reading its values."""
    types = {n: v.const_value.dtype for n, v in model.graph.initializers.items() if v.const_value is not None}
    return {name: kind.numpy() for name, kind in types.items() if kind.is_floating_point() and kind.numpy() in FLOATS}


def compare_weights(exact: ir.Model, file: ir.Model) -> Weights:
    """Largest |stored - exact| in units in the last place over all initializers with the same name and shape.

    Infinite where one value is finite and the other is not, such as a weight beyond the range of float16.
    """
    checked, largest, worst = 0, 0.0, ""
    exact_weights = float_initializers(exact)
    for name, stored in float_initializers(file).items():
        if name not in exact_weights or exact_weights[name].shape != stored.shape or not stored.size:
            continue
        truth, wide = exact_weights[name].astype(np.float64), stored.astype(np.float64)
        with np.errstate(invalid="ignore"):
            error = np.abs(wide - truth) / ulp(np.maximum(np.abs(truth), np.abs(wide)), stored.dtype)
        same = (truth == wide) | (np.isnan(truth) & np.isnan(wide))
        error = np.where(same, 0.0, np.where(np.isfinite(truth) & np.isfinite(wide), error, np.inf))
        checked += stored.size
        if error.max() > largest:
            largest, worst = float(error.max()), name
    return Weights(checked, largest, worst)


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
