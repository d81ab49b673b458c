import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

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


def test_sparse_constants_stay_readable(tmp_path):
    """ONNX Runtime keeps them sparse in the file that it writes."""
    values, indices = numpy_helper.from_array(np.float32([1.5, -2]), "s"), numpy_helper.from_array(np.array([1, 5]))
    constant = helper.make_node("Constant", [], ["s"], sparse_value=helper.make_sparse_tensor(values, indices, [6]))
    infos = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [6]) for name in "xy"]
    nodes = [constant, helper.make_node("Add", ["x", "s"], ["y"])]
    graph = helper.make_graph(nodes, "g", infos[:1], infos[1:])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), tmp_path / "m.onnx")

    def read(graph):
        (value,) = graph.graph.initializers.values()
        return value.const_value.numpy().tolist()

    assert left_by_onnxruntime(tmp_path / "m.onnx", read) == [0, 1.5, 0, 0, 0, -2]


def test_a_model_that_cannot_be_loaded(tmp_path):
    with pytest.raises(SourceError, match="no file"):
        left_by_onnxruntime(tmp_path / "missing.onnx", batch_normalizations)
