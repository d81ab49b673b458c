"""What a fold leaves of a network, in numbers that no machine changes."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import onnx_ir as ir
import torch

import bnfold
from bnfold import zoo
from bnfold.sources import opened
from bnfold.sources.module import write_module

ROOT = Path(__file__).parents[2]
Write = Callable[[Path], None]


def _trained(name: str) -> Write:
    """A network that lies in models/, trained on scikit-learn's digits."""

    def write(path: Path) -> None:
        with opened(ROOT / "models" / f"{name}.pt", None) as source:
            shutil.copy(source.path, path)

    return write


def _random(name: str, side: int) -> Write:
    """A network of bnfold's zoo with seeded weights and statistics."""

    def write(path: Path) -> None:
        torch.manual_seed(0)
        module = getattr(zoo, name)().eval()
        for part in module.modules():
            if isinstance(part, torch.nn.BatchNorm2d):
                part.weight.data.uniform_(0.5, 1.5)
                part.bias.data.normal_(0, 0.2)
                part.running_mean.normal_(0, 0.2)
                part.running_var.uniform_(0.5, 2)
        write_module(module, path, {"input": (1, 3, side, side)})

    return write


def _shipped(file: str) -> Write:
    """One of rapidocr-onnxruntime's trained networks."""

    def write(path: Path) -> None:
        spec = find_spec("rapidocr_onnxruntime")
        assert spec is not None
        assert spec.origin is not None
        path.write_bytes((Path(spec.origin).parent / "models" / file).read_bytes())

    return write


MODELS: dict[str, Write] = {
    "resnet20_digits": _trained("resnet20_digits"),
    "resnet20v2_digits": _trained("resnet20v2_digits"),
    "resnet18": _random("resnet18", 64),
    "resnet50v2": _random("resnet50v2", 64),
    "ocr_detection": _shipped("ch_PP-OCRv4_det_infer.onnx"),
    "ocr_recognition": _shipped("ch_PP-OCRv4_rec_infer.onnx"),
    "ocr_direction": _shipped("ch_ppocr_mobile_v2.0_cls_infer.onnx"),
}


def counts(write: Write, path: Path) -> dict[str, Any]:
    """Fold one network and count."""
    write(path)
    folded = path.with_suffix(".folded.onnx")
    report = bnfold.fold(path, output=folded, force=True).report
    proof = report.proof
    assert proof is not None
    return {
        "affine operators before": report.affine.before + report.scalar.before,
        "affine operators left": report.affine.after + report.scalar.after,
        "nodes left": sum(node.op_type != "Constant" for node in ir.load(folded).graph),
        "multiply-adds left": report.price.multiply_adds_after,
        "largest ulp of a rewritten weight": round(proof.measured.to_json()["max_ulp"], 3),
        "verdict": report.verification.verdict,
        "proved for every input": proof.proved,
    }
