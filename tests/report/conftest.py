"""Reports to render: folded once for all tests."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.report import hostile


@pytest.fixture(scope="session")
def hostile_json(tmp_path_factory: pytest.TempPathFactory) -> str:
    return json.dumps(hostile.folded(tmp_path_factory.mktemp("hostile")), allow_nan=False)


@pytest.fixture
def data(hostile_json: str) -> dict[str, Any]:
    """A fresh copy of the report of the network with hostile names."""
    return json.loads(hostile_json)


@pytest.fixture(scope="session")
def digits(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The report of a trained network, as a fold from the command line has it."""
    import bnfold
    from bnfold.verification import Settings

    models = Path(__file__).parents[2] / "models"
    target = tmp_path_factory.mktemp("digits") / "folded.onnx"
    source, samples = models / "resnet20v2_digits.pt", models / "digits_test.npz"
    report = bnfold.fold(source, output=target, data=samples, settings=Settings(trace=True), details=True).report
    return json.loads(json.dumps(report.to_json(), allow_nan=False))
