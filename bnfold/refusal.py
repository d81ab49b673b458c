"""An option that would be ignored is refused instead."""

from __future__ import annotations

from collections.abc import Mapping

from bnfold.errors import UsageError


def refuse(why: str, given: Mapping[str, bool], *, instead: str = "") -> None:
    """Refuse what is given and has no use.

    Args:
        why: the beginning of the sentence, which goes on with "there is no use for ...".
        given: whether an option was given, by its name.
        instead: what else could be done, besides leaving it out.

    Raises:
        UsageError: any of them was given.
    """
    useless = ", ".join(option for option, is_given in given.items() if is_given)
    if useless:
        raise UsageError(f"{why} there is no use for {useless}: leave that out{instead}.")
