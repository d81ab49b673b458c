"""docs/cli.md from the command itself: `python -m website.cli_reference` writes it."""

from __future__ import annotations

import re
from pathlib import Path

import typer
from typer.cli import get_docs_for_click
from typer.main import get_command

from bnfold.cli.app import app

PAGE = Path(__file__).parents[1] / "docs" / "cli.md"
INTRODUCTION = """# Command line

Every command and option, as `bnfold COMMAND --help` prints them; `python -m website.cli_reference` wrote this page.
Tables go to stdout, progress and warnings to stderr; `--json -` leaves the JSON alone on stdout.

## Exit codes

| code | meaning |
|--:|---|
| 0 | done: equivalent, not verified on request, or nothing to fold |
| 1 | not equivalent |
| 2 | usage: an option, an input shape or the output cannot be used, such as an output that exists |
| 3 | a source is missing, unreadable or not supported |
| 4 | an error inside bnfold; `bnfold --debug COMMAND ...` shows where |
| 130 | interrupted |

With several sources the command ends with the largest of their codes. Nothing is left at the output path unless the
run succeeded.

"""


def page() -> str:
    """The whole page: typer's own documentation, without the list of commands that the contents give already."""
    command = get_command(app)
    text = get_docs_for_click(obj=command, ctx=typer.Context(command, info_name="bnfold"), indent=1, name="bnfold")
    text = re.sub(r"\*\*Commands\*\*:\n\n(\* .*\n)+\n", "", text)
    text = text.replace("```console\n$ ", "```text\n").replace("\n* ", "\n- ")
    return INTRODUCTION + re.sub(r"^### ", "## ", text, flags=re.MULTILINE).strip() + "\n"


if __name__ == "__main__":
    PAGE.write_text(page())
