"""The ledger on a terminal: every operator while the list is short, counts that add up when it is long."""

import io
import re

import pytest
from rich.console import Console

from bnfold.plan import REMEDIES, SENTENCES, Code, Decision, Reason
from bnfold.report import ledger


def shown(decisions: list[Decision], *, verbose: bool = False) -> str:
    console = Console(width=100, file=io.StringIO())
    with console.capture() as captured:
        for table in ledger.tables(decisions, verbose=verbose):
            console.print(table)
    return captured.get()


def removed(name: str) -> Decision:
    return Decision(name, "BatchNormalization", scalar=False, into=("conv1", "conv2", "conv3"))


def kept(name: str, code: Code = Code.SHIFT) -> Decision:
    return Decision(name, "Add", scalar=True, reason=Reason(code, SENTENCES[code], channel=3, against="relu"))


def test_a_short_list_names_every_operator() -> None:
    text = shown([removed("bn1"), removed("bn2"), kept("add1")])
    for name in ("bn1", "bn2", "add1", "conv1, conv2 and 1 more", "channel 3", SENTENCES[Code.SHIFT]):
        assert name in text


@pytest.mark.parametrize("count", [25, 60])
def test_a_long_list_is_grouped_and_the_counts_add_up(count: int) -> None:
    decisions = [removed(f"bn{i}") for i in range(count)]
    decisions += [kept(f"shift{i}") for i in range(count)] + [kept(f"scale{i}", Code.SCALE) for i in range(3)]
    text = shown(decisions)
    counts = [int(number) for number in re.findall(r"^(?:BatchNormalization|Add, scalar) +(\d+)", text, re.MULTILINE)]
    assert sorted(counts) == sorted([count, count, 3])
    assert len(text.splitlines()) < 20


def test_a_long_list_tells_dearer_forms_apart() -> None:
    names = [f"dear{i}" for i in range(7)]
    dear = [Decision(name, "BatchNormalization", False, (name,), forms={name: ("Conv",)}) for name in names]
    dear.append(Decision("bn", "BatchNormalization", False, ("dear0", "conv"), forms={"dear0": ("Conv",)}))
    lines = shown([removed(f"bn{i}") for i in range(30)] + dear).splitlines()
    assert [line.split()[:3] for line in lines if "BatchNormalization" in line] == [
        ["BatchNormalization", "31", "bn0"],
        ["BatchNormalization", "7", "dear0"],
    ]
    assert sum("Conv in its place" in line for line in lines) == 1


def test_verbose_lists_all() -> None:
    text = shown([removed(f"bn{i}") for i in range(30)], verbose=True)
    assert len(re.findall(r"^bn\d+", text, re.MULTILINE)) == 30


def test_nothing_is_shown_of_nothing() -> None:
    assert ledger.tables([]) == []


def test_all_reasons_come_with_what_would_help() -> None:
    """On a terminal if the user asks for all, in JSON always."""
    for code in Code:
        decision = kept("add1", code)
        assert decision.reason is not None
        assert decision.reason.to_json()["remedy"] == REMEDIES[code]
        assert REMEDIES[code][:30] in shown([decision], verbose=True)
        assert "--verbose says what would help" in shown([decision])


@pytest.mark.parametrize(
    ("channels", "text"),
    [((3,), "channel 3"), (tuple(range(10)), "channels 0-9"), ((0, 1, 4), "channels 0-1, 4"),
     ((0, 2, 4, 6, 8, 9), "channels 0, 2, 4, 6 and 2 more")],
)  # fmt: skip
def test_channels_are_named_in_runs(channels: tuple[int, ...], text: str) -> None:
    reason = Reason(Code.SHIFT, "sentence", channels[0], None, channels)
    assert f"sentence ({text})" in " ".join(shown([Decision("bn", "Add", False, (), reason)]).split())


@pytest.mark.parametrize("verbose", [False, True])
def test_long_names_and_reasons_fit_100_columns(verbose: bool) -> None:
    name = "/features/denseblock1/denselayer2/norm1/BatchNormalization"
    decisions = [Decision(f"{name}{i}", "BatchNormalization", False, (f"{name}c",)) for i in range(30)]
    decisions += [
        Decision(
            f"{name}{code}{i}",
            "BatchNormalization",
            False,
            reason=Reason(code, f"{SENTENCES[code]}: {name} is in the way"),
        )
        for code in Code
        for i in range(3)
    ]
    lines = shown(decisions, verbose=verbose).splitlines()
    assert max(map(len, lines)) <= 100
    if not verbose:
        assert len(lines) < 4 * len(Code)
        assert sum(f"{Code.SCALE}0" in line for line in lines) == 1, "the end of a name tells operators apart"
