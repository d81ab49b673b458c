"""Run a function in a child process, because ONNX Runtime can segfault on a malformed graph.

The child is a fresh interpreter: it shares no state with the parent, and its death is an error message here.
"""

import pickle
import signal
import subprocess
import sys
import tempfile
from importlib import import_module
from pathlib import Path
from typing import Any

from bnfold.errors import BnfoldError


class ChildError(BnfoldError):
    """The child process crashed, hung, or raised an error of its own."""


def call(target: str, /, *, timeout: float = 600.0, **arguments: Any) -> Any:
    """Return `function(**arguments)` as computed in a child process.

    Args:
        target: "package.module:function".
        timeout: seconds after which the child is killed.
        arguments: picklable keyword arguments.

    Raises:
        BnfoldError: the function raised one; it is raised again here as the same class.
        ChildError: the child was killed by a signal, ran longer than `timeout`, or raised another error.
    """
    with tempfile.TemporaryDirectory(prefix="bnfold-") as folder:
        request, answer = Path(folder, "request"), Path(folder, "answer")
        request.write_bytes(pickle.dumps((target, arguments)))
        command = [sys.executable, "-m", "bnfold.isolation", str(request), str(answer)]
        try:
            child = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout)
        except subprocess.TimeoutExpired:
            raise ChildError(f"{target} did not finish within {timeout:g} s and was stopped.") from None
        if child.returncode < 0:
            name = signal.Signals(-child.returncode).name
            raise ChildError(f"{target} was ended by {name} (ONNX Runtime crashed on this model).")
        if not answer.exists():
            last = child.stderr.decode(errors="replace").strip().splitlines()[-1:]
            raise ChildError(f"{target} failed: {' '.join(last) or 'no message'}.")
        result, error, failure = pickle.loads(answer.read_bytes())
    if error is not None:
        raise error
    if failure is not None:
        raise ChildError(f"{target} failed: {failure}")
    return result


def _serve(request: str, answer: str) -> None:
    target, arguments = pickle.loads(Path(request).read_bytes())
    module, _, function = target.partition(":")
    result: Any = None
    known: BnfoldError | None = None
    failure: str | None = None
    try:
        result = getattr(import_module(module), function)(**arguments)
    except BnfoldError as error:
        known = error
    except Exception as error:
        failure = " ".join(str(error).split()) or type(error).__name__
    Path(answer).write_bytes(pickle.dumps((result, known, failure)))


if __name__ == "__main__":
    _serve(*sys.argv[1:])
