"""Where torch or another optional package is not installed, the tests that import it are skipped, and say so.

Only an import in a test's own code skips it. One in bnfold fails there, as it would for a user.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

import pytest

OPTIONAL = frozenset({"onnxsim", "onnxslim", "rapidocr_onnxruntime", "torch"})
TESTS = Path(__file__).parent


class Skipping(MetaPathFinder):
    """Asked last: whatever it is asked for is not installed."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname.partition(".")[0] in OPTIONAL and TESTS in _importer().parents:
            pytest.skip(f"{fullname} is not installed", allow_module_level=True)
        return None


def _importer() -> Path:
    """The file whose import statement is being carried out."""
    frame = sys._getframe(2)
    while frame.f_back is not None and "importlib" in frame.f_code.co_filename:
        frame = frame.f_back
    return Path(frame.f_code.co_filename)


def install() -> None:
    """Let missing packages skip what imports them."""
    sys.meta_path.append(Skipping())
