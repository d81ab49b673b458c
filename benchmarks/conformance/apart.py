"""Call a function in a forked child: a malformed model can end the process that reads or runs it, or hang it."""

from __future__ import annotations

import multiprocessing
import resource
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any

FORK = multiprocessing.get_context("fork")
SECONDS = 60.0


def apart(function: Callable[..., Any], *arguments: Any, seconds: float = SECONDS, memory: int | None = None) -> Any:
    """The result, or None if the child ended or raised an error, or had none after so many seconds.

    Args:
        function: what to call with `arguments`; the child has all that this process imported.
        seconds: on the clock.
        memory: bytes of data beyond which allocations fail in the child.
    """
    receiver, sender = FORK.Pipe(duplex=False)
    child = FORK.Process(target=_send, args=(sender, function, arguments, memory))
    child.start()
    sender.close()
    result = None
    with suppress(EOFError):
        if receiver.poll(seconds):
            result = receiver.recv()
    child.kill()
    child.join()
    return result


def _send(sender: Connection, function: Callable[..., Any], arguments: Any, memory: int | None) -> None:
    if memory is not None:
        resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))
    sender.send(function(*arguments))
