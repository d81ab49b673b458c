"""Whatever goes wrong in a command, a user reads one sentence, and a script reads the code."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import onnx
import pytest
import typer

from bnfold.cli import guard
from bnfold.cli.guard import guarded
from bnfold.errors import BnfoldError, MissingExtraError, NotEquivalentError, SourceError, UsageError
from tests.cli.conftest import ROOT, Run, small_net


def failing(error: BaseException) -> int:
    """The exit code of a command that raises this."""

    @guarded
    def command() -> None:
        raise error

    with pytest.raises(typer.Exit) as ended:
        command()
    return ended.value.exit_code


@pytest.mark.parametrize(
    ("error", "code", "says"),
    [
        (NotEquivalentError("It differs."), 1, "It differs."),
        (UsageError("Not so."), 2, "Not so."),
        (SourceError("No model."), 3, "No model."),
        (MissingExtraError("It", "torch"), 3, "It needs an optional package: run `pip install 'bnfold[torch]'`."),
        (KeyboardInterrupt(), 130, "interrupted; nothing was written."),
        (
            OSError(errno.ENOSPC, "No space left on device"),
            2,
            "there is no room to work in (No space left on device); free some, or let TMPDIR name a larger folder.",
        ),
        (
            PermissionError(errno.EACCES, "Permission denied"),
            4,
            "internal error (PermissionError): [Errno 13] Permission denied. Run `bnfold --debug ...` for the details.",
        ),
        (
            ValueError("two\n  lines"),
            4,
            "internal error (ValueError): two lines. Run `bnfold --debug ...` for the details.",
        ),
        (AssertionError(), 4, "internal error (AssertionError): no message. Run `bnfold --debug ...` for the details."),
    ],
)
def test_one_sentence_and_its_code(
    error: BaseException, code: int, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert failing(error) == code
    out, told = capsys.readouterr()
    assert (out, told) == ("", f"bnfold: {says}\n")


@pytest.mark.parametrize("code", [0, 1, 5])
def test_a_command_that_ends_by_itself_has_its_own_code(code: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert failing(typer.Exit(code)) == code
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("error", [SourceError("No model."), ValueError("bug"), OSError(errno.ENOSPC, "full")])
def test_to_debug_an_error_it_comes_as_it_is(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "debug", True)

    @guarded
    def command() -> None:
        raise error

    with pytest.raises(type(error)) as raised:
        command()
    assert raised.value is error


def test_no_two_kinds_of_error_look_alike_to_a_script() -> None:
    kinds = [kind for kind in BnfoldError.__subclasses__() if kind.__module__ == BnfoldError.__module__]
    codes = [0, guard.INTERNAL, guard.INTERRUPTED, *(kind.exit_code for kind in kinds)]
    assert len(kinds) == 3
    assert len(set(codes)) == len(codes)


def test_debug_shows_where_an_error_comes_from(run: Run) -> None:
    quiet, loud = run("inspect", "no.onnx"), run("--debug", "inspect", "no.onnx")
    assert (quiet.returncode, quiet.stderr.count("\n")) == (3, 1)
    assert loud.returncode != 0
    assert "Traceback" in loud.stderr
    assert "SourceError" in loud.stderr


def unread(*arguments: object) -> tuple[int, str]:
    """Exit code and stderr of a command whose output nobody reads, as behind a `head` that has seen enough."""
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, str(ROOT / "cli.py"), *map(str, arguments)]
    try:
        done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, text=True, timeout=300)
    finally:
        os.close(writing)
    return done.returncode, done.stderr


@pytest.mark.parametrize("more", [(), ("--json", "-")])
def test_a_reader_that_has_seen_enough_is_no_error(net: Path, more: tuple[str, ...]) -> None:
    assert unread("inspect", net, *more) == (0, "")


def test_what_nobody_reads_is_done_all_the_same(net: Path) -> None:
    """Neither the report, which is written last, nor the verdict gets lost."""
    folded, report = net.with_name("out.onnx"), net.with_name("report.md")
    assert unread("fold", net, "-o", folded, "--no-bench", "--report", report) == (0, "")
    assert folded.is_file()
    assert "Equivalent" in report.read_text()
    onnx.save(small_net(seed=1), net.with_name("other.onnx"))
    assert unread("verify", net, net.with_name("other.onnx"))[0] == NotEquivalentError.exit_code
