"""The site takes in what its pages link to, wherever it lies, and links follow."""

import pytest

from docs.make.outside import linked, outside, repository_path, site_path, turned


@pytest.mark.parametrize(
    ("path", "there"),
    [
        ("README.md", "index.md"),
        ("docs/doors.md", "doors.md"),
        ("docs/images/convergence.svg", "images/convergence.svg"),
        ("docs/examples/torchcrepe.py", "examples/torchcrepe.py.md"),
        ("benchmarks/zoo/RESULTS.md", "benchmarks/zoo/RESULTS.md"),
        ("benchmarks/doors/models.py", "benchmarks/doors/models.py.md"),
    ],
)
def test_paths_lead_there_and_back(path: str, there: str):
    assert site_path(path) == there
    assert repository_path(there) == path


@pytest.mark.parametrize(
    ("page", "link", "there"),
    [
        ("README.md", "[a](docs/doors.md)", "[a](doors.md)"),
        ("README.md", "![a](docs/images/convergence.svg)", "![a](images/convergence.svg)"),
        ("README.md", '<img src="docs/images/convergence.svg">', '<img src="images/convergence.svg">'),
        ("README.md", "[a](models/README.md#reproduce)", "[a](models/README.md#reproduce)"),
        ("docs/doors.md", "[a](../benchmarks/doors/models.py)", "[a](benchmarks/doors/models.py.md)"),
        ("docs/examples/torchcrepe.md", "[a](../../README.md)", "[a](../index.md)"),
        ("models/README.md", "![a](../docs/images/convergence.svg)", "![a](../images/convergence.svg)"),
        ("benchmarks/tool/RESULTS.md", "[a](results.json)", "[a](results.json)"),
        ("docs/doors.md", "[a](no-such-page.md) [b](#out) [c](https://onnx.ai/x)", None),
    ],
)
def test_links_are_turned(page: str, link: str, there: str | None):
    assert turned(link, page) == (there or link)


def test_only_files_that_exist_are_linked():
    markdown = "[a](docs/doors.md) [b](nothing.md) [c](https://onnx.ai/docs/doors.md) [d](docs)"
    assert list(linked(markdown, "README.md")) == ["docs/doors.md"]


def test_what_a_page_links_to_is_taken_in_and_what_that_links_to():
    taken = outside(["models/README.md"], [])
    assert taken[0] == "models/README.md"
    assert "models/resnet20_digits.md" in taken
    assert not any(path.startswith("docs/") for path in taken)
    assert "docs/examples/torchcrepe.py" not in outside([], ["docs/layout.md"])
