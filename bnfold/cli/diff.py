"""bnfold diff."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bnfold.cli.options import Arch, Input, Json, Trust, parse_shapes
from bnfold.side_files import check_side_files


def diff(
    before: Annotated[Path, typer.Argument(help="A model of any kind that `fold` reads.")],
    after: Annotated[Path, typer.Argument(help="What became of it.")],
    input_: Input = None,
    arch: Arch = None,
    trust: Trust = False,
    json_: Json = None,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="List every node.")] = False,
) -> None:
    """Say what changed between two models: operators, nodes and where they went, constants, interface."""
    from bnfold.cli.output import progress, show
    from bnfold.difference import diff as compare
    from bnfold.report.difference import difference

    check_side_files({"--json": json_}, before, after)
    with progress() as tell:
        tell("reading and comparing")
        found = compare(before, after, shapes=parse_shapes(input_), arch=arch, trust=trust)
    show(difference(found, verbose=verbose), found.to_json(), json_)
