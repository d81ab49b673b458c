"""A folded PyTorch model as an exported program, `.pt2`."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import nn

from bnfold.errors import NotEquivalentError, SourceError, first_line
from bnfold.fx.trace import tensors


def write_program(module: nn.Module, examples: Sequence[torch.Tensor], path: Path) -> None:
    """Export a module with a dynamic batch size, save it, read it again and compare.

    Args:
        module: in eval mode.
        examples: inputs that it takes, batch first.
        path: the file to write.

    Raises:
        SourceError: torch.export does not take the module.
        NotEquivalentError: the file read again computes something else.
    """
    batch = torch.export.Dim("batch")
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        try:
            dynamic = tuple({0: batch} for _ in examples)
            program = torch.export.export(module, tuple(examples), dynamic_shapes=dynamic)
        except Exception as error:
            raise SourceError(f"torch.export cannot export the folded module: {first_line(error)}.") from None
        torch.export.save(program, path)
        again = torch.export.load(path).module()
        pairs = zip(tensors(again(*examples)), tensors(module(*examples)), strict=True)
        if not all(torch.equal(a, b) for a, b in pairs):
            raise NotEquivalentError("The exported program does not compute what the folded module does.")
