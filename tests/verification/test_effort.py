"""What runs on a large network, and that the report says so."""

import numpy as np
import pytest
from bn_nets import Net, as_ir, mapped, saved, single

from bnfold.verification import Batch, Data, Reference, Settings, make_batches, specs_of, verify_files, verify_fold
from bnfold.verification.effort import ELEMENT, choose

NET = Net(seed=1)
ORIGINAL, EXACT, FOLDED = NET.original(), NET.exact(), NET.folded()
BATCHES = make_batches(specs_of(as_ir(ORIGINAL)), shapes=[{}, {specs_of(as_ir(ORIGINAL))[0].name: (2, 3, 16, 16)}])
ALL = [batch.name for batch in BATCHES]


def batch(name, elements, **more):
    return Batch(name, {"x": np.zeros(elements)}, **more)


def test_the_budget_decides_and_what_is_needed_runs_anyway():
    batches = [batch("a", 1), batch("b", 3, spare=True), batch("c", 1, spare=True), batch("d", 2)]
    everything = choose(batches, 2, 3, 10.0, 350.0)
    assert (everything.batches, everything.moved_on, everything.note) == (batches, 4, "")
    some = choose(batches, 2, 3, 10.0, 349.0)
    assert [b.name for b in some.batches] == ["a", "b", "c", "d"]
    assert (some.moved_on, some.passes) == (1, 3 + 2 * 7)
    assert [b.name for b in choose(batches, 2, 3, 10.0, 169.0).batches] == ["a", "b", "d"]
    assert [b.name for b in choose(batches, 2, 3, 10.0, 149.0).batches] == ["a", "c", "d"]
    least = choose(batches, 2, 3, 10.0, 0.0)
    assert [b.name for b in least.batches] == ["a", "d"]
    assert "2 more batches were left out" in least.note
    assert least.passes == 3 + 2 * 3


@pytest.mark.parametrize(
    ("op", "arrays", "attributes", "multiply_adds", "written"),
    [
        ("Conv", {"x": (2, 4, 8, 8), "w": (6, 2, 3, 3)}, {"group": 2}, 2 * 6 * 36 * 18, 2 * 6 * 36),
        ("ConvTranspose", {"x": (1, 4, 5, 5), "w": (4, 3, 2, 2)}, {"strides": [2, 2]}, 100 * 12, 3 * 100),
        ("Gemm", {"x": (7, 3), "w": (7, 5)}, {"transA": 1}, 3 * 5 * 7, 15),
        ("MatMul", {"x": (2, 3, 7), "w": (7, 5)}, {}, 30 * 7, 30),
        ("Relu", {"x": (3, 4)}, {}, 0, 12),
    ],
)
def test_multiply_adds_are_counted(op, arrays, attributes, multiply_adds, written):
    feeds = {name: np.ones(shape, np.float32) for name, shape in arrays.items()}
    reference = Reference(as_ir(single(op, feeds, 1, 17, **attributes)))
    for _ in range(2):
        reference.run(feeds)
        assert reference.work == multiply_adds + ELEMENT * written


def fold(tmp_path, batches=BATCHES, **more):
    paths = saved(ORIGINAL, tmp_path / "original.onnx"), saved(FOLDED, tmp_path / "folded.onnx")
    return verify_fold(as_ir(ORIGINAL), as_ir(EXACT), *paths, batches, **more)


def test_a_large_network_runs_on_few_batches_and_says_so(tmp_path, monkeypatch):
    every = fold(tmp_path)
    assert list(every.batches) == ALL
    monkeypatch.setattr("bnfold.verification.verify.FOLD_BUDGET", 1.0)
    steps = []
    found = fold(tmp_path, settings=Settings(progress=lambda step, share=None: steps.append(share)))
    assert found.verdict == "equivalent", found.sentences
    assert list(found.batches) == ["normal", "frame", "normal (2)"]
    assert any("only normal, frame, normal (2) ran; 8 more batches were left out" in s for s in found.sentences)
    assert steps[-1] == 1
    assert found.algebra.file.place.batch == "normal"
    assert found.algebra.file.bound == pytest.approx(found.allowed[0].float64[1])
    assert list(fold(tmp_path, settings=Settings(thorough=True)).batches) == ALL


def test_data_of_the_user_always_runs(tmp_path, monkeypatch):
    monkeypatch.setattr("bnfold.verification.verify.FOLD_BUDGET", 1.0)
    (spec,) = specs_of(as_ir(ORIGINAL))
    samples = np.random.default_rng(0).normal(size=(2, 3, 16, 16)).astype(np.float32)
    found = fold(tmp_path, make_batches([spec]), data=Data({spec.name: samples}))
    assert list(found.batches) == ["normal", "frame", "data"]


def test_two_files_have_their_own_budget(tmp_path, monkeypatch):
    monkeypatch.setattr("bnfold.verification.verify.FILES_BUDGET", 1.0)
    paths = saved(ORIGINAL, tmp_path / "original.onnx"), saved(FOLDED, tmp_path / "folded.onnx")
    found = verify_files(*paths, BATCHES)
    assert found.verdict == "equivalent", found.sentences
    assert list(found.batches) == ["normal", "frame", "normal (2)"]
    wrong = saved(mapped(FOLDED, lambda _, w: w * 1.01), tmp_path / "wrong.onnx")
    assert verify_files(paths[0], wrong, BATCHES).verdict == "different"
