"""What a file may ask for when it is unpickled, and what it gets when it asks for more: nothing."""

import argparse
import functools
import os
import pickle
import subprocess

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import fx, nn

from bnfold import zoo
from bnfold.errors import SourceError
from bnfold.sources.unpickle import unpickle


class Reduced:
    """Pickled as a call of this function with these arguments."""

    def __init__(self, function, *arguments, state=None):
        self.call = (function, arguments) if state is None else (function, arguments, state)

    def __reduce__(self):
        return self.call


def touch(*_):
    raise AssertionError("unpickling called a function of the file")


MALICIOUS = {
    "os.system": lambda: Reduced(os.system, "touch pwned"),
    "eval": lambda: Reduced(eval, "open('pwned', 'w')"),
    "exec": lambda: Reduced(exec, "open('pwned', 'w')"),
    "open": lambda: Reduced(open, "pwned", "w"),
    "getattr": lambda: Reduced(getattr, nn.Module, "forward"),
    "subprocess": lambda: Reduced(subprocess.check_call, ["touch", "pwned"]),
    "partial": lambda: Reduced(functools.partial, print),
    "hub": lambda: Reduced(torch.hub.load, "someone/something", "model"),
    "load_url": lambda: Reduced(torch.hub.load_state_dict_from_url, "https://example.com/x.pth"),
    "torch.load": lambda: Reduced(torch.load, "other.pt"),
    "torch.save": lambda: Reduced(torch.save, {}, "pwned"),
    "graph module": lambda: fx.symbolic_trace(nn.Sequential(nn.ReLU())),
    "class of a test": lambda: Reduced(touch),
    "builder of the zoo": lambda: Reduced(zoo.resnet20),
    "class called": lambda: Reduced(nn.Linear, 3, 4),
    "nested": lambda: {"state_dict": {"weight": torch.ones(2), "more": [(Reduced(os.system, "touch pwned"),)]}},
    "in a layer": lambda: _with_attribute(Reduced(os.system, "touch pwned")),
    "state of a layer": lambda: Reduced(nn.ReLU, state=Reduced(os.system, "touch pwned")),
}


def _with_attribute(value):
    layer = nn.ReLU()
    layer.extra = value
    return layer


@pytest.mark.parametrize("old", [False, True], ids=["zip", "older format"])
@pytest.mark.parametrize("name", MALICIOUS)
def test_a_malicious_file_is_refused_and_does_nothing(name, old, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save(MALICIOUS[name](), "evil.pt", _use_new_zipfile_serialization=not old)
    with pytest.raises(SourceError, match=r"evil\.pt"):
        unpickle(tmp_path / "evil.pt")
    assert [path.name for path in tmp_path.iterdir()] == ["evil.pt"]


def test_the_refusal_names_what_was_asked_for(tmp_path):
    torch.save(Reduced(torch.hub.load, "someone/something", "model"), tmp_path / "evil.pt")
    with pytest.raises(SourceError, match=r"wants to use torch\.hub\.load.*--trust"):
        unpickle(tmp_path / "evil.pt")


def test_trust_runs_it(tmp_path):
    torch.save(Reduced((tmp_path / "made").touch), tmp_path / "mine.pt")
    with pytest.raises(SourceError):
        unpickle(tmp_path / "mine.pt")
    assert not (tmp_path / "made").exists()
    unpickle(tmp_path / "mine.pt", trust=True)
    assert (tmp_path / "made").exists()


def test_modules_come_back_as_what_they_were(tmp_path):
    module = nn.Sequential(zoo.resnet20(), nn.Flatten())
    module.activation, module.layer_class, module.unregistered = F.relu, nn.BatchNorm2d, [nn.ReLU(inplace=True)]
    torch.save(module, tmp_path / "net.pt")
    again = unpickle(tmp_path / "net.pt")
    assert [type(part) for part in again.modules()] == [type(part) for part in module.modules()]
    assert again.activation is F.relu
    assert again.layer_class is nn.BatchNorm2d
    assert type(again.unregistered[0]) is nn.ReLU
    assert again.unregistered[0].inplace
    assert str(again) == str(module)
    torch.save(again, tmp_path / "again.pt")
    assert all(torch.equal(a, b) for a, b in zip(again.parameters(), module.parameters(), strict=True))


def test_a_module_in_the_older_format(tmp_path):
    torch.save(nn.Sequential(nn.ReLU()), tmp_path / "net.pth", _use_new_zipfile_serialization=False)
    with pytest.raises(SourceError, match=r"torch 1\.5 or older.*--trust"):
        unpickle(tmp_path / "net.pth")
    assert isinstance(unpickle(tmp_path / "net.pth", trust=True), nn.Sequential)


def test_what_training_scripts_store_beside_weights(tmp_path):
    best = {"acc": np.float64(0.5), "step": np.int64(3), "args": argparse.Namespace(lr=0.1), "seen": {1, 2}}
    torch.save({"state_dict": {"w": torch.ones(2)}, **best}, tmp_path / "train.ckpt")
    content = unpickle(tmp_path / "train.ckpt")
    assert content["acc"] == 0.5
    assert content["args"].lr == 0.1
    assert content["seen"] == {1, 2}


def test_plain_pickles_are_not_read(tmp_path):
    (tmp_path / "plain.pt").write_bytes(pickle.dumps(Reduced(os.system, "touch pwned")))
    with pytest.raises(SourceError):
        unpickle(tmp_path / "plain.pt")
