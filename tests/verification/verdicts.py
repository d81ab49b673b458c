"""One small network, its fold, and the verdicts on what somebody made of them."""

import pytest
from bn_nets import Net, as_ir, saved

from bnfold.verification import make_batches, specs_of, verify_files, verify_fold
from bnfold.verification.runtime import session_outputs


@pytest.fixture(autouse=True)
def in_process(monkeypatch):
    """Starting a child per file would take most of the time; `test_runtime` does it."""
    monkeypatch.setattr("bnfold.verification.runtime.call", lambda _, limits, **a: session_outputs(**a))


NET = Net(seed=1)


ORIGINAL, EXACT, FOLDED = NET.original(), NET.exact(), NET.folded()


BATCHES = make_batches(specs_of(as_ir(ORIGINAL)))


def fold_verdict(tmp_path, exact=EXACT, folded=FOLDED, original=ORIGINAL, batches=BATCHES, **more):
    paths = saved(original, tmp_path / "original.onnx"), saved(folded, tmp_path / "folded.onnx")
    return verify_fold(as_ir(original), as_ir(exact), *paths, batches, **more)


def file_verdict(tmp_path, candidate, reference=ORIGINAL, **more):
    paths = saved(reference, tmp_path / "reference.onnx"), saved(candidate, tmp_path / "candidate.onnx")
    return verify_files(*paths, BATCHES, **more)


def scaled_weight(name, index, factor=1.001):
    def change(found, w):
        if found == name:
            w.flat[index] *= factor
        return w

    return change
