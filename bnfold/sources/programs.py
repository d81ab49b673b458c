"""TorchScript archives and exported programs as graphs of ATen calls, which trace and fold like any module."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import fx, nn
from torch.fx.experimental.proxy_tensor import make_fx

from bnfold.errors import SourceError, UsageError, first_line
from bnfold.sources.screening import screen_program, screen_script

ADVICE = "export it anew after `model.eval()`"
_TRAINING = {"batch_norm": 5, "dropout": 2, "native_batch_norm": 5, "_native_batch_norm_legit": 5, "alpha_dropout": 2}
"""Operators with a flag for training, and its place among the arguments."""


def read_script(path: Path, *, trust: bool = False) -> tuple[nn.Module, str]:
    """A TorchScript archive as torch reads it, in eval mode, and whether that had to be switched on.

    Raises:
        SourceError: it is damaged, or its code touches files.
    """
    if not trust:
        screen_script(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # TorchScript is deprecated; whoever has such a file knows
            module: nn.Module = torch.jit.load(str(path), map_location="cpu")  # type: ignore[no-untyped-call]
        switched = ", switched from training to eval mode" if module.training else ""
        return module.eval(), switched
    except Exception as error:
        raise SourceError(f"{path} is not a TorchScript archive that torch reads: {first_line(error)}.") from None


def as_graph(script: nn.Module, shape: Sequence[int]) -> fx.GraphModule:
    """The calls that a TorchScript module makes on an image of this shape.

    Raises:
        UsageError: it does not take such an input.
        SourceError: it was saved in training mode and cannot leave it.
    """
    dtype = next((p.dtype for p in script.parameters() if p.is_floating_point()), torch.float32)
    example = torch.zeros(max(shape[0], 2), *shape[1:], dtype=dtype)
    try:
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            graph_module = make_fx(script, pre_dispatch=True)(example)
    except Exception as error:
        given = "x".join(map(str, shape))
        raise UsageError(f"The model does not take an input of shape {given}: {first_line(error)}.") from None
    _refuse_training(graph_module, "This TorchScript module")
    return _with_names(graph_module, script)


def read_program(path: Path, *, trust: bool = False) -> tuple[fx.GraphModule, dict[str, tuple[int, ...]]]:
    """An exported program as a module, and the shapes it was exported for by input name.

    Raises:
        SourceError: it is damaged, was exported in training mode, or could run more than its operators.
    """
    if not trust:
        screen_program(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            program = torch.export.load(path)
            module = program.module(check_guards=False)
    except Exception as error:
        raise SourceError(f"{path} is not an exported program that torch reads: {first_line(error)}.") from None
    _refuse_training(module, str(path))
    shapes = {
        node.name: tuple(int(extent) for extent in node.meta["val"].shape)
        for node in program.graph.nodes
        if node.op == "placeholder" and node.name in program.graph_signature.user_inputs
    }
    return _plain(module), shapes


def _refuse_training(module: fx.GraphModule, name: str) -> None:
    for node in module.graph.nodes:
        place = _TRAINING.get(getattr(node.target, "_opname", ""), -1)
        flag = node.args[place] if 0 <= place < len(node.args) else node.kwargs.get("training", False)
        if place >= 0 and flag is True:
            raise SourceError(f"{name} was exported in training mode, as {node.name} shows; {ADVICE}.")


def _plain(module: fx.GraphModule) -> fx.GraphModule:
    """Without the checks of inputs and hooks that torch.export adds."""
    graph = fx.Graph()
    result = graph.graph_copy(module.graph, {})
    graph.output(result)
    for node in graph.nodes:
        if node.op == "call_module":
            raise SourceError(f"The exported program calls {node.target}, which is no operator.")
    plain = fx.GraphModule(module, graph, "ExportedProgram")
    return _in_eval_mode(plain)


def _with_names(graph_module: fx.GraphModule, script: nn.Module) -> fx.GraphModule:
    """The parameters of a traced graph under the paths that they have in the module."""
    named = (*script.named_parameters(), *script.named_buffers())
    names = {tensor.data_ptr(): name for name, tensor in named if tensor.numel()}
    root = nn.Module()
    attributes: dict[str, Any] = {}
    for node in graph_module.graph.nodes:
        if node.op == "get_attr":
            value = getattr(graph_module, node.target)
            node.target = names.get(value.data_ptr(), node.target)
            attributes[node.target] = value
    _store(root, attributes)
    return _in_eval_mode(fx.GraphModule(root, graph_module.graph, "TorchScript"))


def _store(root: nn.Module, attributes: Mapping[str, torch.Tensor]) -> None:
    for path, value in attributes.items():
        owner = root
        *parents, name = path.split(".")
        for parent in parents:
            if parent not in owner._modules:
                owner.add_module(parent, nn.Module())
            owner = owner.get_submodule(parent)
        owner.register_buffer(name, value.detach())


def _in_eval_mode(module: fx.GraphModule) -> fx.GraphModule:
    for part in module.modules():
        part.training = False
    return module
