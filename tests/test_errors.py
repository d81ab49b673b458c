"""What other libraries say stands in our sentences."""

import pytest

from bnfold.errors import first_line


@pytest.mark.parametrize(
    ("message", "line"),
    [
        ("no luck", "no luck"),
        ("\n  no luck.  \nTry this:\nand that", "no luck"),
        ("Error(s) in loading:\n a", "Error(s) in loading"),
        ("", "ValueError"),
        (" \n ", "ValueError"),
    ],
)
def test_the_first_line_of_what_another_library_says(message: str, line: str) -> None:
    assert first_line(ValueError(message)) == line
