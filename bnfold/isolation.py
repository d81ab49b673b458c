"""Run a function in a child process, because ONNX Runtime can segfault on a malformed graph, hang, or take all memory.

The child is a fresh interpreter: it shares no state with the parent, and its death is an error message here.
"""

import os
import pickle
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from bnfold.errors import BnfoldError

SHARE_OF_MEMORY = 0.9


class ChildError(BnfoldError):
    """The child process crashed, hung, ran out of memory, or raised an error of its own.

    Attributes:
        what: what it did, as the predicate of a sentence without its full stop.
    """

    def __init__(self, subject: str, what: str) -> None:
        super().__init__(f"{subject} {what}.")
        self.what = what


@dataclass(frozen=True)
class Limits:
    """What a child process may use.

    Attributes:
        timeout: seconds.
        memory: bytes of data; None is 90 % of the machine's memory. Enforced on Linux, where allocations beyond it
            fail in the child.
    """

    timeout: float = 600.0
    memory: int | None = None


def call(target: str, /, *, limits: Limits | None = None, **arguments: Any) -> Any:
    """Return `function(**arguments)` as computed in a child process.

    Args:
        target: "package.module:function".
        limits: time and memory that the child may use.
        arguments: picklable keyword arguments.

    Raises:
        BnfoldError: the function raised one; it is raised again here as the same class.
        ChildError: the child was killed by a signal, ran too long, ran out of memory, or raised another error.
    """
    limits = limits or Limits()
    memory = limits.memory or _default_memory()
    with tempfile.TemporaryDirectory(prefix="bnfold-") as folder:
        request, answer = Path(folder, "request"), Path(folder, "answer")
        request.write_bytes(pickle.dumps((target, arguments, memory)))
        command = [sys.executable, "-m", "bnfold.isolation", str(request), str(answer)]
        try:
            child = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=limits.timeout)
        except subprocess.TimeoutExpired:
            raise ChildError(target, f"did not finish within {limits.timeout:g} s and was stopped") from None
        if child.returncode < 0:
            raise ChildError(target, _ended_by(signal.Signals(-child.returncode)))
        if not answer.exists():
            last = child.stderr.decode(errors="replace").strip().splitlines()[-1:]
            raise ChildError(target, f"failed: {' '.join(last).rstrip('.') or 'no message'}")
        result, error, failure = pickle.loads(answer.read_bytes())
    if isinstance(error, MemoryError):
        raise ChildError(target, f"needs more than the {(memory or 0) / 2**20:,.0f} MiB of memory that it may use")
    if error is not None:
        raise error
    if failure is not None:
        raise ChildError(target, f"failed: {failure.rstrip('.')}")
    return result


def _ended_by(ended: signal.Signals) -> str:
    if ended == signal.SIGKILL:
        return "was killed (SIGKILL), most likely because the machine ran out of memory"
    return f"crashed and was ended by {ended.name}"


def _default_memory() -> int | None:
    if not hasattr(os, "sysconf"):
        return None
    return int(SHARE_OF_MEMORY * os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))


def _limit_memory(size: int | None) -> None:
    """Let allocations of this process fail beyond `size` bytes.

    RLIMIT_DATA counts what is allocated, RLIMIT_AS would count every address that a library reserves as well.
    """
    if size is not None and sys.platform == "linux":
        import resource

        resource.setrlimit(resource.RLIMIT_DATA, (size, size))


def _serve(request: str, answer: str) -> None:
    target, arguments, memory = pickle.loads(Path(request).read_bytes())
    module, _, function = target.partition(":")
    result: Any = None
    known: Exception | None = None
    failure: str | None = None
    try:
        run = getattr(import_module(module), function)
        _limit_memory(memory)
        result = run(**arguments)
    except (BnfoldError, MemoryError) as error:
        known = error
    except Exception as error:
        failure = " ".join(str(error).split()) or type(error).__name__
    Path(answer).write_bytes(pickle.dumps((result, known, failure)))


if __name__ == "__main__":
    _serve(*sys.argv[1:])
