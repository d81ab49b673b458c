"""Fuzz the command: damaged .onnx and .pt files must end in a good file or in one sentence.

python -m tests.fuzz [--count 2000] [--commands 100] [--jobs 2] [--seed 0] [--keep FOLDER] [--record FILE]
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from itertools import islice
from pathlib import Path

from tests.fuzz.run import SHAPE, samples, warm
from tests.fuzz.trial import Trial, in_fork, in_process

STEP = 50
"""Files between two reports."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=2000, help="files given to forks that have all imports done")
    parser.add_argument("--commands", type=int, default=100, help="further files for the real command, proof and all")
    parser.add_argument("--jobs", type=int, default=2, help="files at a time")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, default=Path("build/fuzz"), help="where files at fault are kept")
    parser.add_argument("--record", type=Path, help="JSON that the counts are written to, as they come")
    arguments = parser.parse_args()
    warm()
    forks: Counter[int] = Counter()
    commands: Counter[int] = Counter()
    faults = 0
    damaged = enumerate(samples(arguments.seed, arguments.count + arguments.commands))
    started = time.monotonic()
    with ProcessPoolExecutor(arguments.jobs, multiprocessing.get_context("fork")) as pool:
        while some := list(islice(damaged, STEP)):
            real = [number >= arguments.count for number, _ in some]
            for (number, (name, data)), by_command, trial in zip(
                some, real, pool.map(_tried, (sample for _, sample in some), real), strict=True
            ):
                (commands if by_command else forks)[trial.code] += 1
                if trial.fault:
                    faults += 1
                    arguments.keep.mkdir(parents=True, exist_ok=True)
                    kept = arguments.keep / f"{arguments.seed}-{number}{Path(name).suffix}"
                    kept.write_bytes(data)
                    print(f"{kept}: {trial.fault}: {trial.err.strip()[-300:]}", flush=True)
            _tell(arguments, forks, commands, faults, time.monotonic() - started)
    sys.exit(1 if faults else 0)


def _tried(sample: tuple[str, bytes], by_command: bool) -> Trial:
    name, data = sample
    if by_command:
        return in_process(name, data, *SHAPE[name])
    return in_fork(name, data, "--no-verify", *SHAPE[name])


def _tell(
    arguments: argparse.Namespace, forks: Counter[int], commands: Counter[int], faults: int, seconds: float
) -> None:
    """Print the counts so far, and record them."""
    counts = {name: dict(sorted(found.items())) for name, found in (("forks", forks), ("commands", commands))}
    print(
        f"{forks.total()} files in forks and {commands.total()} commands in {seconds:.0f} s, exit codes {counts}, "
        f"{faults} faults",
        flush=True,
    )
    if arguments.record is not None:
        arguments.record.parent.mkdir(parents=True, exist_ok=True)
        record = {"seed": arguments.seed, "exit_codes": counts, "faults": faults}
        arguments.record.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
