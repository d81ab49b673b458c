"""No network is slower than before: `python -m benchmarks.merge.zoo [NAME ...]` measures all networks of the zoo.

Every network is exported once (into `--folder`), folded, and timed at ONNX Runtime's full optimization level against
its export. Those whose interval reaches below the bound are measured again for longer. Every result is written as it
comes; `--missing` goes on where a run ended, `--suspects` repeats those that are not above the bound.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.merge.blocks import until_decided
from benchmarks.zoo.run import listed
from bnfold.errors import BnfoldError
from bnfold.latency.environment import environment
from bnfold.pipeline import fold

HERE = Path(__file__).parent
RESULTS, PAGE = HERE / "zoo.json", HERE / "ZOO.md"
BOUND = 0.98
EXPORT_SECONDS = 600
HEAD = """# Latency of every network of the zoo

`python -m benchmarks.merge.zoo` wrote this page: speed-up of bnfold's fold over the plain export, which is the smallest
input that the network takes, batch 2, random weights, ONNX Runtime's CPU provider at its full optimization level (where
it folds batch normalization behind convolutions itself). Paired median ratio with its 95 % interval; networks whose
interval reaches below {bound} were measured for longer. *A/A* is the export against a second session of itself.

{machine}. {summary}

| network | input | threads | plain, ms | speed-up | A/A | |
|---|---|---|---|---|---|---|
"""


def exported(name: str, folder: Path) -> tuple[Path, Sequence[int]]:
    """The file of a network and its input's shape; exported now, in a process of its own, if it is not there."""
    stem = name.replace(":", "-")
    path, notes = folder / f"{stem}.onnx", folder / f"{stem}.json"
    if not notes.exists():
        code = "import sys; from pathlib import Path; from benchmarks.zoo.export import exported; "
        code += "exported(sys.argv[1], Path(sys.argv[2]))"
        command = [sys.executable, "-c", code, name, str(folder)]
        subprocess.run(command, check=True, capture_output=True, timeout=EXPORT_SECONDS)
    return path, json.loads(notes.read_text())["input"]


def measured(name: str, options: argparse.Namespace) -> dict[str, Any]:
    """The record of one network."""
    try:
        path, shape = exported(name, options.folder)
        folded = path.with_suffix(".folded.onnx")
        report = fold(path, output=folded, force=True, verify=False, keep_model=False).report
        feeds = {"input": np.random.default_rng(0).standard_normal(shape).astype(np.float32)}
        found = {str(n): _timed(path, folded, feeds, n, options.seconds) for n in options.threads}
    except (BnfoldError, subprocess.SubprocessError) as error:
        return {"model": name, "failed": " ".join(str(error).split())[:300]}
    finally:
        options.folder.joinpath(f"{name.replace(':', '-')}.folded.onnx").unlink(missing_ok=True)
    return {"model": name, "input": shape, "merges": len(report.merging.merges), "threads": found}


def _timed(original: Path, folded: Path, feeds: dict[str, Any], threads: int, share: float) -> dict[str, Any]:
    speedup, control, seconds = until_decided(original, folded, feeds, threads, share, BOUND)
    verdict = "holds" if speedup.low >= BOUND else "slower" if speedup.high < BOUND else "open"
    return {"ms": 1e3 * seconds, "speedup": speedup.to_json(), "control": control.to_json(), "verdict": verdict}


def page(data: dict[str, Any]) -> str:
    """Markdown of all records, the slowest first."""
    done = [record for record in data["models"] if "threads" in record]
    timings = [timing for record in done for timing in record["threads"].values()]
    counts = {kind: sum(timing["verdict"] == kind for timing in timings) for kind in ("holds", "slower", "open")}
    summary = f"Of {len(timings)} measurements {counts['holds']} lie above {BOUND} with their whole interval, "
    summary += f"{counts['slower']} below, and {counts['open']} reach across it."
    machine = f"{data['environment']['cpu']}, {data['environment']['usable_cores']} cores"
    text = HEAD.format(bound=BOUND, machine=machine, summary=summary)
    for record in sorted(done, key=_slowest):
        shape = "x".join(map(str, record["input"][1:]))
        for threads, timing in record["threads"].items():
            ratios = [_ratio(timing[kind]) for kind in ("speedup", "control")]
            remark = "" if timing["verdict"] == "holds" else timing["verdict"]
            text += (
                f"| {record['model']} | {shape} | {threads} | {timing['ms']:.1f} | {' | '.join(ratios)} | {remark} |\n"
            )
    failed = [f"- {record['model']}: {record['failed']}\n" for record in data["models"] if "failed" in record]
    return text + ("\n## Not measured\n\n" + "".join(failed) if failed else "")


def _slowest(record: dict[str, Any]) -> float:
    return min(float(timing["speedup"]["value"]) for timing in record["threads"].values())


def _ratio(ratio: dict[str, float]) -> str:
    return "{value:.2f}x [{low:.2f}, {high:.2f}]".format(**ratio)


def _chosen(options: argparse.Namespace, records: dict[str, Any]) -> list[str]:
    names = options.names or listed()
    if options.suspects:
        return [name for name in names if name in records and _is_suspect(records[name])]
    return [name for name in names if not (options.missing and "threads" in records.get(name, {}))]


def _is_suspect(record: dict[str, Any]) -> bool:
    return any(timing["verdict"] != "holds" for timing in record.get("threads", {}).values())


def main() -> None:
    """Measure the networks named on the command line, or all of the zoo."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.merge.zoo", description=__doc__)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--folder", type=Path, default=Path("build/zoo"), help="where exported files are kept")
    parser.add_argument("--seconds", type=float, default=1.0, help="of the first round; later ones take longer")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--missing", action="store_true", help="only networks that have no record yet")
    parser.add_argument("--suspects", action="store_true", help="only networks whose record is not above the bound")
    options = parser.parse_args()
    records: dict[str, Any] = {}
    if RESULTS.exists():
        records = {record["model"]: record for record in json.loads(RESULTS.read_text())["models"]}
    for name in _chosen(options, records):
        found = measured(name, options)
        print(json.dumps(found), flush=True)
        if "threads" in found:  # what was measured with other numbers of threads stays
            found["threads"] = {**records.get(name, {}).get("threads", {}), **found["threads"]}
        records[name] = found
        data = {"environment": environment().to_json(), "models": [records[key] for key in sorted(records)]}
        RESULTS.write_text(json.dumps(data, indent=1) + "\n")
        PAGE.write_text(page(data))


if __name__ == "__main__":
    main()
