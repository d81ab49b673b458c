"""Where torch or another optional package is not installed, the tests that need it are skipped, and say so.

Those are tests whose own code, or that of the docs and benchmarks, imports it, and tests to which bnfold says that a
PyTorch model needs it. Any other import of it in bnfold fails there, as it would for a user.
"""

from __future__ import annotations

import sys
from collections.abc import Generator, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

import pytest

from bnfold.errors import MissingExtraError

OPTIONAL = frozenset({"onnxscript", "onnxsim", "onnxslim", "rapidocr_onnxruntime", "safetensors", "torch"})
ROOT = Path(__file__).parents[1]
TESTED_WITH = frozenset(ROOT / name for name in ("benchmarks", "docs", "models", "tests"))
TORCH = find_spec("torch") is not None


class Skipping(MetaPathFinder):
    """Asked last: whatever it is asked for is not installed."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname.partition(".")[0] in OPTIONAL and not TESTED_WITH.isdisjoint(_importer().parents):
            pytest.skip(f"{fullname} is not installed", allow_module_level=True)
        return None


def _importer() -> Path:
    """The file whose import statement is being carried out."""
    frame = sys._getframe(2)
    while frame.f_back is not None and "importlib" in frame.f_code.co_filename:
        frame = frame.f_back
    return Path(frame.f_code.co_filename)


def skip_if_needed(message: str) -> None:
    """Skip a test that was told to install torch, where it is not."""
    if "bnfold[torch]" in message and not TORCH:
        pytest.skip(message)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup() -> Generator[None, object, object]:
    """Of fixtures that call functions of bnfold."""
    return (yield from _skipping())


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Generator[None, object, object]:
    """Of tests that call functions of bnfold."""
    return (yield from _skipping())


def _skipping() -> Generator[None, object, object]:
    try:
        return (yield)
    except MissingExtraError as error:
        skip_if_needed(str(error))
        raise


def install() -> None:
    """Let missing packages skip what imports them."""
    sys.meta_path.append(Skipping())
