"""The proof: its checks, its outputs, and its sentences."""

from __future__ import annotations

from collections.abc import Container

from bnfold.report.content.table import Data, Name, Table, error, plural, table

SHOWN = 20
"""Of open claims and changed predictions the first are listed; JSON has them all."""
STEPS = {"simplified": "the simplification", "half": "the conversion to float16"}
"""What may come between the proof for every input and the file, by the entry of its own verdict."""


def before(report: Container[str]) -> str:
    """What only the fold is proved before: the end of a clause, empty where the fold is what was written."""
    return next((f" before {step}" for entry, step in STEPS.items() if entry in report), "")


def checks(found: Data) -> Table | None:
    """What was found, and what is allowed."""
    algebra, rounding = found["algebra"], found["rounding"]
    rows = []
    if algebra is not None:
        rows.append(("the rewrite, with unrounded weights", error(algebra["max_rel"]), error(algebra["bound"])))
        weights, file, module = algebra["weights"], algebra["file"], algebra["module"]
        if weights is not None:
            ulp = "∞" if weights["max_ulp"] is None else f"{weights['max_ulp']:.3g}"
            rows.append((f"rounding of {weights['checked']:,} weights", f"{ulp} ulp", "0.5 ulp"))
        if file is not None:
            rows.append(("the file, in float64", error(file["max_rel"]), error(file["bound"])))
        if module is not None:
            rows.append(("ONNX against the PyTorch module", error(module["max_rel"]), error(module["bound"])))
    if rounding is not None and rounding["folded"] is not None:
        run = f"run in {rounding['dtype']} by {rounding['by']}"
        rows.append((f"{run}, against the truth", error(rounding["folded"]), error(rounding["allowed"])))
        rows.append(("the original's own error there", error(rounding["original"]), ""))
    return table(("check", "found", "allowed"), rows, [1, 2])


def outputs(found: Data) -> Table | None:
    """How the outputs of the two models compare, as run."""
    rows = [
        (
            Name(item["output"]),
            error(item["max_abs"]),
            error(item["max_rel"]),
            "∞" if item["snr_db"] is None else f"{item['snr_db']:.0f}",
            f"{item['cosine']:.7f}",
            f"{item['top1']:.2%}" if "top1" in item else "",
        )
        for item in found["outputs"]
    ]
    headings = ("output", "largest difference", "relative", "SNR, dB", "cosine", "same top-1")
    return table(headings, rows, range(1, 6))


def accuracy(found: Data) -> list[str]:
    """On the user's labelled samples."""
    it = found["accuracy"]
    if it is None:
        return []
    told = [
        f"Accuracy is {it['after']:.2%} and was {it['before']:.2%} on {plural(it['samples'], 'sample')}; "
        f"{plural(it['changed'], 'prediction')} changed."
    ]
    return told + [
        f"Sample {c['sample']}: {c['before']} became {c['after']}; right is {c['label']}."
        for c in it["changes"][:SHOWN]
    ]


def every_input(data: Data) -> str:
    """The proof for every input in a sentence."""
    proof = data["proof"]
    if proof is None:
        return "Nothing was proved for every input, because nothing was verified."
    measured, tensors = proof["weights"], plural(proof["tensors"], "tensor")
    if proof["verdict"] == "proved":
        told = f"Proved for every input{before(data)}: an independent checker confirmed every operator's equation, "
        told += f"{tensors} in all."
    else:
        left = plural(len(proof["unproved"]), "claim")
        told = f"Not proved for every input{before(data)}: of {tensors}, {left} stayed open."
    if measured["sampled"]:
        told += (
            f" Of {measured['rewritten']:,} rewritten weights it computed {measured['sampled']:,} again with "
            f"{measured['significand_bits']} bits; the worst is {measured['max_ulp']:.3f} ulp off."
        )
    return told


def unproved(proof: Data | None) -> Table | None:
    """The claims that stayed open."""
    items = [] if proof is None else proof["unproved"][:SHOWN]
    return table(
        ("not proved", "tensor", "because"), [(Name(i["node"]), Name(i["tensor"]), i["reason"]) for i in items]
    )


def inputs(found: Data) -> str:
    """The batches that were run."""
    return f"Inputs: {', '.join(found['batches'])}." if found["batches"] else ""
