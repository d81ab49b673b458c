"""One sentence on stderr and the right exit code instead of a traceback."""

from __future__ import annotations

import errno
import functools
import sys
from collections.abc import Callable
from typing import Any

import typer

from bnfold.errors import BnfoldError, UsageError

INTERNAL, INTERRUPTED = 4, 130
NO_ROOM = frozenset({errno.ENOSPC, errno.EFBIG, errno.EDQUOT})

debug = False
"""Whether errors show their traceback; set by `--debug`."""


def guarded(command: Callable[..., Any]) -> Callable[..., Any]:
    """The command, with its exceptions turned into messages and exit codes."""

    @functools.wraps(command)
    def run(*arguments: Any, **options: Any) -> Any:
        try:
            return command(*arguments, **options)
        except (typer.Exit, typer.Abort):
            raise
        except KeyboardInterrupt as interrupt:
            _say(f"interrupted; {interrupt.args[0] if interrupt.args else 'nothing was written'}.")
            raise typer.Exit(INTERRUPTED) from None
        except BnfoldError as error:
            if debug:
                raise
            _say(str(error))
            raise typer.Exit(error.exit_code) from None
        except Exception as error:
            if debug:
                raise
            if isinstance(error, OSError) and error.errno in NO_ROOM:
                _say(f"there is no room to work in ({error.strerror}); free some, or let TMPDIR name a larger folder.")
                raise typer.Exit(UsageError.exit_code) from None
            sentence = " ".join(str(error).split()) or "no message"
            _say(f"internal error ({type(error).__name__}): {sentence}. Run `bnfold --debug ...` for the details.")
            raise typer.Exit(INTERNAL) from None

    return run


def _say(sentence: str) -> None:
    print(f"bnfold: {sentence}", file=sys.stderr)
