"""Write the list of networks: of every module of timm and torchvision that uses batch normalization, the smallest.

`python -m benchmarks.zoo.families > benchmarks/zoo/models.txt` rewrites the list after a library was updated.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

import timm
import torch
import torchvision

from benchmarks.zoo.models import build, count_normalizations

ALWAYS = (
    "timm:resnetv2_18",
    "timm:resnetv2_50",
    "timm:nextvit_small",
    "timm:repvgg_a0",
    "timm:mobileone_s0",
    "timm:repghostnet_050",
    "timm:mobilevitv2_100",
    "timm:convmixer_768_32",
    "timm:densenet121",
    "timm:dpn68",
    "timm:resnet18d",
    "timm:resnetaa50",
    "timm:seresnet50",
    "timm:ecaresnet26t",
    "timm:lambda_resnet26t",
    "timm:botnet26t_256",
    "timm:gernet_s",
    "timm:mixnet_s",
    "timm:mobilenetv2_050",
    "timm:tinynet_e",
    "timm:efficientnet_b0",
    "timm:efficientnet_es",
    "timm:tf_efficientnetv2_b0",
    "timm:mobilenetv4_conv_small",
    "timm:fbnetv3_b",
    "timm:coatnet_nano_rw_224",
    "timm:mobilenet_edgetpu_100",
    "timm:ghostnetv2_100",
    "timm:ghostnetv3_100",
    "timm:repghostnet_100",
    "timm:xception65p",
    "timm:vit_base_resnet26d_224",
    "timm:fastvit_mci1",
    "timm:regnety_002",
    "timm:cspresnet50",
    "timm:darknet53",
    "torchvision:resnet18",
    "torchvision:resnet50+frozen",
    "torchvision:mobilenet_v3_large",
    "torchvision:resnet50",
)
"""Networks whose numbers other pages quote, whether or not they are the smallest of their module."""


def members() -> Iterator[tuple[str, list[str]]]:
    """Every module of both libraries, with the networks it builds."""
    for module in timm.list_modules():
        yield f"timm.{module}", [f"timm:{name}" for name in timm.list_models(module=module)]
    modules: dict[str, list[str]] = {}
    for name in torchvision.models.list_models():
        module = torchvision.models.get_model_builder(name).__module__
        if ".quantization." not in module:
            modules.setdefault(module, []).append(f"torchvision:{name}")
    yield from sorted(modules.items())


def smallest(names: list[str]) -> str | None:
    """The network with the fewest parameters among those that use batch normalization."""
    sizes = {}
    for name in names:
        if "test_" in name:
            continue
        try:
            with torch.device("meta"):
                module = build(name)
        except Exception:  # some constructors compute with their parameters, which the meta device cannot
            try:
                module = build(name)
            except Exception as error:  # and some need a package of their own
                print(f"{name}: {error}", file=sys.stderr)
                continue
        if count_normalizations(module):
            sizes[name] = sum(parameter.numel() for parameter in module.parameters())
    return min(sizes, key=sizes.__getitem__, default=None)


def main() -> None:
    """Print the list, one name a line, after a comment that names the module."""
    chosen: set[str] = set(ALWAYS)
    print("# named in the documentation", *ALWAYS, sep="\n", flush=True)
    for module, names in members():
        name = smallest(names)
        if name is not None and name not in chosen:
            chosen.add(name)
            print(f"# {module}", name, sep="\n", flush=True)


if __name__ == "__main__":
    main()
