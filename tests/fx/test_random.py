"""Random modules: whatever the plan says, the folded module computes the same."""

import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from tests.fx.nets import folded, normal, seeded

LAYERS = (
    "conv",
    "padded",
    "depthwise",
    "functional",
    "shared",
    "transposed",
    "bn",
    "bn",
    "frozen",
    "number",
    "relu",
    "inplace",
    "leaky",
    "sigmoid",
    "max",
    "average",
    "residual",
    "dense",
    "shuffle",
    "gate",
    "shortcut pad",
    "tokens",
)


class Random(nn.Module):
    """A chain of layers on 4 channels and 6x6 positions, with detours that come back to that shape."""

    def __init__(self, steps):
        super().__init__()
        self.steps = steps
        self.shared = nn.Conv2d(4, 4, 1)
        self.layers = nn.ModuleList(self._layer(step) for step in steps)
        self.scale = nn.Parameter(torch.zeros(4, 1, 1))
        self.w = nn.Parameter(torch.zeros(4, 4, 1, 1))
        self.head = nn.Linear(4, 3)

    def _layer(self, step):
        return {
            "conv": lambda: nn.Conv2d(4, 4, 1, bias=False),
            "padded": lambda: nn.Conv2d(4, 4, 3, padding=1),
            "depthwise": lambda: nn.Conv2d(4, 4, 3, padding="same", padding_mode="replicate", groups=4),
            "transposed": lambda: nn.ConvTranspose2d(4, 4, 3, padding=1, groups=2),
            "bn": lambda: nn.BatchNorm2d(4),
            "inplace": lambda: nn.ReLU(inplace=True),
            "leaky": lambda: nn.LeakyReLU(0.1),
            "max": lambda: nn.MaxPool2d(3, 1, 1),
            "average": lambda: nn.AvgPool2d(3, 1, 1, count_include_pad=False),
            "dense": lambda: nn.Conv2d(8, 4, 1),
            "tokens": lambda: nn.Linear(4, 4, bias=False),
        }.get(step, nn.Identity)()

    def forward(self, x):
        before = x
        for step, layer in zip(self.steps, self.layers, strict=True):
            stream = x
            if step == "functional":
                x = F.conv2d(x, self.w * 2)
            elif step == "shared":
                x = self.shared(x)
            elif step == "frozen":
                x = x * self.scale + self.scale.abs()
            elif step == "number":
                x = 2 - x / 4
            elif step == "relu":
                x = torch.relu(x)
            elif step == "sigmoid":
                x = x.sigmoid()
            elif step == "residual":
                x = x + before
            elif step == "dense":
                x = layer(torch.cat([x, before], 1))
            elif step == "shuffle":
                x = x.view(x.size(0), 2, 2, 6, 6).transpose(1, 2).flatten(1, 2)
            elif step == "gate":
                x = x * x.mean((2, 3), keepdim=True)
            elif step == "shortcut pad":
                x = F.pad(x[:, 1:3], (0, 0, 0, 0, 1, 1))
            elif step == "tokens":
                x = layer(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
            else:
                x = layer(x)
            before = stream
        return self.head(x.mean((2, 3))), x


@settings(max_examples=40)
@given(st.lists(st.sampled_from(LAYERS), min_size=3, max_size=12), st.integers(0, 1000), st.booleans())
def test_random_modules_fold_exactly(steps, seed, signs):
    folded(seeded(Random(["conv", *steps]), seed, signs=signs), normal(2, 4, 6, 6, seed=seed))
