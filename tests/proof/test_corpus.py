"""The corpus of tampered models, given to the checker: each is refused, and the first node named is the guilty one."""

from __future__ import annotations

import onnx
import pytest

from bnfold.proof.result import Unproved
from tests.networks import fold
from tests.proof.folds import Fold
from tests.verification.corpus import Tampered, corpus, network

ORIGINAL = network()
RESULT = fold(ORIGINAL)
CORPUS = corpus()


def first(item: Tampered | None) -> Unproved | None:
    honest = Fold.of(ORIGINAL, RESULT)
    folded = onnx.ModelProto.FromString(honest.folded.SerializeToString())
    if item is not None:
        item.change(folded)
    return next(iter(Fold(ORIGINAL, folded, honest.claims).proof().unproved), None)


def test_the_honest_fold_is_proved() -> None:
    assert first(None) is None


@pytest.mark.parametrize("item", CORPUS, ids=lambda item: item.name)
def test_the_guilty_node_is_named(item: Tampered) -> None:
    found = first(item)
    assert found is not None
    if item.name.startswith("dropped"):  # nothing is left of it, so its reader does not follow
        assert f"{item.node}.y" in found.reason
    else:
        assert found.node == item.node
