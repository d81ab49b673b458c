"""The page of proofs beside those of `onnxsim --certify`, from its record."""

from __future__ import annotations

from typing import Any

CANDIDATES = {
    "fold": "bnfold's fold",
    "tampered": "that fold, one weight off by a thousandth",
    "simplified": "onnxsim's own result",
}


def page(data: dict[str, Any]) -> str:
    """Markdown."""
    versions = data["versions"]
    lines = [
        "# Proofs beside those of onnxsim",
        "",
        "`python -m benchmarks.certificate.compared` wrote this page; the record is",
        "[compared.json](../benchmarks/certificate/compared.json). `onnxsim --certify` "
        f"({versions['onnxsim']}, Z3 {versions['z3-solver']})",
        "needs no certificate: it compares any two models, and asks a solver for an input on which they differ by more",
        "than 1e-5 plus 1e-4 of the value. bnfold checks the claims that its own fold made, and asks whether every",
        "stored number is its exact value rounded once. Seconds are those of the processor.",
        "",
        "| model | candidate | bnfold | s | onnxsim, any input | s | onnxsim, inputs within 4 of 0 | s |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in data["rows"]:
        for key, title in CANDIDATES.items():
            answers = [row[tool].get(key) for tool in ("bnfold", "onnxsim", "onnxsim_ranged")]
            cells = [row["model"], title, *(cell for answer in answers for cell in _cells(answer))]
            lines.append(f"| {' | '.join(cells)} |")
    lines += [
        "",
        "`refuted` on a correct fold is no mistake of Z3: over all real inputs, weights that were rounded do make the",
        "outputs differ by more than any tolerance that does not grow with the input. bnfold's theorem allows each",
        "stored number its rounding instead. Its equations are local, so the size of the network or of the batch does",
        "not matter.",
    ]
    return "\n".join(lines) + "\n"


def _cells(answer: dict[str, Any] | None) -> tuple[str, str]:
    if answer is None:
        return "has no certificate", ""
    return " ".join(answer["said"].replace("|", "/").split()), f"{answer['seconds']:.2f}"
