"""Checkpoints as people save them."""

import pytest
import torch
from torch import nn

from bnfold.errors import SourceError
from bnfold.zoo import recognize, resnet20, unwrap_state_dict

WEIGHT = torch.ones(2)


@pytest.mark.parametrize("container", ["state_dict", "model", "model_state_dict"])
def test_containers_are_opened(container: str) -> None:
    assert unwrap_state_dict({"epoch": 3, container: {"fc.bias": WEIGHT}}) == {"fc.bias": WEIGHT}


def test_containers_may_be_nested() -> None:
    assert unwrap_state_dict({"model": {"state_dict": {"fc.bias": WEIGHT}}}) == {"fc.bias": WEIGHT}


@pytest.mark.parametrize("prefix", ["module.", "model.", "_orig_mod.", "_orig_mod.module.", "model._orig_mod."])
def test_prefixes_of_all_keys_are_taken_off(prefix: str) -> None:
    state = {f"{prefix}fc.bias": WEIGHT, f"{prefix}fc.weight": WEIGHT}
    assert list(unwrap_state_dict(state)) == ["fc.bias", "fc.weight"]


def test_prefix_of_some_keys_stays() -> None:
    state = {"module.fc.bias": WEIGHT, "fc.weight": WEIGHT}
    assert list(unwrap_state_dict(state)) == list(state)


def test_order_and_identity_of_tensors_are_kept() -> None:
    state = resnet20().state_dict()
    bare = unwrap_state_dict({"state_dict": {f"module.{name}": tensor for name, tensor in state.items()}})
    assert list(bare) == list(state)
    assert all(bare[name] is state[name] for name in state)


def test_training_checkpoint_of_a_wrapped_net_is_recognized() -> None:
    model = nn.DataParallel(resnet20()).eval()
    checkpoint = {"epoch": 9, "optimizer": {}, "state_dict": model.state_dict()}
    x = torch.rand(1, 3, 8, 8)
    assert torch.equal(recognize(checkpoint)(x), model(x))


@pytest.mark.parametrize(
    ("checkpoint", "message"),
    [
        ({}, "empty"),
        ({"state_dict": {}}, "empty"),
        ({"epoch": 3, "fc.bias": WEIGHT}, "'epoch' is a int"),
        ({"model": nn.Identity()}, "'model' is a Identity"),
        ({0: WEIGHT}, "The entry 0"),
    ],
)
def test_what_is_no_state_dict_is_refused(checkpoint: dict[str, object], message: str) -> None:
    with pytest.raises(SourceError, match=message):
        unwrap_state_dict(checkpoint)
