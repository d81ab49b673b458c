"""Parts of a split tensor that come by way of a sequence: the checker knows which channels of which tensor they are."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from tests.networks import Net, disagreement, fold
from tests.proof.folds import Fold

CHANNELS = 7


def with_parts(sizes: object, positions: list[int], given: str | None = None) -> onnx.ModelProto:
    """Conv -> SplitToSequence -> SequenceAt -> BN for every position; `given` is an input instead of a constant."""
    net = Net()
    x = net.conv(net.input(2, 3, 5, 5), CHANNELS)
    split = np.asarray(sizes)
    starts = np.cumsum([0, *split]) if split.ndim else np.arange(0, CHANNELS, split)
    widths = np.diff([*starts[: len(starts) - split.ndim], CHANNELS])
    ends = []
    net.nodes.append(helper.make_node("SplitToSequence", [x, net.constant(split, "sizes")], ["parts"], "split", axis=1))
    for i, position in enumerate(positions):
        at = net.constant(np.asarray(position), f"at{i}")
        net.nodes.append(helper.make_node("SequenceAt", ["parts", at], [f"part{i}"], f"take{i}"))
        width = int(widths[position]) if -len(widths) <= position < len(widths) else 1
        net.types[f"part{i}"] = helper.make_tensor_type_proto(TensorProto.FLOAT, [2, width, 5, 5])
        ends.append(net.bn(f"part{i}", name=f"bn{i}"))
    model = net.model(*ends)
    if given:
        kept = [tensor for tensor in model.graph.initializer if tensor.name != given]
        model.graph.input.append(helper.make_tensor_value_info(given, TensorProto.INT64, net.constants[given].shape))
        del model.graph.initializer[:]
        model.graph.initializer.extend(kept)
    return model


CASES = [(3, [0, 1, 2]), (3, [-1, -3]), (7, [0]), (1, [6, 0]), ([2, 1, 4], [2, 0]), ([2, 1, 4], [-2])]


@pytest.mark.parametrize(("sizes", "positions"), CASES)
def test_folds_through_a_sequence_are_proved(sizes: object, positions: list[int]) -> None:
    model = with_parts(sizes, positions)
    folded = fold(model)
    assert folded.kept == []
    x = np.random.default_rng(0).normal(size=(2, 3, 5, 5)).astype(np.float32)
    assert disagreement(folded, {"x": x}) < 1e-10
    assert Fold.of(model, folded).proof().unproved == ()


@pytest.mark.parametrize(("sizes", "positions"), CASES)
def test_other_parts_than_were_read_are_noticed(sizes: object, positions: list[int]) -> None:
    """The original reads the parts that follow, or none that is there."""
    made = Fold.of(with_parts(sizes, positions))
    other = with_parts(sizes, [position + 1 for position in positions])
    assert not Fold(other, made.folded, made.claims).proof().proved


def against(original: onnx.ModelProto, model: onnx.ModelProto) -> str:
    """Why the fold of one model is not proved to compute what another one does."""
    made = Fold.of(model)
    return " ".join(item.reason for item in Fold(original, made.folded, made.claims).proof().unproved)


@pytest.mark.parametrize(("sizes", "position"), [(3, 3), ([3, 4], -3)])
def test_a_part_that_is_not_there_proves_nothing(sizes: object, position: int) -> None:
    assert "it reads a part that is not there" in against(with_parts(sizes, [0, position]), with_parts(sizes, [0, 1]))


def test_a_sequence_that_was_cut_otherwise_is_noticed() -> None:
    """Both read their first part, which has the same number of channels, from the same tensor."""
    assert "it cuts at other places" in against(with_parts([1, 3, 3], [2]), with_parts([3, 1, 3], [0]))


@pytest.mark.parametrize("given", ["sizes", "at0"])
def test_sizes_and_positions_that_the_caller_gives(given: str) -> None:
    """Nobody knows which channels these are, so that their normalization stays, and no other file is as good."""
    model = with_parts([3, 4], [1], given)
    folded = fold(model)
    assert folded.kept == ["bn0"]
    assert Fold.of(model, folded).proof().proved
    assert against(model, with_parts([3, 4], [1]))


def test_sizes_that_the_caller_gives_are_not_those_of_this_run() -> None:
    assert "the sizes of its parts are not known" in against(with_parts([3, 4], [1], "sizes"), with_parts([3, 4], [1]))
