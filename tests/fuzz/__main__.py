"""Fuzz the command: damaged .onnx and .pt files must end in a good file or in one sentence.

python -m tests.fuzz [--count 2000] [--commands 100] [--seed 0] [--keep FOLDER]
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from pathlib import Path

from tests.fuzz.run import SHAPE, samples, warm
from tests.fuzz.trial import in_fork, in_process


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=2000, help="files given to forks that have all imports done")
    parser.add_argument("--commands", type=int, default=100, help="further files for the real command, proof and all")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, default=Path("build/fuzz"), help="where files at fault are kept")
    arguments = parser.parse_args()
    warm()
    codes: Counter[int] = Counter()
    faults = 0
    for number, (name, data) in enumerate(samples(arguments.seed, arguments.count + arguments.commands)):
        real = number >= arguments.count
        trial = in_process(name, data, *SHAPE[name]) if real else in_fork(name, data, "--no-verify", *SHAPE[name])
        codes[trial.code] += 1
        if trial.fault:
            faults += 1
            arguments.keep.mkdir(parents=True, exist_ok=True)
            kept = arguments.keep / f"{arguments.seed}-{number}{Path(name).suffix}"
            kept.write_bytes(data)
            print(f"{kept}: {trial.fault}: {trial.err.strip()[-300:]}", flush=True)
        if sys.stderr.isatty() and number % 50 == 0:
            print(f"{number}: {dict(codes)}", file=sys.stderr)
    print(f"{sum(codes.values())} files, exit codes {dict(sorted(codes.items()))}, {faults} faults")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
