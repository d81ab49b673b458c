"""The child process: results, its own errors, crashes and hangs."""

import os
import signal
import time

import numpy as np
import pytest

from bnfold.errors import UsageError
from bnfold.isolation import ChildError, Limits, call

HERE = "tests.test_isolation"


def double(x: np.ndarray) -> np.ndarray:
    return 2 * x


def crash() -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def sleep() -> None:
    time.sleep(60)


def allocate() -> None:
    blocks = [bytearray(64 << 20) for _ in range(64)]
    raise AssertionError(len(blocks))


def complain() -> None:
    raise UsageError("This cannot be used.")


def fail() -> None:
    raise ValueError("two\nlines")


def test_result() -> None:
    assert (call(f"{HERE}:double", x=np.arange(3)) == [0, 2, 4]).all()


def test_own_errors_keep_their_class() -> None:
    with pytest.raises(UsageError, match="This cannot be used"):
        call(f"{HERE}:complain")


def test_other_errors_become_one_line() -> None:
    with pytest.raises(ChildError, match="two lines"):
        call(f"{HERE}:fail")


def test_a_crash_is_an_error() -> None:
    with pytest.raises(ChildError, match="SIGSEGV"):
        call(f"{HERE}:crash")


def test_a_hang_is_an_error() -> None:
    with pytest.raises(ChildError, match="did not finish within 2 s"):
        call(f"{HERE}:sleep", limits=Limits(timeout=2))


def test_too_much_memory_is_an_error() -> None:
    with pytest.raises(ChildError, match="needs more than the 500 MiB of memory"):
        call(f"{HERE}:allocate", limits=Limits(memory=500 << 20))


def test_enough_memory_is_none() -> None:
    assert (call(f"{HERE}:double", limits=Limits(memory=500 << 20), x=np.arange(3)) == [0, 2, 4]).all()
