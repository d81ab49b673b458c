"""Every page is what the code and the records make of it."""

import pytest

from docs.make.pages import PAGES, ROOT, made
from docs.make.regions import fill


@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_what_is_made(path: str) -> None:
    assert made(path) == (ROOT / path).read_text(encoding="utf-8"), "python -m docs.make writes the pages anew"


def test_regions_are_filled_and_the_rest_is_kept() -> None:
    page = "a <!-- begin n -->4<!-- end n --> b\n\n<!-- begin t -->\n\nold\n\n<!-- end t -->\n\nc\n"
    filled = fill(page, {"n": "5", "t": "x\ny"})
    assert filled == "a <!-- begin n -->5<!-- end n --> b\n\n<!-- begin t -->\n\nx\ny\n\n<!-- end t -->\n\nc\n"
    assert fill(filled, {"n": "5", "t": "x\ny"}) == filled


@pytest.mark.parametrize("contents", [{}, {"n": "1"}, {"n": "1", "t": "2", "u": "3"}])
def test_no_region_is_forgotten(contents: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="regions"):
        fill("<!-- begin n --><!-- end n --> <!-- begin t --><!-- end t -->", contents)
