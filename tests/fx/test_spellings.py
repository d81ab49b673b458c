"""Settings of calls, and writes in place: what is written computes what torch does, or is left to torch."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from bnfold.errors import SourceError
from bnfold.fx import fold_module
from bnfold.fx.forms import NotWritableError
from bnfold.fx.write import write_onnx
from tests.fx.nets import normal, seeded
from tests.fx.test_write import assert_written_right, of

X = normal(2, 4, 6, 8)

WRITTEN = {
    "elu": of(lambda x: F.elu(x, 0.3, False)),
    "celu": of(lambda x: F.celu(x, alpha=0.4)),
    "softplus": of(lambda x: F.softplus(x, beta=1)),
    "softmax": of(lambda x: F.softmax(x, dim=-3)),
    "dropout": of(lambda x: F.dropout(x, 0.5, False).relu()),
    "dropout named": of(lambda x: F.dropout2d(x, training=False).relu()),
    "alpha_dropout": of(lambda x: F.alpha_dropout(x, 0.5).relu()),
    "log_softmax": nn.LogSoftmax(1),
    "shuffled": nn.ChannelShuffle(2),
    "grown": nn.PixelShuffle(2),
    "shrunk": nn.PixelUnshuffle(2),
    "F.channel_shuffle": of(lambda x: F.channel_shuffle(x, 2)),
    "matrix": of(lambda x: x.mean((2, 3)).t().t()),
    "stacked": of(lambda x: torch.stack([x, x.relu()], dim=-1)),
    "unbound": of(lambda x: torch.stack(x.unbind(1), 2)),
}


@pytest.mark.parametrize("name", WRITTEN)
def test_it_is_written(name: str) -> None:
    assert_written_right(WRITTEN[name], X)


LEFT = {
    "another beta": (nn.Softplus(2.0), "[Ss]oftplus"),
    "another threshold": (of(lambda x: F.softplus(x, 1, 5)), "softplus"),
    "a scaled elu": (of(lambda x: torch.ops.aten.elu(x, 0.5, 2.0)), "elu"),
    "another type": (of(lambda x: F.softmax(x, 1, dtype=torch.float64)), "softmax"),
    "a dropout that trains": (of(lambda x: F.dropout(x, 0.0)), "dropout"),
    "bits": (of(lambda x: x.view(torch.int32).view(torch.float32)), "view"),
    "an empty tensor": (of(lambda x: torch.cat([x, x.new_empty(0)], 1)), "cat|new_empty"),
    "two types": (of(lambda x: torch.cat([x, x.double()], 1)), "cat|double"),
    "parts of the batch": (of(lambda x: torch.cat(x.split(1), 1)), "getitem|split|cat"),
    "samples one by one": (of(lambda x: torch.stack(x.unbind(0), 1)), "fixes the batch size|unbind|stack"),
    "one sample": (of(lambda x: F.pixel_unshuffle(x[0], 2)), "getitem|pixel_unshuffle"),
}


@pytest.mark.parametrize("name", LEFT)
def test_it_is_left_to_torch(name: str) -> None:
    module, told = LEFT[name]
    with pytest.raises(NotWritableError, match=told):
        write_onnx(module, [X], ["x"])


@pytest.mark.parametrize(
    "name", [name for name in LEFT if name not in ("two types", "another type", "parts of the batch")]
)
def test_no_units_pass_what_is_left_to_torch(name: str) -> None:
    """The same call between a batch normalization and a layer: whatever stays, the folded module computes the same."""

    class Between(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.bn, self.call = nn.BatchNorm2d(4), LEFT[name][0]
            self.last = nn.LazyLinear(3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.last(self.call(self.bn(torch.sigmoid(x))).flatten(1))

    module = Between()
    with torch.no_grad():
        module(X)
    module = seeded(module)
    result, plan = fold_module(module, (X,))
    assert plan.removed == ()
    with torch.no_grad():
        torch.testing.assert_close(result(X), module(X))


def twice(form):
    """A form that may write into what it is given, which is nobody else's."""
    return of(lambda x: form(x * 2))


def renewed(form):
    """The form writes, and what it wrote into is returned, as it then is."""

    class Renewed(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y = x * 2
            form(y)
            return y

    return Renewed()


def added(x: torch.Tensor) -> torch.Tensor:
    x += 1.5
    x -= 0.5
    x *= 3
    x /= 2
    return x


IN_PLACE = {
    "method": lambda x: x.relu_(),
    "function": torch.relu_,
    "F.elu_": lambda x: F.elu_(x, 0.3),
    "leaky": lambda x: F.leaky_relu(x, 0.2, True),
    "named": lambda x: F.hardtanh(x, -1.0, 0.5, inplace=True),
    "aten": lambda x: torch.ops.aten.add_.Tensor(x, 1.5),
    "sigmoid": torch.sigmoid_,
}


def test_operators_that_write_give_what_they_are_assigned_to() -> None:
    assert_written_right(twice(added), X)


@pytest.mark.parametrize(("name", "wrapped"), [(name, wrapped) for name in IN_PLACE for wrapped in (twice, renewed)])
def test_what_is_written_in_place_is_read_as_it_then_is(name: str, wrapped) -> None:
    assert_written_right(wrapped(IN_PLACE[name]), X)


class Counting(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("runs", torch.zeros(1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.runs.add_(1)
        return x * self.runs


class Seen(nn.Module):
    """A view is read after what it views was written."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = x * 2
        view = y.view(-1, 4 * 48)
        y.add_(1)
        return view


class Into(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = x * 2
        torch.add(x, 1, out=y)
        return y


class Copied(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = x * 2
        y.copy_(x.relu())
        return y


@pytest.mark.parametrize(
    ("module", "says"),
    [
        (renewed(added), "does not compute what the module does; export it with torch.onnx.export"),
        (Counting(), "changes its own attribute runs whenever it runs"),
        (Seen(), "writes into memory that is read under another name"),
        (Into(), "writes into memory that is read under another name"),
        (Copied(), "writes into memory that is read under another name"),
    ],
)
def test_writes_that_cannot_be_taken_out(module: nn.Module, says: str) -> None:
    with pytest.raises(SourceError, match=says) as refused:
        fold_module(module.eval(), (X,))
    assert "\n" not in str(refused.value)
