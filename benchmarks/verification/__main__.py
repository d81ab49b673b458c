"""Verdicts of bnfold and of other tools' checks on right and wrong models, and the time of a verification.

python -m benchmarks.verification [--rounds 3]    # --rounds 0 leaves the time as it was recorded
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from benchmarks.tool.measure import run
from benchmarks.tool.models import resnet50
from benchmarks.verification.checks import CHECKS, rules, silenced
from benchmarks.verification.page import page
from benchmarks.verification.pairs import pairs
from bnfold.latency.environment import environment

ROOT = Path(__file__).parents[2]
RESULTS, PAGE = Path(__file__).parent / "results.json", ROOT / "docs" / "verification-compared.md"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    recorded = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    found = []
    for pair in pairs():
        accepted = {name: silenced(check, pair.original, pair.candidate) for name, check in CHECKS.items()}
        found.append({"group": pair.group, "name": pair.name, "right": pair.right, "accepted": accepted})
        print(pair.name, accepted, flush=True)
    data = {
        "environment": environment().to_json() if rounds else recorded.get("environment"),
        "rules": rules(),
        "pairs": found,
        "resnet50": _times(rounds) if rounds else recorded.get("resnet50"),
    }
    RESULTS.write_text(json.dumps(data, indent=1) + "\n")
    PAGE.write_text(page(data))


def _times(rounds: int) -> dict[str, list[dict[str, float]]]:
    """Runs of the commands, and of the fold alone, which is to be taken off the second."""
    build = ROOT / "build"
    model, folded = resnet50(build), build / "verification.onnx"
    fold = ["fold", str(model), "-o", str(folded), "--force", "--no-bench"]
    commands = {
        "fold --no-verify": [*fold, "--no-verify"],
        "fold": fold,
        "verify": ["verify", str(model), str(folded)],
    }
    found: dict[str, list[dict[str, float]]] = {name: [] for name in commands}
    for _ in range(rounds):
        for name, arguments in commands.items():
            seen = run([sys.executable, str(ROOT / "cli.py"), *arguments])
            found[name].append({"wall": seen.wall, "processor": seen.processor})
            print(name, seen, flush=True)
    return found


if __name__ == "__main__":
    main()
