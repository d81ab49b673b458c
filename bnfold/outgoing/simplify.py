"""onnxsim on the folded file, in a child process, for the rest of the graph."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from bnfold import save
from bnfold.errors import MissingExtraError, SourceError
from bnfold.isolation import ChildError, call
from bnfold.sources.onnx import load


def simplify(path: Path, *, external: bool = False) -> None:
    """Replace a model file by its simplified form.

    Raises:
        MissingExtraError: onnxsim is not installed.
        SourceError: onnxsim fails, or does not vouch for its result.
    """
    from importlib.util import find_spec

    if find_spec("onnxsim") is None:
        raise MissingExtraError("--simplify", "simplify")
    with TemporaryDirectory(dir=path.parent) as folder:
        simplified = Path(folder, path.name)
        try:
            call(f"{__name__}:run_onnxsim", source=str(path), target=str(simplified))
        except ChildError as error:
            raise SourceError(f"onnxsim cannot simplify the folded model; leave --simplify out. {error}") from None
        save.write(load(simplified), path, external=external)


def run_onnxsim(source: str, target: str) -> None:
    """What `simplify` does in its child process."""
    import onnx
    import onnxsim

    model, checked = onnxsim.simplify(source, check_n=0)
    if not checked:
        raise SourceError("onnxsim does not vouch for its result; leave --simplify out.")
    large = model.ByteSize() > save.SINGLE_FILE_LIMIT
    onnx.save(model, target, save_as_external_data=large, location=f"{Path(target).name}.data")
