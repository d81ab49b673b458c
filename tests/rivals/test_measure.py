"""A process is measured, and ended at its limits with the reason."""

import os
import sys

import pytest

from benchmarks.rivals.tools import named
from benchmarks.tool.measure import FailedRunError, Limits, run

SPIN = "while True: pass"
FILL = "held = []\nwhile True: held.append(bytearray(10**7))"
WAIT = "import time; time.sleep(60)"


def test_processor_seconds_and_memory() -> None:
    took = run(
        [sys.executable, "-c", "held = bytearray(10**8); held[::4096] = bytes(len(held[::4096])); sum(range(10**7))"]
    )
    assert took.anonymous > 1e8
    assert took.processor > 0.1
    assert took.wall >= took.processor / (os.cpu_count() or 1)


@pytest.mark.parametrize(
    ("script", "limits", "kind", "what"),
    [
        (SPIN, Limits(processor=0.5), "timeout", "not finished after 0.5 processor seconds"),
        (WAIT, Limits(processor=50, wall=0.5), "timeout", "not finished after 0.5 s"),
        (FILL, Limits(anonymous=2e8), "memory", "needs more than 0.2 GB of memory"),
        ("import os; os.abort()", Limits(), "crash", "ended by SIGABRT"),
        ("raise ValueError('no such thing')", Limits(), "refused", "ValueError: no such thing"),
    ],
)
def test_bad_ends(script: str, limits: Limits, kind: str, what: str) -> None:
    with pytest.raises(FailedRunError) as caught:
        run([sys.executable, "-c", script], limits)
    assert caught.value.kind == kind
    assert what in str(caught.value)


def test_much_on_standard_error_does_not_block() -> None:
    run([sys.executable, "-c", "import sys; sys.stderr.write('x' * 10**6)"], Limits(wall=60))


def test_the_exception_is_named() -> None:
    told = "Traceback (most recent call last):\n  File\nonnx.checker.ValidationError: no type\n\n==> Context: Bad node"
    assert named(told) == "onnx.checker.ValidationError: no type"
    assert named("warning\nlast words\n") == "last words"
    assert named("") == "no message"
