"""Fuzz the command: damaged .onnx and .pt files must end in a good file or in one sentence.

python -m tests.fuzz [--count 2000] [--commands 100] [--seed 0] [--keep FOLDER] [--record FILE]
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from pathlib import Path

from tests.fuzz.run import SHAPE, samples, warm
from tests.fuzz.trial import in_fork, in_process

STEP = 50
"""Files between two reports."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=2000, help="files given to forks that have all imports done")
    parser.add_argument("--commands", type=int, default=100, help="further files for the real command, proof and all")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, default=Path("build/fuzz"), help="where files at fault are kept")
    parser.add_argument("--record", type=Path, help="JSON that the counts are written to, as they come")
    arguments = parser.parse_args()
    warm()
    forks: Counter[int] = Counter()
    commands: Counter[int] = Counter()
    faults = 0
    for number, (name, data) in enumerate(samples(arguments.seed, arguments.count + arguments.commands)):
        real = number >= arguments.count
        trial = in_process(name, data, *SHAPE[name]) if real else in_fork(name, data, "--no-verify", *SHAPE[name])
        (commands if real else forks)[trial.code] += 1
        if trial.fault:
            faults += 1
            arguments.keep.mkdir(parents=True, exist_ok=True)
            kept = arguments.keep / f"{arguments.seed}-{number}{Path(name).suffix}"
            kept.write_bytes(data)
            print(f"{kept}: {trial.fault}: {trial.err.strip()[-300:]}", flush=True)
        if (number + 1) % STEP == 0:
            _tell(arguments, forks, commands, faults)
    _tell(arguments, forks, commands, faults)
    sys.exit(1 if faults else 0)


def _tell(arguments: argparse.Namespace, forks: Counter[int], commands: Counter[int], faults: int) -> None:
    """Print the counts so far, and record them."""
    counts = {name: dict(sorted(found.items())) for name, found in (("forks", forks), ("commands", commands))}
    print(
        f"{forks.total()} files in forks and {commands.total()} commands, exit codes {counts}, {faults} faults",
        flush=True,
    )
    if arguments.record is not None:
        arguments.record.parent.mkdir(parents=True, exist_ok=True)
        record = {"seed": arguments.seed, "exit_codes": counts, "faults": faults}
        arguments.record.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
