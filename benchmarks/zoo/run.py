"""Run the lane: `python -m benchmarks.zoo.run [NAME ...]` measures networks in child processes, one JSON line each.

A network may hang its exporter or take all memory, so each has a process and a time limit of its own. Lines of networks
measured again are replaced.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
RESULTS = HERE / "results.jsonl"
MODELS = HERE / "models.txt"
ESCAPES = re.compile(r"\x1b\[[0-9;]*m")


def listed() -> list[str]:
    """The networks of the list."""
    lines = MODELS.read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def measured(name: str, folder: Path, seconds: int) -> dict[str, Any]:
    """The record of one network, made in a child process."""
    command = [sys.executable, "-m", "benchmarks.zoo.measure", name, "--folder", str(folder)]
    started = time.perf_counter()
    try:
        child = subprocess.run(command, capture_output=True, text=True, timeout=seconds, stdin=subprocess.DEVNULL)
    except subprocess.TimeoutExpired:
        return {"model": name, "status": "timeout", "why": f"not finished within {seconds} s"}
    taken = round(time.perf_counter() - started, 1)
    lines = child.stdout.strip().splitlines()
    if child.returncode == 0 and lines:
        return {**json.loads(lines[-1]), "total_s": taken}
    last = child.stderr.strip().splitlines()[-1:] or [f"exit code {child.returncode}"]
    status = "export" if "SourceError" in last[0] or "UsageError" in last[0] else "failed"
    return {"model": name, "status": status, "why": ESCAPES.sub("", last[0])[:400], "total_s": taken}


def main() -> None:
    """Measure the networks named on the command line, or all of the list."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--folder", type=Path, default=Path("build/zoo"), help="where exported files are kept")
    parser.add_argument("--seconds", type=int, default=400, help="time limit of one network")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--missing", action="store_true", help="only networks that have no line yet")
    options = parser.parse_args()
    records = {}
    if RESULTS.exists():
        records = {record["model"]: record for record in map(json.loads, RESULTS.read_text().splitlines())}
    names = [name for name in options.names or listed() if not (options.missing and name in records)]
    with ThreadPoolExecutor(options.jobs) as pool:
        jobs = [pool.submit(measured, name, options.folder, options.seconds) for name in names]
        for job in as_completed(jobs):
            record = job.result()
            records[record["model"]] = record
            RESULTS.write_text("".join(json.dumps(records[name]) + "\n" for name in sorted(records)))
            print(_line(record), flush=True)


def _line(record: dict[str, Any]) -> str:
    if record["status"] != "done":
        return f"{record['model']}: {record['status']}: {record['why']}"
    before, after = record["affine"]
    float64 = record["float64"].get("relative", record["float64"].get("skipped"))
    runtime = record["onnxruntime"].get("relative", record["onnxruntime"].get("failed"))
    return (
        f"{record['model']}: {before} -> {after}, scalars {record['scalar']}, float64 {float64}, "
        f"onnxruntime {runtime}, solve {record['solve_s']} s, total {record['total_s']} s"
    )


if __name__ == "__main__":
    main()
