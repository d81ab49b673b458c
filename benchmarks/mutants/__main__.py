"""Change the rules and the metrics in small ways, one at a time, and count the changes that no test notices.

    make mutants

mutmut writes the mutants, finds the tests that reach each, and runs them; its settings are in pyproject.toml. A sample
of the mutants is run: all would take a day. `--again` runs those once more that survived the last time, after tests
were added, and `--page` writes the page anew from what is recorded.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.mutants.equivalent import why
from benchmarks.mutants.mutants import FOLDER, Mutant, mutants
from benchmarks.mutants.page import page

HERE = Path(__file__).parent
RESULTS = HERE / "results.json"
FAMILIES = {"metrics": ("bnfold/verification/",), "rules": ("bnfold/gauge/rules/", "bnfold/affine_operators.py")}
FIRST = "bnfold.verification.tolerance.xǁToleranceǁrelative__mutmut_1"
"""mutmut writes all mutants whenever it runs one."""


def sample(found: list[Mutant], sizes: dict[str, int], seed: int) -> list[Mutant]:
    """Of each family so many, or all; mutants that change nothing but a sentence's words are left out."""
    generator = random.Random(seed)
    chosen: list[Mutant] = []
    for family, paths in FAMILIES.items():
        those = [each for each in found if each.path.startswith(paths) and not each.wording]
        chosen += generator.sample(those, min(sizes[family], len(those)))
    return chosen


def run(names: list[str], jobs: int) -> None:
    """Let mutmut run these mutants."""
    mutmut = Path(sys.executable).with_name("mutmut")
    subprocess.run([mutmut, "run", "--max-children", str(jobs), *names], check=True)


def record(seed: int, names: set[str]) -> dict[str, Any]:
    """What became of the mutants of these names, and how many there are."""
    found = mutants()
    files: dict[str, dict[str, int]] = {}
    for each in found:
        counts = files.setdefault(each.path, {"mutants": 0, "wording": 0})
        counts["mutants"] += 1
        counts["wording"] += each.wording
    ran = [asdict(each) for each in found if each.name in names]
    git = ["git", "rev-parse", "--short", "HEAD"]
    revision = subprocess.run(git, check=True, capture_output=True, text=True).stdout.strip()
    return {"mutmut": version("mutmut"), "revision": revision, "seed": seed, "files": files, "ran": ran}


def main() -> None:
    """Run a sample and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rules", type=int, default=120, help="how many mutants of the rules and what they stand on")
    parser.add_argument("--metrics", type=int, default=120, help="how many of the metrics and tolerances")
    parser.add_argument("--seed", type=int, default=0, help="of the sample")
    parser.add_argument("--jobs", type=int, default=1, help="how many at a time")
    parser.add_argument("--again", action="store_true", help="run only those that survived and are not equivalent")
    parser.add_argument("--page", action="store_true", help="run nothing")
    options = parser.parse_args()
    if not options.page:
        if not FOLDER.exists():
            run([FIRST], options.jobs)
        chosen = sample(mutants(), {"rules": options.rules, "metrics": options.metrics}, options.seed)
        todo = [each for each in chosen if not options.again or (each.status != "killed" and why(each) is None)]
        if todo:
            run([each.name for each in todo], options.jobs)
        results = record(options.seed, {each.name for each in chosen})
        RESULTS.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    written = page(json.loads(RESULTS.read_text(encoding="utf-8")))
    (HERE / "RESULTS.md").write_text(written, encoding="utf-8")
    print(written)


if __name__ == "__main__":
    main()
