"""Code that pages show is that of the repository."""

import pytest

from tests.website.pages import PAGES, ROOT
from website.excerpts import MARKED, excerpt, updated

MARKING = [page for page in PAGES if "<!-- excerpt:" in (ROOT / page).read_text()]


@pytest.mark.parametrize("page", MARKING)
def test_excerpts_are_those_of_the_code(page: str):
    text = (ROOT / page).read_text()
    assert updated(text) == text
    assert len(MARKED.findall(text)) == text.count("<!-- excerpt:")


def test_a_changed_excerpt_is_put_right():
    mark = "<!-- excerpt: website/excerpts.py ROOT PAGES -->\n\n```python\n"
    right = 'ROOT = Path(__file__).parents[1]\n\nPAGES = ROOT / "docs"\n'
    assert updated(f"{mark}anything\n```\n") == f"{mark}{right}```\n"


def test_lines_that_hold_a_text():
    assert excerpt("website/__init__.py", '"site"').startswith('"""What makes the documentation site')


def test_a_name_that_is_gone_is_an_error():
    with pytest.raises(LookupError, match="holds no nothing"):
        excerpt("website/excerpts.py", "nothing")
