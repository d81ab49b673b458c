"""Subnormal weights are counted by the range of the type that stores them."""

import ml_dtypes
import numpy as np
import onnx_ir as ir
import pytest

from bnfold.verification.subnormal import count_subnormals


def model(**arrays: np.ndarray) -> ir.Model:
    values = [ir.Value(name=name, const_value=ir.tensor(array, name=name)) for name, array in arrays.items()]
    return ir.Model(ir.Graph([], [], nodes=[], initializers=values, opset_imports={"": 17}), ir_version=8)


@pytest.mark.parametrize("kind", [np.float16, ml_dtypes.bfloat16, np.float32, np.float64])
def test_between_zero_and_the_smallest_normal_number(kind: type) -> None:
    info = ml_dtypes.finfo(kind)
    normal, least = info.smallest_normal, info.smallest_subnormal
    below = np.nextafter(normal, kind(0))
    values = np.array([0, -0.0, normal, -normal, 1, least, -least, below, -below, np.inf, np.nan]).astype(kind)
    assert count_subnormals(model(w=values)) == 4


def test_all_initializers_count_and_integers_do_not() -> None:
    tiny = np.full(3, 1e-40, np.float32)
    assert count_subnormals(model(a=tiny, b=tiny[:2], c=np.arange(5), d=np.full(3, 1e-40))) == 5
