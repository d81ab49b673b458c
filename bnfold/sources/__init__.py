"""Where models come from: every kind of input becomes an ONNX file on disk and a name for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from bnfold.errors import SourceError

if TYPE_CHECKING:
    from bnfold.sources.witness import Witness

CHECKPOINTS = (".pt", ".pth", ".bin", ".ckpt", ".tar", ".pt2", ".safetensors")


@dataclass(frozen=True)
class Source:
    """A model ready to be folded.

    Attributes:
        name: what the user called it.
        path: an ONNX file with the unfolded model.
        description: one line on what it was recognized as.
        shapes: input shapes that the user gave and the file does not hold.
        witness: the PyTorch module that the file was written from, if it was.
    """

    name: str
    path: Path
    description: str
    shapes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    witness: Witness | None = None


@dataclass(frozen=True)
class Reading:
    """How a PyTorch file is to be read.

    Attributes:
        arch: architecture of a state dict, as `bnfold.sources.architecture` names it; None recognizes ResNets.
        trust: run whatever code the file asks for.
    """

    arch: str | None = None
    trust: bool = False


@contextmanager
def opened(
    source: Any, shapes: Mapping[str, tuple[int, ...]] | None = None, reading: Reading = Reading()
) -> Iterator[Source]:
    """Bring a model into ONNX; what is written for that is gone when the context ends.

    Args:
        source: a path to an .onnx file or a PyTorch checkpoint, an `onnx_ir.Model`, an `onnx.ModelProto`, or an
            `nn.Module`.
        shapes: input shapes by name, needed for a module whose input shape nothing tells.
        reading: how a PyTorch file is to be read.

    Raises:
        SourceError: the file is missing, unreadable or of a kind that is not supported.
        UsageError: a shape is missing or does not fit.
        MissingExtraError: PyTorch is needed and not installed.
    """
    with TemporaryDirectory(prefix="bnfold-") as folder:
        exported = Path(folder, "model.onnx")
        if isinstance(source, str | Path):
            yield _from_file(Path(source), exported, shapes, reading)
        elif is_onnx(source):
            from bnfold.sources.onnx import write

            write(source, exported)
            yield Source("model", exported, "ONNX model in memory", shapes or {})
        else:
            yield _from_module(source, exported, shapes)


def check_exists(path: Path) -> None:
    """Raise `SourceError` if there is nothing at the path of a source."""
    if not path.exists():
        raise SourceError(f"{path} does not exist." if str(path) != "-" else "Standard input is not read; name a file.")


def check_shapes(source: Source) -> None:
    """Raise `UsageError` if a shape that the user gave does not fit an input of the model."""
    if source.shapes:
        from bnfold.sources.onnx import load
        from bnfold.verification.inputs import check_fit

        check_fit(load(source.path), source.shapes)


def is_onnx(model: Any) -> bool:
    """Whether a model in memory is one of onnx or onnx_ir; anything else is taken for an `nn.Module`."""
    return type(model).__module__.split(".")[0] in ("onnx", "onnx_ir")


def _from_module(module: Any, exported: Path, shapes: Mapping[str, tuple[int, ...]] | None) -> Source:
    from bnfold.sources.module import write_module

    written = write_module(module, exported, shapes)
    switched = ", folded in eval mode" if module.training else ""
    description = f"PyTorch module {type(module).__name__}{switched}, {written.how}"
    return Source(type(module).__name__, exported, description, witness=written.witness)


def _from_file(path: Path, exported: Path, shapes: Mapping[str, tuple[int, ...]] | None, reading: Reading) -> Source:
    check_exists(path)
    if path.is_dir():
        raise SourceError(f"{path} is a folder; give a model file.")
    if path.stat().st_size == 0:
        raise SourceError(f"{path} is empty.")
    if path.suffix.lower() in CHECKPOINTS:
        from bnfold.sources.checkpoint import read_checkpoint
        from bnfold.sources.module import write_module

        checkpoint = read_checkpoint(path, shapes, arch=reading.arch, trust=reading.trust)
        written = write_module(checkpoint.module, exported, checkpoint.input_shapes, checkpoint.witness)
        return Source(str(path), exported, f"{checkpoint.description}, {written.how}", witness=written.witness)
    if path.suffix.lower() != ".onnx":
        kinds = ", ".join((".onnx", *CHECKPOINTS))
        raise SourceError(f"{path} is of no kind that bnfold reads; it reads {kinds} files.")
    from bnfold.sources.onnx import check

    check(path)
    return Source(str(path), path, "ONNX model", shapes or {})
