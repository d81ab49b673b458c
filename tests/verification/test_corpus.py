"""Every tampered model is caught at the right node; honest ones pass, whatever the size of their numbers."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnx_ir as ir
import pytest

from bnfold.verification import Reference, Verification, make_batches, specs_of, verify_files
from bnfold.verification.runtime import session_outputs
from tests.networks import fold
from tests.verification.corpus import Tampered, corpus, deep, network

ORIGINAL = network()
FOLDED = ir.to_proto(fold(ORIGINAL).rounded)
CORPUS = corpus()


@pytest.fixture(autouse=True)
def in_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Starting a child per file would take most of the time; `test_runtime` does it."""
    monkeypatch.setattr("bnfold.verification.runtime.call", lambda _, limits, **a: session_outputs(**a))


def verdict(folder: Path, original: onnx.ModelProto, candidate: onnx.ModelProto) -> Verification:
    onnx.save(original, folder / "original.onnx")
    onnx.save(candidate, folder / "candidate.onnx")
    batches = make_batches(specs_of(ir.from_proto(original)))
    return verify_files(folder / "original.onnx", folder / "candidate.onnx", batches)


def test_the_corpus_is_large_enough() -> None:
    assert len({item.name for item in CORPUS}) == len(CORPUS) >= 40


def test_the_honest_fold_has_no_batch_normalization_and_passes(tmp_path: Path) -> None:
    assert "BatchNormalization" not in {node.op_type for node in FOLDED.graph.node}
    found = verdict(tmp_path, ORIGINAL, FOLDED)
    assert found.verdict == "equivalent", found.sentences
    assert found.blame is None


@pytest.mark.parametrize("item", CORPUS, ids=lambda item: item.name)
def test_tampering_is_caught_at_its_node(item: Tampered, tmp_path: Path) -> None:
    candidate = onnx.ModelProto.FromString(FOLDED.SerializeToString())
    item.change(candidate)
    found = verdict(tmp_path, ORIGINAL, candidate)
    assert found.verdict == "different"
    assert found.blame is not None
    assert item.node in {*found.blame.reference, *found.blame.candidate}
    gone = item.node not in {node.name for node in candidate.graph.node}
    assert gone or item.node in {found.blame.start.node, found.blame.site.node}


def test_a_batch_normalization_in_training_mode_is_not_its_fold(tmp_path: Path) -> None:
    """Whoever folds it replaces statistics of the batch by stored ones."""
    training = onnx.ModelProto.FromString(ORIGINAL.SerializeToString())
    node = next(node for node in training.graph.node if node.name == "stem_bn")
    node.attribute.append(onnx.helper.make_attribute("training_mode", 1))
    node.output.extend(["mean", "variance"])
    found = verdict(tmp_path, training, FOLDED)
    assert found.verdict == "different"
    assert "training mode" in " ".join(found.sentences)


def by_onnxsim(model: onnx.ModelProto) -> onnx.ModelProto:
    import onnxsim

    return onnxsim.simplify(model)[0]


def by_onnxslim(model: onnx.ModelProto) -> onnx.ModelProto:
    import onnxslim

    return onnxslim.slim(model)


@pytest.mark.parametrize("save_again", [by_onnxsim, by_onnxslim])
@pytest.mark.parametrize("model", [ORIGINAL, FOLDED], ids=["original", "folded"])
def test_models_saved_again_by_other_tools_pass(
    save_again: Callable[[onnx.ModelProto], onnx.ModelProto], model: onnx.ModelProto, tmp_path: Path
) -> None:
    saved = save_again(onnx.ModelProto.FromString(model.SerializeToString()))
    found = verdict(tmp_path, ORIGINAL, saved)
    assert found.verdict == "equivalent", found.sentences
    assert found.blame is None


@pytest.mark.parametrize("scale", [1e6, 1e-6])
def test_the_size_of_the_outputs_does_not_matter(scale: float, tmp_path: Path) -> None:
    net = deep(scale)
    found = verdict(tmp_path, net, ir.to_proto(fold(net).rounded))
    assert found.verdict == "equivalent", found.sentences
    (output,) = Reference(ir.from_proto(net)).run({"x": np.random.default_rng(0).normal(size=(1, 3, 12, 12))}).values()
    assert 0.5 * scale < np.abs(output).max() < 2 * scale
