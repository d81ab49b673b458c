"""The regions of ledger.md: every reason with a network that has it, what `inspect` says, and what helps."""

from __future__ import annotations

from typing import Any

import bnfold
from bnfold.plan import REMEDIES, SENTENCES, Code, Decision
from docs.make import graph
from docs.make.regions import table
from tests.gauge.reasons import CURES, EXAMPLES, Cure, Example


def regions() -> dict[str, str]:
    """The table of all reasons, and the examples."""
    rows = [[f"[`{code}`](#{code})", SENTENCES[code], REMEDIES[code]] for code in Code]
    return {
        "reasons": table(["code", "it stays because", "what you can do"], rows),
        "examples": "\n\n".join(_section(code) for code in Code),
    }


def _section(code: Code) -> str:
    """The first example and its cure, then the others of which the ledger says something else."""
    first, *others = [example for example in EXAMPLES.values() if example.code is code]
    parts = [f"### `{code}`", *_shown(first), *(_cured(CURES[code]) if code in CURES else [])]
    said = {_sentence(first)}
    for example in others:
        if (sentence := _sentence(example)) not in said:
            said.add(sentence)
            parts += ["Likewise:", *_shown(example)]
    return "\n\n".join(parts)


def _shown(example: Example) -> list[str]:
    reason = _decision(example).reason
    assert reason is not None
    channels = ", ".join(map(str, reason.channels))
    where = f" (channel{'s' if len(reason.channels) > 1 else ''} {channels})" if channels else ""
    return [_code(example), f"> **it** is kept: {reason.sentence}{where}.\n>\n> What would help: {reason.remedy}."]


def _cured(cure: Cure) -> list[str]:
    option = "".join(
        f" --{name.replace('_', '-')}" + ("" if value is True else f" {value}") for name, value in cure.settings.items()
    )
    into = ", ".join(f"**{name}**" for name in _decision(cure, **cure.settings).into)
    went = f"> **it** is removed, into {into}."
    return [f"With `{option.strip()}`:", went] if option else ["So that it goes:", _code(cure), went]


def _code(example: Example | Cure) -> str:
    return "\n".join(["```text", *graph.lines(example.model()), "```"])


def _sentence(example: Example) -> str:
    """What the ledger says, whatever the nodes are called."""
    reason = _decision(example).reason
    assert reason is not None
    against = reason.against or ""
    return reason.sentence.replace(against, against.rstrip("0123456789")) if against else reason.sentence


def _decision(example: Example | Cure, **settings: Any) -> Decision:
    report = bnfold.inspect(example.model(), **settings)
    return next(decision for decision in report.decisions if decision.node == "it")
