import pytest

from bnfold.errors import SourceError
from bnfold.latency.ort_folds import left_by_onnxruntime


def batch_normalizations(model):
    return sum("BatchNorm" in node.op_type for node in model.graph)


def test_only_what_follows_a_convolution_is_folded_by_onnxruntime(model):
    assert left_by_onnxruntime(model("direct", 3), batch_normalizations) == 0
    assert left_by_onnxruntime(model("behind_relu", 3, normalize_after_relu=True), batch_normalizations) == 1


def test_the_caller_decides_what_is_counted(model):
    def convolutions(graph):
        return sum(node.op_type == "Conv" for node in graph.graph)

    assert left_by_onnxruntime(model("m", 3), convolutions) == 3


def test_the_caller_decides_how_far_onnxruntime_goes(model):
    def activations(graph):
        return sum(node.op_type == "Relu" for node in graph.graph)

    path = model("m", 3)
    assert left_by_onnxruntime(path, activations, "basic") == left_by_onnxruntime(path, activations, "disabled") > 0
    assert left_by_onnxruntime(path, activations, "all") == 0


def test_nothing_is_left_beside_the_model(model):
    path = model("m", 2)
    before = sorted(path.parent.iterdir())
    left_by_onnxruntime(path, batch_normalizations)
    assert sorted(path.parent.iterdir()) == before


def test_weights_can_be_read_while_counting(model):
    def weights(graph):
        return sum(value.const_value.numpy().size for value in graph.graph.initializers.values())

    assert left_by_onnxruntime(model("m", 1), weights) == 3 * 3 * 9 + 3


def test_a_model_that_cannot_be_loaded(tmp_path):
    with pytest.raises(SourceError, match="no file"):
        left_by_onnxruntime(tmp_path / "missing.onnx", batch_normalizations)
