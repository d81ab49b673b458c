"""The pictures of the README: what a terminal shows of a fold, and the page of its report.

The fold is a real one. Its times are left out, for a picture has no machine that they would be about.
"""

from __future__ import annotations

import io
import re
import shlex
import shutil
import subprocess
import tempfile
import time
from collections.abc import Sequence
from contextlib import chdir
from dataclasses import replace
from pathlib import Path

from PIL import Image, PngImagePlugin
from rich.console import Console

from bnfold import pipeline
from bnfold.report import terminal
from bnfold.report.data import FoldReport
from bnfold.report.page import render
from bnfold.report.run import run_of
from bnfold.verification import Settings

ROOT = Path(__file__).parents[2]
IMAGES = ROOT / "docs" / "images"
TERMINAL, PAGE = IMAGES / "terminal.svg", IMAGES / "report.png"

SOURCE, DATA, OUTPUT = Path("models/resnet20v2_digits.pt"), Path("models/digits_test.npz"), Path("folded.onnx")
COMMAND = f"bnfold fold {SOURCE} -o {OUTPUT} --data {DATA} --no-bench"
COLUMNS = 100
SIZE = (1180, 880)
"""Pixels of the page that are shown."""
COLOURS = 64
HEADINGS = "headings"
"""Where the picture of the page keeps the page's headings, so that it can be told to be out of date."""

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
WEB_FONT = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)


def draw() -> None:
    """Fold, and draw both pictures.

    Raises:
        FileNotFoundError: there is no Chromium.
    """
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, chdir(ROOT):
        report = pipeline.fold(
            SOURCE, output=Path(folder) / OUTPUT, data=DATA, settings=Settings(trace=True), details=True
        ).report
        report = replace(report, output=str(OUTPUT), run=run_of(COMMAND, SOURCE, time.monotonic() - start))
    TERMINAL.write_text(_terminal(report), encoding="utf-8")
    page = render(report.to_json())
    with tempfile.TemporaryDirectory() as folder:
        shot = _shot(page, Path(folder))
        described = PngImagePlugin.PngInfo()
        described.add_text(HEADINGS, headings(page))
        shot.save(PAGE, optimize=True, pnginfo=described)


def headings(page: str) -> str:
    """The headings of a report's page."""
    return "; ".join(re.sub(r"<[^>]+>", "", heading) for heading in re.findall(r"<h[12][^>]*>(.*?)</h[12]>", page))


def shown() -> str:
    """All text of the picture of a terminal, one line of the terminal each."""
    lines = re.findall(
        r"<text [^>]*clip-path=\"url\(#[\w-]*-line-(\d+)\)\"[^>]*>(.*?)</text>", TERMINAL.read_text(), re.DOTALL
    )
    found: dict[int, str] = {}
    for number, text in lines:
        found[int(number)] = found.get(int(number), "") + text.replace("&#160;", " ")
    return "\n".join(found[number].rstrip() for number in sorted(found))


def _terminal(report: FoldReport) -> str:
    """The terminal after the command, in SVG that loads nothing."""
    console = Console(width=COLUMNS, record=True, file=io.StringIO(), force_terminal=True, highlight=False)
    for part in terminal.fold_report(report):
        console.print(part)
    svg = console.export_svg(title=f"$ {COMMAND}", unique_id="bnfold")
    svg = WEB_FONT.sub("", svg).replace(
        "Fira Code, monospace", "Fira Code, Menlo, Consolas, DejaVu Sans Mono, monospace"
    )
    return "\n".join(line.rstrip() for line in svg.splitlines()) + "\n"


def _shot(page: str, folder: Path) -> Image.Image:
    """The top of a page as Chromium shows it."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        raise FileNotFoundError("There is no Chromium to draw the report's page with; on Debian: apt install chromium.")
    (folder / "page.html").write_text(page, encoding="utf-8")
    width, height = SIZE
    _run(
        [
            browser,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--hide-scrollbars",
            "--blink-settings=preferredColorScheme=1",
            "--virtual-time-budget=4000",
            f"--user-data-dir={folder / 'profile'}",
            f"--window-size={width},{height}",
            f"--screenshot={folder / 'shot.png'}",
            f"file://{folder / 'page.html'}",
        ]
    )
    with Image.open(folder / "shot.png") as shot:
        return shot.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)


def _run(command: Sequence[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    if done.returncode != 0:
        raise RuntimeError(f"{shlex.join(command)} failed: {done.stderr[-500:]}")
