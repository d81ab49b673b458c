"""Run `bnfold --help` in turn with an empty typer app: `python -m benchmarks.startup`."""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys

ROUNDS = 15
EMPTY = "import typer; app = typer.Typer(); app.command()(lambda: None); app()"
BNFOLD = "from bnfold.cli import main; main()"


def main() -> None:
    """Print CPU seconds of both, and the median of the paired ratios."""
    found = measured()
    print(f"empty typer app {found['empty']:.3f} s, bnfold --help {found['bnfold']:.3f} s, ratio {found['ratio']:.2f}")


def measured(rounds: int = ROUNDS) -> dict[str, float]:
    """Median CPU seconds of both, and the median of the paired ratios."""
    pairs = [(_seconds(EMPTY), _seconds(BNFOLD)) for _ in range(rounds)]
    empty, ours = (statistics.median(column) for column in zip(*pairs, strict=True))
    return {"empty": empty, "bnfold": ours, "ratio": statistics.median(b / a for a, b in pairs)}


def _seconds(code: str) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", code, "--help"], check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    main()
