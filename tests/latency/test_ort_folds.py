import onnx
import pytest

from bnfold.errors import SourceError
from bnfold.latency.ort_folds import count_batch_normalizations, left_by_onnxruntime


def test_only_what_follows_a_convolution_is_folded_by_onnxruntime(model):
    assert left_by_onnxruntime(model("direct", 3)) == 0
    assert left_by_onnxruntime(model("behind_relu", 3, normalize_after_relu=True)) == 1


def test_the_caller_decides_what_is_counted(model):
    def convolutions(graph):
        return sum(node.op_type == "Conv" for node in graph.graph)

    assert left_by_onnxruntime(model("m", 3), convolutions) == 3


def test_nothing_is_left_beside_the_model(model):
    path = model("m", 2)
    before = sorted(path.parent.iterdir())
    left_by_onnxruntime(path)
    assert sorted(path.parent.iterdir()) == before


def test_weights_can_be_read_while_counting(model):
    def weights(graph):
        return sum(value.const_value.numpy().size for value in graph.graph.initializers.values())

    assert left_by_onnxruntime(model("m", 1), weights) == 3 * 3 * 9 + 3


def test_any_domain_and_any_subgraph_counts():
    import onnx_ir as ir

    make, info = onnx.helper.make_node, onnx.helper.make_tensor_value_info
    inside = make("BatchNormalization", ["x", *"abcd"], ["z"])
    branch = onnx.helper.make_graph([inside], "branch", [], [info("z", 1, None)])
    nodes = [
        make("If", ["flag"], ["u"], then_branch=branch, else_branch=branch),
        make("FusedBatchNormRelu", ["x"], ["v"], domain="com.microsoft"),
        make("InstanceNormalization", ["x", "a", "b"], ["y"]),
    ]
    graph = onnx.helper.make_graph(nodes, "g", [info("x", 1, None)], [info("y", 1, None)])
    assert count_batch_normalizations(ir.from_proto(onnx.helper.make_model(graph))) == 3


def test_a_model_that_cannot_be_loaded(tmp_path):
    with pytest.raises(SourceError, match="no file"):
        left_by_onnxruntime(tmp_path / "missing.onnx")
