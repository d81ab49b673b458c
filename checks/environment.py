"""A virtual environment of its own, and what is run in it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]
OURS = frozenset({"PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV"})
"""What would let a new environment look into the one that runs this."""


class Environment:
    """An empty virtual environment.

    Attributes:
        bin: folder of its commands.
    """

    def __init__(self, folder: Path, python: str = sys.executable) -> None:
        """Make it in this folder, which is emptied first, for this interpreter.

        Raises:
            CalledProcessError: the interpreter cannot make an environment.
        """
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run([python, "-m", "venv", str(folder)], check=True)
        self.bin = folder.resolve() / "bin"

    def install(self, *arguments: str) -> None:
        """Run `pip install`.

        Raises:
            CalledProcessError: pip says why, on stderr.
        """
        done = self.run(["pip", "install", "--quiet", "--disable-pip-version-check", *arguments], ROOT, capture=False)
        done.check_returncode()

    def run(self, command: Sequence[str], cwd: Path, *, capture: bool = True) -> subprocess.CompletedProcess[str]:
        """Run one of its commands there, blind to the environment that runs this."""
        environment = {name: value for name, value in os.environ.items() if name not in OURS}
        environment["PATH"] = f"{self.bin}{os.pathsep}{os.environ['PATH']}"
        program, *arguments = command
        return subprocess.run(
            [str(self.bin / program), *arguments], cwd=cwd, env=environment, capture_output=capture, text=True
        )
