"""Every own operator against ONNX Runtime (float32) and, where it has the corner, torch in float64."""

import itertools

import numpy as np
import onnxruntime as ort
import pytest
import torch
from bn_nets import as_ir, single

from bnfold.verification import Float64Error, Reference

RNG = np.random.default_rng(3)


def floats(*shape):
    return RNG.normal(size=shape).astype(np.float32)


def runtime(model, arrays):
    options = ort.SessionOptions()
    options.log_severity_level = 4
    session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return session.run(None, arrays)


def both(op, arrays, outputs=1, opset=17, **attributes):
    model = single(op, arrays, outputs, opset, **attributes)
    feeds = {n: a for n, a in arrays.items() if n}
    ours = list(Reference(as_ir(model)).run(feeds).values())
    return ours, runtime(model, feeds)


def agree(op, arrays, opset=17, **attributes):
    ours, theirs = both(op, arrays, 1, opset, **attributes)
    assert ours[0].shape == theirs[0].shape
    assert ours[0].dtype == np.float64
    np.testing.assert_allclose(ours[0], theirs[0], rtol=2e-5, atol=2e-5)


@pytest.mark.parametrize(
    ("auto_pad", "dilation"),
    [*itertools.product(["NOTSET", "VALID"], [1, 2]), *itertools.product(["SAME_UPPER", "SAME_LOWER"], [1])],
)
@pytest.mark.parametrize(("stride", "group"), list(itertools.product([1, 2], [1, 2, 4])))
def test_conv(auto_pad, stride, dilation, group):
    pads = {"pads": [1, 0, 2, 1]} if auto_pad == "NOTSET" else {}
    arrays = {"x": floats(2, 4, 9, 8), "w": floats(8, 4 // group, 3, 2), "b": floats(8)}
    more = {"strides": [stride] * 2, "dilations": [dilation] * 2, "group": group}
    agree("Conv", arrays, auto_pad=auto_pad, **more, **pads)


@pytest.mark.parametrize("auto_pad", ["SAME_UPPER", "SAME_LOWER"])
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("dilation", [2, 3])
def test_same_padding_counts_dilation(auto_pad, stride, dilation):
    """ONNX Runtime leaves it out, so it is told the pads: (ceil(n / s) - 1) s + (k - 1) d + 1 - n, halved."""
    arrays = {"x": floats(2, 4, 9, 8), "w": floats(8, 4, 3, 2), "b": floats(8)}
    more = {"strides": [stride] * 2, "dilations": [dilation] * 2}
    total = [max(0, (-(-n // stride) - 1) * stride + (k - 1) * dilation + 1 - n) for n, k in ((9, 3), (8, 2))]
    less, rest = [t // 2 for t in total], [t - t // 2 for t in total]
    pads = less + rest if auto_pad == "SAME_UPPER" else rest + less
    ours = Reference(as_ir(single("Conv", arrays, auto_pad=auto_pad, **more))).run(arrays)["y0"]
    (theirs,) = runtime(single("Conv", arrays, pads=pads, **more), arrays)
    assert ours.shape == theirs.shape
    np.testing.assert_allclose(ours, theirs, rtol=2e-5, atol=2e-5)


def test_conv_of_other_ranks_and_in_several_chunks(monkeypatch):
    agree("Conv", {"x": floats(2, 3, 11), "w": floats(4, 3, 3)}, strides=[2])
    agree("Conv", {"x": floats(1, 2, 5, 6, 7), "w": floats(3, 2, 2, 3, 2), "b": floats(3)}, pads=[1] * 6)
    monkeypatch.setattr("bnfold.verification.operators.convolution._COLUMN_BYTES", 1)
    agree("Conv", {"x": floats(2, 3, 9, 9), "w": floats(4, 3, 3, 3)}, strides=[2, 1])


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("pads", [[0] * 4, [1, 0, 1, 2], [2, 1, 0, 0]])
def test_depthwise_and_pointwise_conv(stride, pads):
    x, settings = floats(2, 4, 9, 8), {"strides": [stride] * 2, "pads": pads}
    agree("Conv", {"x": x, "w": floats(4, 1, 3, 2), "b": floats(4)}, group=4, dilations=[2, 1], **settings)
    agree("Conv", {"x": x, "w": floats(5, 4, 1, 1)}, **settings)
    agree("Conv", {"x": x, "w": floats(6, 2, 1, 1)}, group=2, **settings)


@pytest.mark.parametrize("group", [1, 2])
@pytest.mark.parametrize(
    ("stride", "extra", "dilation"),
    [
        (stride, extra, dilation)
        for stride, extra, dilation in itertools.product([1, 2, 3], [0, 1], [1, 2])
        if extra < max(stride, dilation)  # torch asks for that
    ],
)
def test_conv_transpose_against_torch(group, stride, extra, dilation):
    x, w, b = RNG.normal(size=(2, 4, 5, 6)), RNG.normal(size=(4, 3, 3, 3)), RNG.normal(size=3 * group)
    model = single(
        "ConvTranspose", {"x": x, "w": w, "b": b}, strides=[stride] * 2, pads=[1] * 4,
        output_padding=[extra] * 2, dilations=[dilation] * 2, group=group,
    )  # fmt: skip
    ours = Reference(as_ir(model)).run({"x": x, "w": w, "b": b})["y0"]
    t = torch.from_numpy
    truth = torch.nn.functional.conv_transpose2d(t(x), t(w), t(b), stride, 1, extra, group, dilation).numpy()
    np.testing.assert_allclose(ours, truth, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    "attributes",
    [
        {"auto_pad": "SAME_UPPER", "strides": [2, 2]},
        {"auto_pad": "SAME_LOWER", "strides": [2, 2]},
        {"auto_pad": "VALID", "strides": [2, 1]},
        {"output_shape": [11, 12], "strides": [2, 2]},
        {"pads": [0, 1, 2, 1], "strides": [3, 2], "output_padding": [2, 1]},
    ],
)
def test_conv_transpose_against_onnx_runtime(attributes):
    agree("ConvTranspose", {"x": floats(1, 4, 5, 6), "w": floats(4, 2, 3, 3)}, group=2, **attributes)


@pytest.mark.parametrize("op", ["AveragePool", "MaxPool"])
@pytest.mark.parametrize("ceil", [0, 1])
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("size", [7, 8, 9])
def test_pool_against_torch(op, ceil, stride, size):
    x = RNG.normal(size=(2, 3, size, size))
    t, args = torch.from_numpy(x), (3, stride, 1)
    for include in (0, 1) if op == "AveragePool" else (0,):
        extra = {"count_include_pad": include} if op == "AveragePool" else {}
        model = single(op, {"x": x}, kernel_shape=[3, 3], strides=[stride] * 2, pads=[1] * 4, ceil_mode=ceil, **extra)
        ours = Reference(as_ir(model)).run({"x": x})["y0"]
        if op == "AveragePool":
            truth = torch.nn.functional.avg_pool2d(t, *args, ceil_mode=bool(ceil), count_include_pad=bool(include))
        else:
            truth = torch.nn.functional.max_pool2d(t, *args, ceil_mode=bool(ceil))
        assert ours.shape == tuple(truth.shape)
        np.testing.assert_allclose(ours, truth.numpy(), rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("op", ["AveragePool", "MaxPool"])
@pytest.mark.parametrize("auto_pad", ["SAME_UPPER", "SAME_LOWER", "VALID"])
@pytest.mark.parametrize("stride", [1, 2])
def test_pool_auto_pad(op, auto_pad, stride):
    agree(op, {"x": floats(1, 2, 8, 7)}, kernel_shape=[3, 2], strides=[stride] * 2, auto_pad=auto_pad)


def test_max_pool_with_indices():
    ours, theirs = both("MaxPool", {"x": floats(1, 2, 6, 6)}, 2, kernel_shape=[2, 2], strides=[2, 2])
    np.testing.assert_allclose(ours[0], theirs[0])
    np.testing.assert_array_equal(ours[1], theirs[1])


def bn_inputs(x, channels):
    names = ("scale", "bias", "mean")
    return {"x": x} | {n: floats(channels) for n in names} | {"var": np.abs(floats(channels)) + 0.1}


@pytest.mark.parametrize("opset", [7, 8, 9, 12, 13, 14, 15, 21])
@pytest.mark.parametrize("shape", [(3, 4), (2, 4, 5), (2, 4, 4, 4)])
def test_batch_normalization_in_every_opset(opset, shape):
    arrays = bn_inputs(floats(*shape), 4)
    ours = Reference(as_ir(single("BatchNormalization", arrays, opset=opset, epsilon=0.25))).run(arrays)["y0"]
    p = {n: torch.from_numpy(a.astype(float)) for n, a in arrays.items()}
    truth = torch.nn.functional.batch_norm(p["x"], p["mean"], p["var"], p["scale"], p["bias"], eps=0.25)
    np.testing.assert_allclose(ours, truth.numpy(), rtol=1e-13, atol=1e-13)


def test_batch_normalization_per_activation_and_old_opsets():
    x = floats(2, 3, 4)
    arrays = {"x": x} | {n: floats(3, 4) for n in ("s", "b", "m")} | {"v": np.abs(floats(3, 4)) + 1}
    ours = Reference(as_ir(single("BatchNormalization", arrays, opset=7, spatial=0))).run(arrays)["y0"]
    s, b, m, v = (arrays[n].astype(float) for n in "sbmv")
    np.testing.assert_allclose(ours, s * (x - m) / np.sqrt(v + np.float32(1e-5)) + b, rtol=1e-12)
    arrays = bn_inputs(floats(2, 4, 3), 4)
    old = Reference(as_ir(single("BatchNormalization", arrays, opset=6, is_test=1))).run(arrays)["y0"]
    new = Reference(as_ir(single("BatchNormalization", arrays, opset=15))).run(arrays)["y0"]
    np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize(
    ("opset", "outputs", "attributes"),
    [
        (6, 1, {}),
        (6, 5, {"is_test": 1}),
        (7, 5, {}),
        (13, 5, {}),
        (14, 1, {"training_mode": 1}),
        (15, 3, {"training_mode": 1}),
    ],
)
def test_training_mode_is_refused(opset, outputs, attributes):
    arrays = bn_inputs(floats(2, 4, 3), 4)
    model = single("BatchNormalization", arrays, outputs, opset, **attributes)
    with pytest.raises(Float64Error, match="training mode"):
        Reference(as_ir(model)).run(arrays)


def test_lrn_walks_the_channels():
    agree("LRN", {"x": floats(2, 6, 3, 3)}, size=3, alpha=0.5, beta=0.6, bias=1.5)
    agree("LRN", {"x": floats(1, 6, 3, 3)}, size=5)


@pytest.mark.parametrize("op", ["Softmax", "LogSoftmax"])
@pytest.mark.parametrize("attributes", [{}, {"axis": 1}, {"axis": 2}])
@pytest.mark.parametrize("opset", [11, 13])
def test_softmax_before_and_after_opset_13(op, attributes, opset):
    agree(op, {"x": floats(2, 3, 4)}, opset, **attributes)


def test_pad_crops():
    pads = np.array([0, 0, -1, 2, 0, 0, 1, -1])
    agree("Pad", {"x": floats(1, 2, 5, 5), "pads": pads})
    agree("Pad", {"x": floats(1, 2, 5, 5), "pads": pads, "v": np.array(1.5, np.float32)})
    arrays = {"x": floats(1, 2, 5, 5), "pads": np.array([1, -1, 2, 0]), "": None, "axes": np.array([2, -1])}
    agree("Pad", arrays, 18, mode="edge")


@pytest.mark.parametrize("mode", ["nearest", "linear"])
def test_resize_and_upsample_of_old_opsets(mode):
    scales = np.array([1, 1, 2, 1.5], np.float32)
    agree("Resize", {"x": floats(1, 2, 4, 6), "s": scales}, 10, mode=mode)
    agree("Upsample", {"x": floats(1, 2, 4, 6), "s": scales}, 9, mode=mode)
    agree("Upsample", {"x": floats(1, 2, 4, 6)}, 7, mode=mode, scales=[1.0, 1.0, 2.0, 2.0])


@pytest.mark.parametrize("mode", ["nearest", "linear", "cubic"])
@pytest.mark.parametrize("axes", [[2, 3], [3, 2], [3]])
def test_resize_along_some_axes(mode, axes):
    x = floats(2, 3, 4, 6)
    scales = np.array([2.0, 1.5][: len(axes)], np.float32)
    agree("Resize", {"x": x, "roi": floats(0), "s": scales}, 18, mode=mode, axes=axes)
    sizes = np.array([7, 9][: len(axes)])
    agree("Resize", {"x": x, "roi": floats(0), "": None, "sizes": sizes}, 18, mode=mode, axes=axes)


def test_resize_counts_axes_from_the_end_as_well():
    x, scales = floats(2, 3, 4, 6), np.array([2.0, 1.5], np.float32)
    (negative,), (positive,) = (
        Reference(as_ir(single("Resize", {"x": x, "roi": floats(0), "s": scales}, 1, 18, mode="linear", axes=axes)))
        .run({"x": x, "roi": floats(0), "s": scales})
        .values()
        for axes in ([-1, -2], [3, 2])
    )
    np.testing.assert_array_equal(negative, positive)


def test_resize_multiplies_scales_in_float32():
    arrays = {"x": floats(1, 1, 10, 10), "roi": floats(0), "s": np.array([1, 1, 0.7, 0.7], np.float32)}
    agree("Resize", arrays, mode="linear")


@pytest.mark.parametrize(
    ("op", "arrays", "attributes"),
    [
        ("Erf", {"x": floats(50)}, {}),
        ("LeakyRelu", {"x": floats(50)}, {"alpha": 0.1}),
        ("HardSigmoid", {"x": floats(50)}, {"alpha": 0.19, "beta": 0.51}),
        ("Elu", {"x": floats(50)}, {"alpha": 0.7}),
        ("Selu", {"x": floats(50)}, {}),
        ("Softplus", {"x": floats(50)}, {}),
        ("Sigmoid", {"x": floats(50)}, {}),
        ("HardSwish", {"x": floats(50)}, {}),
        (
            "Gemm",
            {"a": floats(4, 5), "b": floats(4, 6), "c": floats(5, 1)},
            {"transA": 1, "alpha": 0.3, "beta": 0.7},
        ),
        ("GlobalAveragePool", {"x": floats(2, 3, 5, 5)}, {}),
        ("InstanceNormalization", {"x": floats(2, 3, 5), "s": floats(3), "b": floats(3)}, {}),
        ("LayerNormalization", {"x": floats(2, 8), "s": floats(8), "b": floats(8)}, {}),
        ("PRelu", {"x": floats(2, 3, 4), "s": floats(3, 1)}, {}),
        ("ReduceMean", {"x": floats(2, 3, 4)}, {"axes": [1], "keepdims": 0}),
    ],
)
def test_others_compute_in_float64(op, arrays, attributes):
    ours, theirs = both(op, arrays, **attributes)
    np.testing.assert_allclose(ours[0], theirs[0], rtol=2e-5, atol=2e-6)
    wide = ours[0][np.abs(ours[0]) > 1e-3]
    untouched = np.isin(wide, [a for v in arrays.values() for a in v.astype(float).ravel()]) | (wide == 1)
    assert np.mean(wide[~untouched] == wide[~untouched].astype(np.float32)) < 0.5
