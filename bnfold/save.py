"""Writing a model so that its path holds either the whole file or what was there before."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from shutil import rmtree
from tempfile import TemporaryDirectory

import onnx_ir as ir

from bnfold.errors import UsageError
from bnfold.rewrite import OutOfRangeError
from bnfold.side_files import data_of
from bnfold.wire import write_model

SINGLE_FILE_LIMIT = 1_900_000_000
"""Bytes of weights above which they go to a `.data` file beside the model; protobuf ends at 2 GiB."""

_FOLDER = ".bnfold-"


def check_output(path: Path, *, force: bool, suffix: str = ".onnx") -> None:
    """Raise `UsageError` if nothing can be written to `path`, before any work is done."""
    if path.is_dir():
        raise UsageError(f"The output {path} is a folder; give a file name.")
    if not path.parent.is_dir():
        raise UsageError(f"The output folder {path.parent} does not exist; create it first.")
    if path.suffix.lower() != suffix:
        raise UsageError(f"The output {path} must end in {suffix}.")
    for taken in (path, data_of(path)):
        if taken.exists() and not force:
            raise UsageError(f"The output {taken} exists; give another name, or --force to replace it.")
    if not os.access(path.parent, os.W_OK):
        raise UsageError(f"The output folder {path.parent} is not writable.")


@contextmanager
def staging(path: Path) -> Iterator[Path]:
    """A path of the same name in a new folder beside `path`; the folder is gone when the context ends.

    Folders of runs that were killed, and so could not clean up, go as well.
    """
    for left in path.parent.glob(f"{_FOLDER}*"):
        owner = left.name.removeprefix(_FOLDER).partition("-")[0]
        if owner.isdecimal() and not _alive(int(owner)):
            rmtree(left, ignore_errors=True)
    with ExitStack() as stack:
        with _uninterrupted():  # between the folder's being there and somebody's knowing of it
            folder = stack.enter_context(TemporaryDirectory(prefix=f"{_FOLDER}{os.getpid()}-", dir=path.parent))
        yield Path(folder, path.name)


@contextmanager
def workplace(path: Path | None, *, dry_run: bool = False) -> Iterator[Path]:
    """Where a file is built: beside `path` if it is to go there, in a temporary folder otherwise."""
    if path is not None and not dry_run:
        with staging(path) as staged:
            yield staged
        return
    with TemporaryDirectory(prefix="bnfold-") as folder:
        yield Path(folder, path.name if path is not None else "folded.onnx")


def write(model: ir.Model, path: Path, *, external: bool = False) -> None:
    """Serialize a model, with its weights in `path.data` if they do not fit one file or `external` asks for it.

    Raises:
        OutOfRangeError: a new constant does not fit its stored type.
        UsageError: the file cannot be written.
    """
    weights = sum(value.const_value.nbytes for value in model.graph.initializers.values() if value.const_value)
    try:
        if external or weights > SINGLE_FILE_LIMIT:
            ir.save(model, path, external_data=data_of(path).name)
        else:
            write_model(model, path)
            data_of(path).unlink(missing_ok=True)  # of a larger model that was staged here before
    except OSError as error:
        reason = error.strerror or "there is no room for it"  # numpy's own error has no number
        raise UsageError(f"{path.name} cannot be written: {reason}.") from None
    except Exception as error:
        raise _cause(error) from None


def _cause(error: BaseException) -> BaseException:
    """The error that a constant raised while it was serialized; the serializer wraps it in its own."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, OutOfRangeError | OSError):
        cause = cause.__cause__
    return cause or error


def publish(staged: Path, path: Path) -> None:
    """Move a staged model, and its data file if it has one, to where the user wants it.

    Both are on the disk before either moves, and an interrupt waits until both have moved. If the second cannot be
    moved, the first is taken back.

    Raises:
        UsageError: they cannot be moved; what was there is still there.
    """
    moves = [(staged, path)]
    if data_of(staged).exists():
        moves.insert(0, (data_of(staged), data_of(path)))
    try:
        for source, _ in moves:
            _flush(source)
        with _uninterrupted():
            _move(moves)
            _flush(path.parent)
    except OSError as error:
        raise UsageError(f"The output {path} cannot be written: {error.strerror or error}.") from None


def _move(moves: list[tuple[Path, Path]]) -> None:
    done: list[tuple[Path, Path | None]] = []
    try:
        for source, target in moves:
            kept = None
            if target.exists() and len(moves) > 1:
                kept = source.with_name(f"{source.name}.old")
                os.link(target, kept)
            source.replace(target)
            done.append((target, kept))
    except OSError:
        for target, kept in reversed(done):
            if kept is None:
                target.unlink()
            else:
                kept.replace(target)
        raise


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Signals that would end the program wait; Python handles them in the main thread, so no other is interrupted.

    A mask would not do: the system gives the signal to a thread that has none.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    arrived: list[int] = []
    endings = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {ending: signal.signal(ending, lambda number, _: arrived.append(number)) for ending in endings}
    try:
        yield
    finally:
        for ending, handler in before.items():
            signal.signal(ending, handler)
        for number in dict.fromkeys(arrived):
            signal.raise_signal(number)


def _flush(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
