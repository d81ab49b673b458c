"""Pages show the repository's code by name, and a name that is gone is an error."""

import pytest

from docs.make.excerpts import code, lines


def test_definitions_are_whole_and_in_the_order_asked_for():
    shown = code("tests/graph/detectors/parts.py", "detector", "VALID")
    assert shown.startswith("```py\ndef detector(build: ")
    assert shown.endswith("\n\n\nVALID = [0, 0, 0, 0]\n```")


def test_lines_that_hold_a_text():
    assert lines("cli.py", "main()").startswith("```py\n")


@pytest.mark.parametrize("show", [code, lines])
def test_a_name_that_is_gone_is_an_error(show):
    with pytest.raises(LookupError, match="nothing of this name"):
        show("cli.py", "nothing of this name")
