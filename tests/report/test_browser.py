"""The page in a real browser: Debian's Chromium, headless. Without one these tests are skipped, and say so."""

import html
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from bnfold.report.page import render
from tests.report import hostile

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="There is no Chromium: apt-get install chromium runs them.")

TELL = "<script>{code};document.documentElement.setAttribute('data-told', JSON.stringify(told))</script></body>"


@pytest.fixture(scope="module")
def browse(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Open a page with arguments; returns what stdout and the console say."""
    folder = tmp_path_factory.mktemp("browser")

    def browse(text: str, *arguments: str) -> tuple[str, str]:
        (folder / "page.html").write_text(text, encoding="utf-8")
        options = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--enable-logging=stderr",
            "--virtual-time-budget=4000",
        ]
        command = [str(CHROMIUM), *options, f"--user-data-dir={folder / 'profile'}", *arguments]
        done = subprocess.run([*command, f"file://{folder / 'page.html'}"], capture_output=True, timeout=120)
        return done.stdout.decode(), done.stderr.decode()

    return browse


def told(browse: Any, text: str, code: str, *arguments: str) -> str:
    """What a script at the end of the page makes of it, as JSON."""
    script = TELL.format(code=code)
    dom, _ = browse(text.replace("</body>", script), "--dump-dom", *arguments)
    found = re.search(r'data-told="([^"]*)"', dom)
    assert found, dom[:300]
    return html.unescape(found.group(1))


def test_the_console_is_silent_and_no_name_runs(browse: Any, data: dict[str, Any]) -> None:
    dom, log = browse(render(data), "--dump-dom")
    assert "CONSOLE" not in log
    assert html.escape(hostile.SCRIPT, quote=False) in dom
    _, log = browse(render(data).replace("</body>", "<script>console.error('seen')</script></body>"), "--dump-dom")
    assert "seen" in log, "the console is not heard at all"


def test_a_layer_is_found_by_its_name(browse: Any, digits: dict[str, Any]) -> None:
    code = """
    const find = document.getElementById('find');
    find.value = 'LAYER3.0.CONV2';
    find.dispatchEvent(new Event('input'));
    const before = document.getElementById('hits').textContent;
    find.dispatchEvent(new KeyboardEvent('keydown', {key: 'Enter'}));
    const hit = document.querySelector('.hit');
    const told = [before, document.getElementById('hits').textContent, hit.dataset.name, hit.closest('details').open]
    """
    page = render(digits)
    assert told(browse, page, code) == '["2 found","1 of 2: layer3.0.conv2","layer3.0.conv2",true]'


@pytest.mark.parametrize("width", [390, 1100])
def test_nothing_sticks_out(browse: Any, digits: dict[str, Any], width: int) -> None:
    """A frame, for Chromium's windows are at least 500 pixels wide."""
    frame = f"<iframe style='width:{width}px;height:900px' srcdoc=\"{html.escape(render(digits))}\"></iframe></body>"
    code = """
    const frame = document.querySelector('iframe');
    let told = null;
    frame.onload = () => {
      const root = frame.contentDocument.documentElement;
      told = [root.scrollWidth <= root.clientWidth, root.clientWidth > 300];
      document.documentElement.setAttribute('data-told', JSON.stringify(told));
    }"""
    assert told(browse, f"<!doctype html><body>{frame}", code, "--window-size=1300,1000") == "[true,true]"


def test_colours_follow_the_reader(browse: Any, digits: dict[str, Any]) -> None:
    code = "const told = getComputedStyle(document.body).backgroundColor"
    schemes = [
        told(browse, render(digits), code, f"--blink-settings=preferredColorScheme={number}") for number in (0, 1)
    ]
    assert schemes == ['"rgb(13, 17, 23)"', '"rgb(255, 255, 255)"']


def test_it_prints(browse: Any, digits: dict[str, Any], tmp_path: Path) -> None:
    browse(render(digits), f"--print-to-pdf={tmp_path / 'page.pdf'}", "--no-pdf-header-footer")
    pages = (tmp_path / "page.pdf").read_bytes()
    assert pages.startswith(b"%PDF")
    assert 3 <= len(re.findall(rb"/Type /Page\b", pages)) <= 40
