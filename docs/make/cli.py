"""The regions of cli.md: every command and option, as typer documents them."""

from __future__ import annotations

import re

import typer
from typer.cli import get_docs_for_click
from typer.main import get_command

from bnfold.cli.app import app


def regions() -> dict[str, str]:
    """A section for the program and for each command; the list of commands, which the contents give, is left out."""
    command = get_command(app)
    text = get_docs_for_click(obj=command, ctx=typer.Context(command, info_name="bnfold"), indent=1, name="bnfold")
    text = re.sub(r"\*\*Commands\*\*:\n\n(\* .*\n)+\n", "", text)
    text = text.replace("```console\n$ ", "```text\n").replace("\n* ", "\n- ")
    return {"commands": re.sub(r"^### ", "## ", text, flags=re.MULTILINE)}
