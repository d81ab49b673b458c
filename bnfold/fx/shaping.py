"""Calls that rearrange elements without picking any: reshapes, transpositions, joining and splitting."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from torch import fx, nn

from bnfold.fx.call import Call, Slot, constant
from bnfold.fx.probe import Fact
from bnfold.network import OpaqueError, Tensor

Reader = Callable[[Call], None]


def reshape(call: Call) -> None:
    """Anything that keeps the elements in their order: the two shapes say all."""
    if not call.keeps_type():
        raise OpaqueError("it reinterprets the elements")
    call.emit("Reshape", [call.x])


def permute(call: Call) -> None:
    """Permute, with the axes one by one or as a sequence."""
    _transpose(call, [axis % call.rank() for axis in call.rest(1, "dims")])


def transpose(call: Call) -> None:
    """Exchange of two axes."""
    axes = [call.static(1, "dim0"), call.static(2, "dim1")]
    order = list(range(call.rank()))
    first, second = (axis % call.rank() for axis in axes)
    order[first], order[second] = second, first
    _transpose(call, order)


def t(call: Call) -> None:
    """Transposition of a matrix."""
    _transpose(call, list(range(call.rank()))[::-1])


def _transpose(call: Call, order: list[int]) -> None:
    call.emit("Transpose", [call.x], perm=order)


def expand(call: Call) -> None:
    """Copies along axes of extent 1 or new axes in front."""
    call.emit("Expand", [call.x])


def concat(call: Call) -> None:
    """torch.cat of tensors of one dtype."""
    parts = _parts(call)
    axis = call.static(1, "dim", 0) % len(call.shape())
    if any(part.shape is None or len(part.shape) != len(call.shape()) for part in parts):
        raise OpaqueError("an empty tensor is among them")
    slots = {i: Slot("tensors", 0, i) for i, part in enumerate(parts) if part.constant is not None}
    call.emit("Concat", parts, slots=slots, axis=axis)


def stack(call: Call) -> None:
    """torch.stack: a new axis of extent 1 in each tensor, then a Concat."""
    parts, shape = _parts(call), list(call.shape())
    axis = call.static(1, "dim", 0) % len(shape)
    shape[axis] = 1
    raised = [call.helper(str(i), shape) for i in range(len(parts))]
    for part, lifted in zip(parts, raised, strict=True):
        call.emit("Reshape", [part], outputs=[lifted])
    call.emit("Concat", raised, axis=axis)


def _parts(call: Call) -> list[Tensor]:
    given, result = call.raw(0, "tensors"), call.lift.seen.values[call.node]
    if isinstance(given, fx.Node):
        return _told(call, given)
    facts = [call.lift.seen.values[node] if isinstance(node, fx.Node) else None for node in given]
    if not all(isinstance(f, Fact) and isinstance(result, Fact) and f.dtype == result.dtype for f in facts):
        raise OpaqueError("it changes a dtype")
    return [call.lift.tensor(node) for node in given]


def _told(call: Call, node: fx.Node) -> list[Tensor]:
    """The tensors of a node that gives several, whose number is the same for every batch."""
    parts = call.lift.all_tensors(node)
    if not parts:
        raise OpaqueError("the parts depend on the batch size")
    return parts


def split(call: Call) -> None:
    """split, chunk, tensor_split: what they return says in which sizes."""
    parts = _told(call, call.node)
    call.emit("Split", [call.x], outputs=parts, axis=call.static(2, "dim", 0) % call.rank())


def unbind(call: Call) -> None:
    """unbind: a split in parts of extent 1, without that axis."""
    parts = _told(call, call.node)
    axis = call.static(1, "dim", 0) % call.rank()
    shape = [1 if i == axis else dim for i, dim in enumerate(call.extents)]
    slices = [call.helper(str(i), shape) for i in range(len(parts))]
    call.emit("Split", [call.x], outputs=slices, axis=axis)
    for piece, part in zip(slices, parts, strict=True):
        call.emit("Reshape", [piece], outputs=[part])


def channel_shuffle(call: Call) -> None:
    """F.channel_shuffle: channel j of group i goes to channel i of group j."""
    _channel_shuffle(call, int(call.static(1, "groups")))


def channel_shuffle_module(call: Call) -> None:
    """nn.ChannelShuffle."""
    _channel_shuffle(call, int(call.setting("groups")))


def _channel_shuffle(call: Call, groups: int) -> None:
    channels = call.x.extent(1)
    if channels is None:
        raise OpaqueError("the number of channels is not known")
    order = np.arange(channels).reshape(groups, -1).T.reshape(-1)
    call.emit("Gather", [call.x, constant(f"{call.node.name}.order", order)], axis=1)


def pixel_shuffle(call: Call) -> None:
    """F.pixel_shuffle."""
    call.emit("DepthToSpace", [call.x], blocksize=int(call.static(1, "upscale_factor")), mode="CRD")


def pixel_shuffle_module(call: Call) -> None:
    """nn.PixelShuffle."""
    call.emit("DepthToSpace", [call.x], blocksize=int(call.setting("upscale_factor")), mode="CRD")


def pixel_unshuffle(call: Call) -> None:
    """F.pixel_unshuffle."""
    _pixel_unshuffle(call, int(call.static(1, "downscale_factor")))


def pixel_unshuffle_module(call: Call) -> None:
    """nn.PixelUnshuffle."""
    _pixel_unshuffle(call, int(call.setting("downscale_factor")))


def _pixel_unshuffle(call: Call, block: int) -> None:
    """ONNX's SpaceToDepth orders channels otherwise, so this is written out."""
    if call.rank() != 4:
        raise OpaqueError("the input has no batch axis")
    batch, channels = call.extents[:2]
    height, width = call.shape()[2:]
    opened = call.helper("opened", [batch, channels, height, block, width, block])
    moved = call.helper("moved", [batch, channels, block, block, height, width])
    call.emit("Reshape", [call.x], outputs=[opened])
    call.emit("Transpose", [opened], outputs=[moved], perm=[0, 1, 3, 5, 2, 4])
    call.emit("Reshape", [moved])


MODULES: dict[type[nn.Module], Reader] = {
    nn.Flatten: reshape,
    nn.Unflatten: reshape,
    nn.ChannelShuffle: channel_shuffle_module,
    nn.PixelShuffle: pixel_shuffle_module,
    nn.PixelUnshuffle: pixel_unshuffle_module,
}
FUNCTIONS: dict[Callable[..., object], Reader] = {
    **dict.fromkeys(
        (torch.flatten, torch.reshape, torch.squeeze, torch.unsqueeze, torch.unflatten, torch.ravel), reshape
    ),
    torch.permute: permute,
    **dict.fromkeys((torch.transpose, torch.swapaxes, torch.swapdims), transpose),
    torch.t: t,
    **dict.fromkeys((torch.cat, torch.concat, torch.concatenate), concat),
    torch.stack: stack,
    **dict.fromkeys((torch.split, torch.chunk, torch.tensor_split), split),
    torch.unbind: unbind,
    **dict.fromkeys((F.channel_shuffle, torch.channel_shuffle), channel_shuffle),
    **dict.fromkeys((F.pixel_shuffle, torch.pixel_shuffle), pixel_shuffle),
    **dict.fromkeys((F.pixel_unshuffle, torch.pixel_unshuffle), pixel_unshuffle),
}
METHODS: dict[str, Reader] = {
    **dict.fromkeys(
        (
            "view",
            "reshape",
            "view_as",
            "reshape_as",
            "flatten",
            "unflatten",
            "squeeze",
            "unsqueeze",
            "ravel",
        ),
        reshape,
    ),
    "permute": permute,
    **dict.fromkeys(("transpose", "swapaxes", "swapdims"), transpose),
    "t": t,
    **dict.fromkeys(("expand", "expand_as"), expand),
    **dict.fromkeys(("split", "chunk", "tensor_split"), split),
    "unbind": unbind,
}
