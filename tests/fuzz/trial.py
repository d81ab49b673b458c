"""One damaged file, given to the command: in a fork with all imports done, or as a process of its own."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parents[2]
CODES = frozenset({0, 1, 2, 3})
"""2 is for what needs an option: an input whose shape nothing tells, or that is no tensor of numbers."""

SECONDS = 120
"""Of processor time; of the clock six times as much, for other programs may have the processors."""

PATIENCE = 6
MEGABYTES = 1500
"""Of address space beyond what the imports have."""


@dataclass(frozen=True)
class Trial:
    """What the command did: its exit code or the negative signal, both streams, and what is left in its folder."""

    code: int
    out: str
    err: str
    left: tuple[str, ...]

    @property
    def fault(self) -> str:
        """What is wrong with that; empty if nothing is."""
        if self.code not in CODES:
            return f"exit code {self.code}"
        if "Traceback" in self.out + self.err:
            return "traceback"
        if self.code and not self.err.startswith("bnfold: "):
            return "no sentence"
        wanted = {"out.onnx"} if self.code == 0 else set()
        return "" if set(self.left) - {"in.onnx", "in.pt"} == wanted else f"left {self.left}"


def in_fork(name: str, data: bytes, *options: str) -> Trial:
    """Fold it in a child that shares all imports, within limits of time and memory."""
    with TemporaryDirectory(prefix="fuzz-") as folder:
        Path(folder, name).write_bytes(data)
        child = os.fork()
        if child == 0:
            _run(folder, ["fold", name, "-o", "out.onnx", "--no-bench", *options])
        deadline = time.monotonic() + PATIENCE * SECONDS
        status = 0
        while time.monotonic() < deadline:
            done, status = os.waitpid(child, os.WNOHANG)
            if done:
                break
            time.sleep(0.002)
        else:
            os.kill(child, signal.SIGKILL)
            _, status = os.waitpid(child, 0)
        return _seen(folder, os.waitstatus_to_exitcode(status), *(Path(folder, s).read_text() for s in ("1", "2")))


def in_process(name: str, data: bytes, *options: str) -> Trial:
    """Fold it by the real command."""
    with TemporaryDirectory(prefix="fuzz-") as folder:
        Path(folder, name).write_bytes(data)
        command = [sys.executable, str(ROOT / "cli.py"), "fold", name, "-o", "out.onnx", "--no-bench", *options]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=PATIENCE * SECONDS)
        return _seen(folder, done.returncode, done.stdout, done.stderr)


def _seen(folder: str, code: int, out: str, err: str) -> Trial:
    left = tuple(sorted(path.name for path in Path(folder).iterdir() if path.name not in ("1", "2")))
    return Trial(code, out, err, left)


def _run(folder: str, arguments: list[str]) -> None:
    """The command in this process, which ends with it."""
    code = 99
    try:
        os.chdir(folder)
        for stream in (1, 2):
            os.dup2(os.open(str(stream), os.O_CREAT | os.O_WRONLY | os.O_TRUNC), stream)
        sys.stdout, sys.stderr = os.fdopen(1, "w"), os.fdopen(2, "w")
        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
        resource.setrlimit(resource.RLIMIT_AS, (used + (MEGABYTES << 20),) * 2)
        sys.argv = ["bnfold", *arguments]
        from bnfold.cli import main

        main()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
