"""The README on a package index, where no file lies beside it, has no broken link or picture, and all of its words."""

import re
import tomllib

from tests.docs.markdown import ROOT

SUBSTITUTIONS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["metadata"]["hooks"][
    "fancy-pypi-readme"
]["substitutions"]


def shown(text: str) -> str:
    for each in SUBSTITUTIONS:
        text = re.sub(each["pattern"], each["replacement"], text)
    return text


def test_nothing_of_the_readme_leads_nowhere():
    page = shown((ROOT / "README.md").read_text())
    targets = re.findall(r"\]\(([^)]+)\)|\b(?:src|srcset|href)=\"([^\"]+)\"", page)
    assert [target for pair in targets for target in pair if target and not target.startswith(("https:", "#"))] == []
    assert page.startswith("# bnfold\n")
    assert "When not to use it" in page


def test_what_is_taken_out_and_what_stays():
    page = (
        "See [the\ndoors](docs/doors.md#out), [ONNX](https://onnx.ai) and `x[0](y)`.\n\n![A picture](docs/a.svg)\n\n"
        '<picture>\n<source srcset="d">\n<img src="docs/b.svg">\n</picture>\n\n<img src="docs/c.svg">\n[up](#use)\n'
    )
    assert shown(page) == "See the\ndoors, [ONNX](https://onnx.ai) and `x[0](y)`.\n\n[up](#use)\n"
