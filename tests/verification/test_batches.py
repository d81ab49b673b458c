"""Seeded batches: what each kind holds, and the shapes they have."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bnfold.verification import InputSpec, make_batches
from bnfold.verification.batches import KINDS

F32, I64 = np.dtype(np.float32), np.dtype(np.int64)
IMAGE = InputSpec("x", ("n", 3, "h", None), F32)
OTHERS = [InputSpec("i", ("n",), I64), InputSpec("b", (2,), np.dtype(bool))]


@given(st.integers(0, 9))
def test_batches_are_seeded_and_cover_their_kinds(seed):
    specs = [IMAGE, *OTHERS]
    batches = make_batches(specs, seed=seed, shapes=[{"x": (1, 3, 4, 5)}])
    again = make_batches(specs, seed=seed, shapes=[{"x": (1, 3, 4, 5)}])
    by_name = {b.name: b.feeds for b in batches}
    assert list(by_name) == list(KINDS)
    for one, other in zip(batches, again, strict=True):
        for spec in specs:
            assert one.feeds[spec.name].dtype == spec.dtype
            np.testing.assert_array_equal(one.feeds[spec.name], other.feeds[spec.name])
        assert 0 <= one.feeds["i"].min() <= one.feeds["i"].max() < 8
    x = {name: feeds["x"] for name, feeds in by_name.items()}
    assert 0 <= x["uniform"].min() <= x["uniform"].max() <= 1
    assert not x["zeros"].any()
    assert (x["ones"] == 1).all()
    assert np.abs(x["large"]).max() > 30
    assert 0 < np.abs(x["tiny"]).max() < 1e-4
    assert x["checkerboard"][0, 0, 0, :3].tolist() == [1, -1, 1]
    assert x["checkerboard"][0, 0, :3, 0].tolist() == [1, -1, 1]
    assert len(np.unique(x["constant"])) == 3
    assert (x["constant"] == x["constant"][:, :, :1, :1]).all()
    assert not x["frame"][..., 1:-1, 1:-1].any()
    assert x["frame"][..., 0, :].all()
    assert x["frame"][..., -1].all()
    assert np.count_nonzero(x["corners"]) == 3 * 4
    assert x["corners"][0, :, [0, 0, -1, -1], [0, -1, 0, -1]].all()
    assert (x["normal"] != make_batches(specs, seed=seed + 1)[0].feeds["x"][:1, :, :4, :5]).any()


def test_open_dimensions_have_several_sizes():
    batches = make_batches([IMAGE])
    assert {len(b.feeds["x"]) for b in batches} == {1, 2, 3}
    assert {b.feeds["x"].shape[2:] for b in batches} == {(64, 64), (96, 96)}
    assert [b.name for b in batches if b.optional] == ["resized"]
    assert [b.name for b in make_batches([InputSpec("x", ("n", 3, 8, 8), F32)]) if b.optional] == []


def test_each_further_shape_makes_a_batch():
    shapes = [{"x": (2, 3, 8, 8)}, {"x": (5, 3, 8, 8)}, {"x": (1, 3, 8, 9)}]
    found = {b.name: b.feeds["x"].shape for b in make_batches([IMAGE], shapes=shapes)}
    assert found["normal"] == (2, 3, 8, 8)
    assert found["normal (2)"] == (5, 3, 8, 8)
    assert found["normal (3)"] == (1, 3, 8, 9)
    assert "resized" not in found


@pytest.mark.parametrize("shape", [(), (4,), (2, 4), (2, 3, 5), (2, 3, 4, 4, 4)])
def test_every_rank_has_every_kind(shape):
    for batch in make_batches([InputSpec("x", shape, F32)]):
        assert batch.feeds["x"].shape == shape
        assert np.isfinite(batch.feeds["x"]).all()
