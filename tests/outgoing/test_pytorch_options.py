"""PyTorch outputs heed an option or refuse it; none is ignored."""

import inspect

import pytest
import torch

import bnfold
from bnfold import RawImages
from bnfold.errors import UsageError
from bnfold.isolation import Limits
from bnfold.verification import Preprocess, Settings
from tests.outgoing.test_weights import Twins
from tests.sources.forms import SHAPE, net

REFUSED = {
    "more_shapes": ([{"x": (7, 3, 32, 32)}], "another --input shape"),
    "data": ("samples.npz", "--data"),
    "preprocess": (Preprocess(), "--mean, --std and --size"),
    "freeze_inputs": (True, "--freeze-inputs"),
    "images": (RawImages((0.5,), (0.5,)), "--normalize"),
    "opset": (13, "--opset"),
    "precision": ("fp16", "--precision"),
    "simplify": (True, "--simplify"),
    "external_data": (True, "--external-data"),
    "verify": (False, "--no-verify"),
    "settings": (Settings(limits=Limits(timeout=3.0)), "tolerances, limits, --thorough and --plot"),
    "bench": (True, "--bench"),
    "bench_seconds": (3.0, "--bench and --seconds"),
}
HEEDED = {"shapes", "merge", "objective", "arch", "trust", "dry_run", "force"}
ELSEWHERE = {"source", "example_inputs", "output", "certificate", "details", "keep_model", "progress"}


def test_every_option_is_of_one_kind():
    assert set(inspect.signature(bnfold.fold).parameters) == REFUSED.keys() | HEEDED | ELSEWHERE


@pytest.mark.parametrize("suffix", [".pt2", ".safetensors"])
@pytest.mark.parametrize("option", REFUSED)
def test_what_only_onnx_has_a_use_for_is_refused(option, suffix, tmp_path):
    value, called = REFUSED[option]
    with pytest.raises(UsageError, match=f"no use for {called}.*or write .onnx"):
        bnfold.fold(net(), torch.rand(SHAPE), output=tmp_path / f"folded{suffix}", **{option: value})
    assert not list(tmp_path.iterdir())


def test_a_certificate_is_refused(tmp_path):
    with pytest.raises(UsageError, match="no use for --certificate"):
        bnfold.fold(net(), torch.rand(SHAPE), output=tmp_path / "folded.pt2", certificate=tmp_path / "proof")


def test_merging_is_heeded(tmp_path):
    for merge, layers in ((True, 1), (False, 2)):
        target = tmp_path / f"{layers}.pt2"
        bnfold.fold(Twins().eval(), torch.rand(SHAPE), output=target, merge=merge)
        calls = [str(node.target) for node in torch.export.load(target).graph.nodes]
        assert sum("conv" in call for call in calls) == layers


def test_the_objective_is_heeded(tmp_path):
    report = bnfold.fold(net(), torch.rand(SHAPE), output=tmp_path / "x.pt2", objective="eliminate").report
    assert report.objective == "eliminate"


def test_a_dry_run_writes_nothing_and_still_refuses(tmp_path):
    result = bnfold.fold(net(), torch.rand(SHAPE), output=tmp_path / "x.safetensors", dry_run=True)
    assert result.report.output is None
    arch = "tests.outgoing.test_weights:Twins"
    with pytest.raises(UsageError, match="--no-merge"):
        bnfold.fold(Twins(), torch.rand(SHAPE), output=tmp_path / "x.safetensors", arch=arch, dry_run=True)
    assert not list(tmp_path.iterdir())
