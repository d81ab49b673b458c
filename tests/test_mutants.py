"""What the mutants' page is made of: which of mutmut's functions differ in what, and which say only something else."""

import json
from pathlib import Path

import pytest

from benchmarks.mutants import mutants
from benchmarks.mutants.__main__ import HERE, sample
from benchmarks.mutants.equivalent import EQUIVALENT, why
from benchmarks.mutants.mutants import Mutant
from benchmarks.mutants.page import page

WRITTEN = """
def x_f__mutmut_orig(x, more=1):
    say("in a sentence", x + more)

def x_f__mutmut_1(x, more=2):
    say("in a sentence", x + more)

def x_f__mutmut_2(x, more=1):
    say("IN A SENTENCE", x + more)

def x_f__mutmut_3(x, more=1):
    say("in a sentence", x - more)
"""


@pytest.fixture
def found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Mutant]:
    folder = tmp_path / "bnfold" / "gauge" / "rules"
    folder.mkdir(parents=True)
    (folder / "f.py").write_text(WRITTEN)
    codes = {f"bnfold.gauge.rules.f.x_f__mutmut_{number}": code for number, code in ((1, 0), (2, None), (3, 1))}
    (folder / "f.py.meta").write_text(json.dumps({"exit_code_by_key": codes}))
    monkeypatch.setattr(mutants, "FOLDER", tmp_path)
    return mutants.mutants()


def test_mutants_are_read_with_what_they_change(found: list[Mutant]) -> None:
    assert [(each.function, each.path, each.status) for each in found] == [
        ("f", "bnfold/gauge/rules/f.py", "survived"),
        ("f", "bnfold/gauge/rules/f.py", "not run"),
        ("f", "bnfold/gauge/rules/f.py", "killed"),
    ]
    assert (found[0].removed, found[0].added) == ("def (x, more=1):", "def (x, more=2):")
    assert (found[2].removed, found[2].added) == ("say('in a sentence', x + more)", "say('in a sentence', x - more)")


def test_the_words_of_a_sentence_are_no_mutant_to_run(found: list[Mutant]) -> None:
    assert [each.wording for each in found] == [False, True, False]
    assert {each.name for each in sample(found, {"rules": 9, "metrics": 9}, 0)} == {found[0].name, found[2].name}


def test_the_page_is_that_of_the_results() -> None:
    results = json.loads((HERE / "results.json").read_text(encoding="utf-8"))
    assert (HERE / "RESULTS.md").read_text(encoding="utf-8") == page(results)


def test_nothing_is_called_equivalent_that_was_not_seen_to_survive() -> None:
    results = json.loads((HERE / "results.json").read_text(encoding="utf-8"))
    survived = [Mutant(**each) for each in results["ran"] if each["status"] == "survived"]
    assert set(EQUIVALENT) <= {(each.function, each.added) for each in survived}
    assert all(why(each) is None for each in (Mutant(**each) for each in results["ran"]) if each.status == "killed")
