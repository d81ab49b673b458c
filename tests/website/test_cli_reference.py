"""docs/cli.md is what the command says of itself."""

from pathlib import Path

from bnfold import errors
from website.cli_reference import PAGE, page


def test_the_page_is_up_to_date():
    assert Path(PAGE).read_text() == page()


def test_it_has_every_exit_code():
    codes = {kind.exit_code for kind in vars(errors).values() if isinstance(kind, type) and hasattr(kind, "exit_code")}
    assert codes
    assert all(f"\n| {code} | " in page() for code in codes)
