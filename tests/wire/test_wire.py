"""Files read and written by parts say what onnx reads and writes, whatever is in them."""

from pathlib import Path

import ml_dtypes
import numpy as np
import onnx
import onnx_ir as ir
import pytest
from onnx import TensorProto, helper, numpy_helper

from bnfold.wire import WireError, read_model, read_skeleton, write_model
from tests.cli.conftest import small_net


def every_kind() -> onnx.ModelProto:
    """Large and small tensors of many types, raw and in typed fields, with names, docs and metadata."""
    random = np.random.default_rng(0)
    kinds = (np.float32, np.float16, ml_dtypes.bfloat16, np.float64, np.int64, np.int8, np.uint16, np.bool_)
    tensors = [
        numpy_helper.from_array(random.normal(0, 9, (count, 3)).astype(kind), f"{np.dtype(kind).name}_{count}")
        for kind in kinds
        for count in (1, 700)
    ]
    typed = helper.make_tensor("typed", TensorProto.FLOAT, (600,), random.normal(size=600).astype(np.float32))
    text = helper.make_tensor("text", TensorProto.STRING, (2,), ["a", "b"])
    narrow = helper.make_tensor("narrow", TensorProto.INT4, (3001,), random.integers(-8, 8, 3001))
    scalar, empty = numpy_helper.from_array(np.float32(3), "scalar"), numpy_helper.from_array(np.zeros((0, 4)), "empty")
    tensors += [typed, text, narrow, scalar, empty]
    tensors[1].doc_string = "large"
    tensors[1].metadata_props.add(key="k", value="v")
    nodes = [helper.make_node("Identity", [t.name], [f"{t.name}.y"], f"node {t.name}") for t in tensors]
    outputs = [helper.make_tensor_value_info(f"{t.name}.y", t.data_type, t.dims) for t in tensors]
    graph = helper.make_graph(nodes, "all", [], outputs, tensors, doc_string="a graph")
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10, producer_name="someone")
    helper.set_model_props(made, {"author": "someone", "year": "2026"})
    return made


def same(a: onnx.ModelProto, b: onnx.ModelProto) -> None:
    """Equal but for how a tensor stores its numbers."""
    for ours, theirs in zip(a.graph.initializer, b.graph.initializer, strict=True):
        assert (ours.name, ours.doc_string, ours.metadata_props) == (
            theirs.name,
            theirs.doc_string,
            theirs.metadata_props,
        )
        assert ours.data_type == theirs.data_type
        assert numpy_helper.to_array(ours).tobytes() == numpy_helper.to_array(theirs).tobytes()
        assert list(ours.dims) == list(theirs.dims)
    for model in (a, b):
        del model.graph.initializer[:]
        del model.graph.value_info[:]
    assert a == b


@pytest.mark.parametrize("external", [False, True])
def test_what_is_read_and_written_is_what_was_there(tmp_path: Path, external: bool) -> None:
    made = every_kind()
    onnx.save(made, tmp_path / "in.onnx", save_as_external_data=external, location="in.data", size_threshold=16)
    model = read_model(tmp_path / "in.onnx")
    mapped = [name for name, v in model.graph.initializers.items() if isinstance(v.const_value, ir.Tensor)]
    assert {"float32_700", "bfloat16_700", "int64_700", "bool_700"} <= set(mapped)
    write_model(model, tmp_path / "out.onnx")
    onnx.checker.check_model(str(tmp_path / "out.onnx"))
    same(onnx.load(tmp_path / "in.onnx"), onnx.load(tmp_path / "out.onnx"))


def test_fields_are_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    """Readers that know no merging of messages get one graph, and what onnx writes again is the same."""
    write_model(ir.from_proto(every_kind()), tmp_path / "out.onnx")
    written = (tmp_path / "out.onnx").read_bytes()
    assert onnx.ModelProto.FromString(written).SerializeToString(deterministic=True) == written


def test_lazy_tensors_are_evaluated_one_at_a_time(tmp_path: Path) -> None:
    alive, most = 0, 0

    class Counted(np.ndarray):
        def __del__(self) -> None:
            nonlocal alive
            alive -= 1

    def made() -> ir.Tensor:
        nonlocal alive, most
        alive += 1
        most = max(most, alive)
        return ir.Tensor(np.ones((4, 3, 3, 3), np.float32).view(Counted))

    model = ir.from_proto(small_net())
    for name in ("w1", "w2"):
        model.graph.initializers[name].const_value = ir.LazyTensor(
            made, ir.DataType.FLOAT, ir.Shape((4, 3, 3, 3)), name=name
        )
    write_model(model, tmp_path / "out.onnx")
    assert numpy_helper.to_array(onnx.load(tmp_path / "out.onnx").graph.initializer[0]).all()
    assert most == 1


def test_a_tensor_that_lies_about_its_size_is_an_error(tmp_path: Path) -> None:
    model = ir.from_proto(small_net())
    lazy = ir.LazyTensor(lambda: ir.tensor(np.ones(3, np.float32)), ir.DataType.FLOAT, ir.Shape((4,)), name="scale")
    model.graph.initializers["scale"].const_value = lazy
    with pytest.raises(ValueError, match="scale"):
        write_model(model, tmp_path / "out.onnx")


def test_a_skeleton_is_small_and_valid(tmp_path: Path) -> None:
    onnx.save(every_kind(), tmp_path / "in.onnx")
    skeleton = read_skeleton(tmp_path / "in.onnx")
    onnx.checker.check_model(skeleton)
    assert "float32_700" not in {tensor.name for tensor in skeleton.graph.initializer}
    assert skeleton.ByteSize() < (tmp_path / "in.onnx").stat().st_size / 2


def test_weights_of_the_wrong_size_are_refused(tmp_path: Path) -> None:
    made = every_kind()
    made.graph.initializer[1].dims[0] = 699
    (tmp_path / "in.onnx").write_bytes(made.SerializeToString())
    with pytest.raises(WireError, match="float32_700"):
        read_skeleton(tmp_path / "in.onnx")


def test_data_files_must_lie_in_the_folder_of_the_model(tmp_path: Path) -> None:
    folder = tmp_path / "inner"
    folder.mkdir()
    onnx.save(every_kind(), folder / "in.onnx", save_as_external_data=True, location="in.data", size_threshold=16)
    (folder / "in.data").replace(tmp_path / "in.data")
    made = onnx.load(folder / "in.onnx", load_external_data=False)
    for tensor in made.graph.initializer:
        for entry in tensor.external_data:
            entry.value = "../in.data" if entry.key == "location" else entry.value
    (folder / "in.onnx").write_bytes(made.SerializeToString())
    with pytest.raises(WireError, match="outside"):
        read_model(folder / "in.onnx")


@pytest.mark.parametrize("data", [b"\x0f", b"\xff" * 12, b"\x3a\xff\x01", b"\x3a\x02\x2a\x7f"])
def test_what_is_no_message_is_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "in.onnx").write_bytes(data)
    with pytest.raises(WireError):
        read_model(tmp_path / "in.onnx")
