"""The paragraph of docs/how-it-works.md in front of the picture, from results.json."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from textwrap import fill
from typing import Any

PARAGRAPH = re.compile(r"(?<=\n\n)[^\n]+(?:\n[^\n]+)*(?=\n\n!\[Time to solve )")


def paragraph(results: Mapping[str, Any]) -> str:
    """How long solving takes and how that grows, in lines of at most 120 characters."""
    seconds: dict[str, dict[int, float]] = {}
    for point in results["points"]:
        seconds.setdefault(point["family"], {})[point["norms"]] = point["solve"]["processor"]
    most = max(norms for curve in seconds.values() for norms in curve)
    largest = [curve[most] for curve in seconds.values()]
    growth = [curve[most] / curve[most // 10] for curve in seconds.values()]
    resnet = results["resnet50"]["steps"]["solve"]["processor"]
    return fill(
        f"Time grows almost linearly with the network. On one core ({results['environment']['cpu']}) ResNet-50 is "
        f"solved in {resnet:.2f} s, and a network of {most:,} batch normalizations in {min(largest):.1f} to "
        f"{max(largest):.1f} s, {min(growth):.0f} to {max(growth):.0f} times as long as one with a tenth of them "
        "(`python -m benchmarks.solver`):",
        width=120,
        break_long_words=False,
        break_on_hyphens=False,
    )


def rewrite(page: Path, results: Mapping[str, Any]) -> None:
    """Put the paragraph into the page, in the place of the one that is there."""
    text, replaced = PARAGRAPH.subn(lambda _: paragraph(results), page.read_text())
    assert replaced == 1, f"{page} shows the picture in one place"
    page.write_text(text)
