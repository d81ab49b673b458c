"""Models that eat raw images give what the original gives for the normalized, transposed image."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

import bnfold
from bnfold.errors import NotEquivalentError, UsageError
from bnfold.sources import raw_images
from bnfold.sources.raw_images import IMAGENET, RawImages
from bnfold.verification.reference import Reference
from bnfold.wire import read_model
from tests.networks import Net

NORMALIZATIONS = {
    "imagenet": IMAGENET,
    "one number": ((0.5,), (0.25,)),
    "own units": ((103.5, 116.3, 123.7), (58.0, 57.0, 60.0)),
}


def network(padding: int = 1, dtype: type = np.float32) -> onnx.ModelProto:
    """Stem with a BN, ReLU, and another convolution, for images of 9 x 11."""
    net = Net(dynamic=True, dtype=dtype)
    x = net.conv(net.input(2, 3, 9, 11), 4, pads=[padding] * 4)
    return net.model(net.conv(net.relu(net.bn(x)), 5))


def normalized(images: RawImages, raw: np.ndarray) -> np.ndarray:
    """By hand, as a user of torchvision would."""
    x = raw.astype(np.float64)
    if images.layout == "nhwc":
        x = np.moveaxis(x, -1, 1)
    if images.mean is None or images.std is None:
        return x
    if images.dtype == "uint8" and images.mean != NORMALIZATIONS["own units"][0]:
        x = x / 255
    return (x - np.array(images.mean)[:, None, None]) / np.array(images.std)[:, None, None]


@pytest.mark.parametrize(
    ("padding", "numbers", "layout", "dtype"),
    [
        (1, "imagenet", "nhwc", "uint8"),
        (0, "imagenet", "nhwc", "uint8"),
        (1, "one number", "nchw", None),
        (0, "own units", "nchw", "uint8"),
        (1, None, "nhwc", "uint8"),
    ],
)
def test_as_the_original_fed_with_normalized_images(
    tmp_path: Path, padding: int, numbers: str | None, layout: str, dtype: str | None
) -> None:
    mean, std = NORMALIZATIONS[numbers] if numbers else (None, None)
    images = RawImages(mean, std, layout, dtype)  # type: ignore[arg-type]
    onnx.save(network(padding), tmp_path / "in.onnx")
    result = bnfold.fold(tmp_path / "in.onnx", output=tmp_path / "out.onnx", images=images)
    assert result.report.verification.verdict == "equivalent"
    assert any("Fed with the normalized images" in sentence for sentence in result.report.verification.sentences)

    shape = (3, 9, 11, 3) if layout == "nhwc" else (3, 3, 9, 11)
    raw = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8 if dtype else np.float32)
    truth = Reference(read_model(tmp_path / "in.onnx")).run({"x": normalized(images, raw)})
    session = onnxruntime.InferenceSession(tmp_path / "out.onnx")
    (value,) = session.get_inputs()
    assert (value.name, value.type) == ("x", "tensor(uint8)" if dtype else "tensor(float)")
    assert value.shape[1:] == list(shape[1:])
    (found,) = session.run(None, {"x": raw})
    (expected,) = truth.values()
    assert np.abs(found - expected).max() < 2e-6 * np.abs(expected).max()

    kept = {d.node: d.reason for d in result.plan.decisions if not d.removed}
    assert set(kept) == ({"normalize.mean"} if padding and numbers else set())
    if kept:
        assert kept["normalize.mean"] is not None
        assert "pads with zeros" in kept["normalize.mean"].sentence
    operators = [node.op_type for node in result.model.graph if node.op_type not in ("Conv", "Relu")]
    wanted = {"Transpose": layout == "nhwc", "Cast": dtype is not None, "Sub": bool(kept)}
    assert operators == [op for op, there in wanted.items() if there]


def test_constants_are_computed_from_the_numbers_that_were_given(tmp_path: Path) -> None:
    """255 * 0.485 rounded once, not the product of rounded factors."""
    onnx.save(network(), tmp_path / "in.onnx")
    result = bnfold.fold(tmp_path / "in.onnx", images=RawImages(*IMAGENET, "nchw", "uint8"))
    stored = result.model.graph.initializers["normalize.mean.constant"].const_value.numpy()
    assert stored.dtype == np.float32
    assert stored.ravel().tolist() == [float(np.float32(255 * m)) for m in IMAGENET[0]]


def test_half_precision_models_stay_in_half_precision(tmp_path: Path) -> None:
    onnx.save(network(dtype=np.float16), tmp_path / "in.onnx")
    result = bnfold.fold(tmp_path / "in.onnx", images=RawImages(*IMAGENET, "nhwc", "uint8"))
    assert result.report.verification.verdict == "equivalent"
    floats = {v.const_value.dtype.name for v in result.model.graph.initializers.values()}
    assert floats == {"FLOAT16"}


def test_a_wrong_normalization_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    onnx.save(network(), tmp_path / "in.onnx")
    steps = raw_images._steps
    monkeypatch.setattr(raw_images, "_steps", lambda images, kind: steps(images, kind)[:-1])
    with pytest.raises(NotEquivalentError, match="Fed with raw images"):
        bnfold.fold(tmp_path / "in.onnx", output=tmp_path / "out.onnx", images=RawImages(*IMAGENET))
    assert not (tmp_path / "out.onnx").exists()


def two_inputs() -> onnx.ModelProto:
    net = Net()
    a, b = net.input(1, 3, 8, 8, name="a"), net.input(1, 3, 8, 8, name="b")
    return net.model(net.node("Add", net.conv(a, 4), net.conv(b, 4)))


def test_an_input_can_be_named(tmp_path: Path) -> None:
    onnx.save(two_inputs(), tmp_path / "in.onnx")
    with pytest.raises(UsageError, match=r"More than one input.*a.*b"):
        bnfold.inspect(tmp_path / "in.onnx", images=RawImages(*IMAGENET))
    report = bnfold.fold(tmp_path / "in.onnx", images=RawImages(*IMAGENET, input="b")).report
    assert report.verification.verdict == "equivalent"


@pytest.mark.parametrize(
    ("images", "says"),
    [
        (RawImages((0.5, 0.5), (0.5, 0.5)), "2 numbers for mean"),
        (RawImages((0.5,), (0.0,)), "std positive"),
        (RawImages((float("nan"),), (1.0,)), "finite"),
        (RawImages((0.5,)), "both mean and std"),
        (RawImages(*IMAGENET, input="y"), "No input called y"),
    ],
)
def test_refusals(tmp_path: Path, images: RawImages, says: str) -> None:
    onnx.save(network(), tmp_path / "in.onnx")
    with pytest.raises(UsageError, match=says):
        bnfold.inspect(tmp_path / "in.onnx", images=images)


def test_old_opsets_are_refused(tmp_path: Path) -> None:
    net = Net(opset=6)
    onnx.save(net.model(net.conv(net.input(1, 3, 8, 8), 4)), tmp_path / "in.onnx")
    with pytest.raises(UsageError, match="opset 7"):
        bnfold.inspect(tmp_path / "in.onnx", images=RawImages(*IMAGENET))
