"""How much memory a session takes."""

from __future__ import annotations

import gc
import sys
from pathlib import Path

from bnfold.latency.providers import PROVIDERS
from bnfold.latency.sessions import Feeds, Level, open_session, session_options

RUNS = 3
PEAK, NOW = "VmHWM:", "VmRSS:"


def peak_bytes(path: Path, feeds: Feeds, level: Level, threads: int, provider: str) -> int | None:
    """Bytes of host memory that creating a session and running it takes at its peak; call it in a process of its own.

    The growth of resident memory beyond what the interpreter with ONNX Runtime held before. None where the system does
    not tell (Linux does).

    Raises:
        SourceError: ONNX Runtime cannot load the file.
    """
    import onnxruntime

    del onnxruntime
    if sys.platform != "linux":
        return None
    gc.collect()
    before = _resident(NOW)
    session = open_session(path, session_options(level, threads), PROVIDERS[provider])
    for _ in range(RUNS):
        session.run(None, dict(feeds))
    return max(0, _resident(PEAK) - before)


def _resident(which: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(which):
            return int(line.split()[1]) * 1024
    raise OSError(f"/proc/self/status has no {which}")
