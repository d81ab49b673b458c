"""The ONNX file of one network, kept between runs because torch's exporter takes longer than everything after it."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import torch

from benchmarks.zoo.models import build, count_normalizations, input_shape
from benchmarks.zoo.randomize import randomize
from bnfold.errors import SourceError
from bnfold.sources.module import write_module


def exported(name: str, folder: Path) -> tuple[Path, dict[str, Any]]:
    """The file of a network and what was noted about it; exported now if it is not there."""
    stem = name.replace(":", "-")
    path, notes = folder / f"{stem}.onnx", folder / f"{stem}.json"
    if not notes.exists():
        folder.mkdir(parents=True, exist_ok=True)
        started = time.perf_counter()
        torch.manual_seed(0)
        module = build(name)
        randomize(module)
        shape = input_shape(name, module)
        unfinished = folder / f"{stem}.part.onnx"
        exporter = _write(module, unfinished, shape)
        os.replace(unfinished, path)
        facts = {
            "input": list(shape),
            "exporter": exporter,
            "batch_norms": count_normalizations(module),
            "parameters": sum(parameter.numel() for parameter in module.parameters()),
            "export_s": round(time.perf_counter() - started, 1),
        }
        notes.write_text(json.dumps(facts))
    return path, json.loads(notes.read_text())


def _write(module: torch.nn.Module, path: Path, shape: tuple[int, ...]) -> str:
    """Write a module as it is; what torch.export cannot decompose is traced instead. Returns which exporter it was."""
    try:
        write_module(module, path, {"input": shape})
    except SourceError:
        example = torch.zeros(shape)
        torch.onnx.export(
            module,
            (example,),
            path,
            dynamo=False,
            do_constant_folding=False,
            training=torch.onnx.TrainingMode.PRESERVE,  # as it stands in eval mode: with EVAL it would fold itself
            input_names=["input"],
            output_names=["output"],
            dynamic_axes={"input": {0: "batch"}, "output": {0: "batch"}},
        )
        return "torch.onnx.export(dynamo=False)"
    return "bnfold"
