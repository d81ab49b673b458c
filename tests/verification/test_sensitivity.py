"""What moved weights do to outputs."""

from collections import Counter
from functools import partial
from itertools import pairwise

import numpy as np
import onnx
from bn_nets import Net, as_ir, single
from onnx import TensorProto, helper, numpy_helper

from bnfold.verification import Batch, Reference, make_batches, specs_of
from bnfold.verification.compared import compared, explained_by
from bnfold.verification.precision import ulp
from bnfold.verification.sensitivity import BORROWED, Explained, Moving, every_weight, relative_error, rewritten_weights
from bnfold.verification.tolerance import Tolerances


def explained(model, draws, batches, base):
    """The bounds after all draws."""
    moved = Explained([Moving(model, draws, base)], batches)
    while moved.more():
        pass
    return moved.bounds


F32, F64 = np.dtype(np.float32), np.dtype(np.float64)


def test_weights_move_at_most_half_a_unit_and_the_same_way_each_time():
    w = np.random.default_rng(0).normal(size=1000).astype(np.float32)
    moved = every_weight(1)("w", w)
    assert 0.45 < (np.abs(moved - w) / ulp(w, F32)).max() <= 0.5
    np.testing.assert_array_equal(moved, every_weight(1)("w", w))
    assert (moved != every_weight(2)("w", w)).mean() > 0.9
    np.testing.assert_array_equal(every_weight(1)("w", np.array([2, 0.5], np.float32)), [2, 0.5])


def test_only_rewritten_weights_move():
    types = {"a": F32, "b": F64}
    change = rewritten_weights(types, F32, 0)
    w = np.array([0.1, 0.2])
    assert (change("a", w) != w).all()
    assert (change("unknown", w) != w).all()
    np.testing.assert_array_equal(change("b", w), w)
    np.testing.assert_array_equal(change("a", w.astype(np.float32)), w.astype(np.float32))


def test_the_bound_holds_for_a_rounded_file_and_not_for_a_hundred_times_more():
    net = Net(seed=5)
    exact, folded = as_ir(net.exact()), as_ir(net.folded())
    batches = make_batches(specs_of(exact))
    base = [Reference(exact).run(b.feeds) for b in batches]
    bounds = explained(exact, [rewritten_weights({}, F32, d) for d in range(2)], batches, base)
    for batch, truth, bound in zip(batches, base, bounds, strict=True):
        error = relative_error(truth["y"], Reference(folded).run(batch.feeds)["y"])
        assert bound["y"] / 100 < error < bound["y"] < 1e-5


def test_a_draw_that_says_nothing_is_left_out():
    model = single("Relu", {"x": np.ones(2, np.float32)})
    batches = make_batches(specs_of(as_ir(model)))
    base = [{"y0": np.ones(3)} for _ in batches]
    assert explained(as_ir(model), [every_weight(0)], batches, base) == [{"y0": 0.0}] * len(batches)


def test_integers_count_what_differs():
    assert relative_error(np.array([1, 2, 3, 4]), np.array([1, 2, 3, 9])) == 0.25
    assert relative_error(np.array([1]), np.array([1, 2])) == np.inf
    assert relative_error(np.array([], int), np.array([], int)) == 0


def test_a_lucky_batch_borrows_from_the_others_but_not_without_end():
    """In w x + 1 a moved weight counts by its share: large inputs show more than small ones."""
    nodes = [helper.make_node("Mul", ["x", "w"], ["t"]), helper.make_node("Add", ["t", "one"], ["y"])]
    weights = {"w": np.array([1 / 3], np.float32), "one": np.ones(1, np.float32)}
    info = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])
    graph = helper.make_graph(
        nodes, "g", [info], [onnx.ValueInfoProto(name="y")], [numpy_helper.from_array(w, n) for n, w in weights.items()]
    )
    model = as_ir(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8))
    batches = [Batch(str(x), {"x": np.array([x], np.float32)}) for x in (1e6, 2.0, 1e-3, 0.0)]
    base = [Reference(model).run(b.feeds) for b in batches]
    alone = [explained(model, [every_weight(0)], [b], [o])[0]["y"] for b, o in zip(batches, base, strict=True)]
    large, medium, small, none = (bound["y"] for bound in explained(model, [every_weight(0)], batches, base))
    assert large == alone[0] == max(alone)
    assert medium == large > alone[1]
    assert small == BORROWED * alone[2] < large
    assert none == 0


def _judged(margin):
    """A judgement that allows `margin` times what is explained, and how many draws it asked for."""
    net = Net(seed=5)
    exact, folded = as_ir(net.exact()), as_ir(net.folded())
    batches = make_batches(specs_of(exact))[:2]
    base, found = ([Reference(model).run(b.feeds) for b in batches] for model in (exact, folded))
    asked = Counter()

    def counted(draw):
        change = rewritten_weights({}, F32, draw)

        def changed(name, stored):
            asked[draw] = 1
            return change(name, stored)

        return changed

    moved = Explained([Moving(exact, [counted(draw) for draw in range(3)], base)], batches)
    return explained_by(moved, partial(_compared, batches, base, found, moved, margin)), asked.total()


def _compared(batches, base, found, moved, margin):
    bounds = [{name: margin * bound for name, bound in batch.items()} for batch in moved.bounds]
    return compared(batches, base, found, bounds, Tolerances())


def test_draws_end_as_soon_as_everything_is_explained():
    found, draws = _judged(1.0)
    assert all(item.holds for item in found)
    assert draws == 1


def test_what_is_not_explained_takes_all_draws():
    found, draws = _judged(1e-3)
    assert not any(item.holds for item in found)
    assert draws == 3


def test_bounds_only_grow():
    net = Net(seed=5)
    exact = as_ir(net.exact())
    batches = make_batches(specs_of(exact))
    base = [Reference(exact).run(b.feeds) for b in batches]
    moved = Explained([Moving(exact, [rewritten_weights({}, F32, draw) for draw in range(3)], base)], batches)
    seen = [moved.bounds]
    while moved.more():
        seen.append(moved.bounds)
    assert len(seen) == 4
    for before, after in pairwise(seen):
        assert all(old["y"] <= new["y"] for old, new in zip(before, after, strict=True))
    assert seen[0][0]["y"] == 0 < seen[1][0]["y"]
