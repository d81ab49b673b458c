"""The page of the mutants: how many the tests notice, file by file, and what is to say about each of the others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.mutants.equivalent import why
from benchmarks.mutants.mutants import Mutant


def page(results: Mapping[str, Any]) -> str:
    """The results as markdown."""
    drawn = [Mutant(**each) for each in results["ran"]]
    ran = [each for each in drawn if each.status != "not run"]
    lines = [
        "# Mutants",
        "",
        f"Made by `make mutants` with mutmut {results['mutmut']} of revision {results['revision']}: functions of the",
        "rules and of the metrics, each with one small change. A change that some test notices is killed. Mutants that",
        "change nothing but the words of a sentence are left out; of the others a sample was drawn with seed",
        f"{results['seed']}. Single mutants: [results.json](results.json).",
        "",
        "| file | mutants | of words | run | killed | equivalent | survived | score |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    total = [0] * 6
    for path, counts in sorted(results["files"].items()):
        numbers = _numbers([each for each in ran if each.path == path], counts)
        total = [a + b for a, b in zip(total, numbers, strict=True)]
        lines.append(_row(f"`{path}`", numbers))
    lines += [_row("all", total), "", "The score is the share of killed ones among those that are not equivalent.", ""]
    if len(ran) < len(drawn):
        lines += [f"Of {len(drawn)} that were drawn, {len(drawn) - len(ran)} were not run.", ""]
    left = [each for each in ran if each.status != "killed"]
    reasons = [(each, why(each)) for each in left]
    lines += _survivors("Equivalent", [(each, said) for each, said in reasons if said is not None])
    lines += _survivors("Survived", [(each, each.status) for each, said in reasons if said is None])
    return "\n".join(lines)


def _numbers(ran: list[Mutant], counts: Mapping[str, int]) -> list[int]:
    """All, of words, run, killed, equivalent, survived."""
    killed = sum(each.status == "killed" for each in ran)
    same = sum(each.status != "killed" and why(each) is not None for each in ran)
    return [counts["mutants"], counts["wording"], len(ran), killed, same, len(ran) - killed - same]


def _row(name: str, numbers: list[int]) -> str:
    _, _, _, killed, _, survived = numbers
    score = f"{killed / (killed + survived):.0%}" if killed + survived else ""
    return f"| {name} | {' | '.join(map(str, numbers))} | {score} |"


def _survivors(title: str, those: list[tuple[Mutant, str]]) -> list[str]:
    if not those:
        return []
    lines = [f"## {title}", ""]
    for each, said in those:
        lines += [f"- `{each.path}`, `{each.function}`: {said}", "", "  ```diff"]
        lines += [f"  - {each.removed}", f"  + {each.added}", "  ```", ""]
    return lines
