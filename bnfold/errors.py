"""Every error a user can meet, and the exit code it ends the command with.

BnfoldError                  4  something inside bnfold went wrong
├── NotEquivalentError       1  the folded model does not compute the same
├── UsageError               2  an argument, output or input shape cannot be used
└── SourceError              3  a model is missing, unreadable or unsupported
    └── MissingExtraError    3  reading it, or an option, needs a package that is not installed

Each message is one sentence that says what is wrong and what to do.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar


class BnfoldError(Exception):
    """Base of all errors that bnfold raises on purpose."""

    exit_code: ClassVar[int] = 4


class NotEquivalentError(BnfoldError):
    """The candidate model does not compute what the reference computes."""

    exit_code = 1


class UsageError(BnfoldError):
    """The request cannot be carried out as asked."""

    exit_code = 2


class SourceError(BnfoldError):
    """A model file is missing, unreadable or of a kind that is not supported."""

    exit_code = 3


class MissingExtraError(SourceError):
    """An optional dependency is needed; the message names the `pip install` line."""

    def __init__(self, purpose: str, extra: str) -> None:
        super().__init__(f"{purpose} needs an optional package: run `pip install 'bnfold[{extra}]'`.")


def first_line(error: BaseException) -> str:
    """What another library or the user's own code said as it failed, to stand inside one of our sentences.

    Such code raises errors of every kind, often with many lines of help for whoever wrote it.
    """
    return next(iter(str(error).strip().splitlines()), type(error).__name__).rstrip(".: ")


@contextmanager
def needing_torch(purpose: str) -> Iterator[None]:
    """Imports in this block need PyTorch for this purpose; raises `MissingExtraError` where it is not installed."""
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name not in ("torch", "safetensors"):
            raise
        raise MissingExtraError(purpose, "torch") from None
