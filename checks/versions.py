"""The tests with the lowest versions that pyproject.toml allows, with the newest, and on newer Pythons.

    python -m checks.versions                             # all of it: an hour on two cores
    python -m checks.versions --only lowest tests/gauge   # one environment, some tests

`lowest` and `newest` keep torch at the version of constraints.txt, since another may bring several gigabytes of CUDA
packages. A newer Python, such as `python3.13`, gets no torch for the same reason: tests that need it are skipped there,
and pytest's summary names each.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tomllib
from shutil import which

from packaging.requirements import Requirement

from checks.environment import ROOT, Environment

PYTHONS = ("python3.12", "python3.13", "python3.14")
ENVIRONMENTS = ("lowest", "newest", *PYTHONS)
USERS = ("simplify", "images", "report", "plot")
"""Extras that need no torch."""
OF_TORCH = frozenset({"torch", "onnxscript", "safetensors", "onnxslim", "rapidocr-onnxruntime"})
"""Left out on newer Pythons: torch, and what only tests with torch use or has no wheels there."""

OLD = [
    "-W",
    "ignore::DeprecationWarning",
    "--deselect=tests/docs/test_pages.py::test_a_page_is_what_is_made[docs/cli.md]",
]
"""What old versions call that is deprecated by now, and how an old typer writes help, is no news about bnfold."""
PASSED = "passed"
FAILED = "failed"
NOT_INSTALLED = "could not be installed"
NO_PYTHON = "not checked, there is no such Python here"


def requirements(*groups: str) -> list[Requirement]:
    """What pyproject.toml asks for, always and in these extras."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    texts = [*project["dependencies"], *(text for group in groups for text in extras[group])]
    return [wanted for text in texts if (wanted := Requirement(text)).name != "bnfold"]


def lowest(wanted: Requirement) -> str:
    """The requirement, at the lowest version that it allows.

    Raises:
        ValueError: it has no `>=`, so that nobody can tell which version that is.
    """
    floors = [bound.version for bound in wanted.specifier if bound.operator == ">="]
    if len(floors) != 1:
        raise ValueError(f"`{wanted}` in pyproject.toml needs one lowest version, written with >=.")
    return f"{wanted.name}=={floors[0]}"


def pinned(name: str) -> str:
    """The line of constraints.txt for this package."""
    (line,) = (line for line in (ROOT / "constraints.txt").read_text().splitlines() if line.startswith(f"{name}=="))
    return line


def packages(environment: str) -> list[str]:
    """What is installed in this environment beside bnfold itself."""
    if environment == "lowest":
        tools = [str(wanted) for wanted in requirements("dev", "docs") if wanted not in requirements()]
        return [*(lowest(wanted) for wanted in requirements("torch", *USERS)), *tools]
    everything = requirements("torch", *USERS, "dev", "docs")
    if environment == "newest":
        return [pinned("torch") if wanted.name == "torch" else str(wanted) for wanted in everything]
    return [str(wanted) for wanted in everything if wanted.name not in OF_TORCH]


def outcome(environment: str, tests: list[str]) -> str:
    """Make the environment and run the tests in it: PASSED, FAILED, NOT_INSTALLED or NO_PYTHON."""
    python = which(environment) if environment in PYTHONS else sys.executable
    # Where pyenv looks after Pythons, there is a command for each, also for those that are not switched on.
    if python is None or subprocess.run([python, "-c", ""], capture_output=True).returncode != 0:
        return NO_PYTHON
    print(f"{environment}: {' '.join(packages(environment))}", flush=True)
    try:
        made = Environment(ROOT / "build" / "versions" / environment, python)
        made.install(*packages(environment))
        made.install("--no-deps", "-e", ".")
    except subprocess.CalledProcessError:
        return NOT_INSTALLED
    options = OLD if environment == "lowest" else []
    done = made.run(["pytest", "-n", "2", "-rs", *options, *tests], ROOT, capture=False)
    return PASSED if done.returncode == 0 else FAILED


def main() -> int:
    """Check the environments that are named, or all; 1 if one fails, or is named and cannot be checked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", action="append", choices=ENVIRONMENTS, help="this environment; default: all")
    parser.add_argument("tests", nargs="*", help="what pytest is given; default: all tests")
    options = parser.parse_args()
    outcomes = {environment: outcome(environment, options.tests) for environment in options.only or ENVIRONMENTS}
    for environment, told in outcomes.items():
        print(f"{environment}: {told}")
    good = {PASSED} if options.only else {PASSED, NO_PYTHON}
    return 0 if set(outcomes.values()) <= good else 1


if __name__ == "__main__":
    sys.exit(main())
