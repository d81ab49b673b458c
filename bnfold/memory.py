"""What a folded model remembers: operators that were kept for a reason whose evidence went with the fold.

A second fold no longer sees how far a tensor spreads once the batch normalization that knew it is gone, and a channel
that was dead between two operators may have a linear layer beside it now. So the folded model says itself what stays.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from bnfold.plan import Code, Reason

KEY = "bnfold.kept"
"""Where a model holds it: in `metadata_props` of an ONNX model, in `meta` of a torch.fx GraphModule."""

REMEMBERED = frozenset({Code.DEAD, Code.PRECISION, Code.RANGE, Code.WITHDRAWN})
"""Reasons that a second fold could not find again, whatever the operator."""


def encoded(kept: Mapping[str, Reason]) -> str:
    """Reasons by node name, as JSON."""
    return json.dumps({name: reason.to_json() for name, reason in kept.items()}, separators=(",", ":"))


def decoded(text: object) -> dict[str, Reason]:
    """The reasons by node name that a model holds; none where the text is not of this form, and so not from a fold."""
    try:
        entries = json.loads(text) if isinstance(text, str) else {}
        return {name: _reason(data) for name, data in entries.items()}
    except (ValueError, TypeError, KeyError, AttributeError):
        return {}


def _reason(data: Mapping[str, Any]) -> Reason:
    channel, against, channels = data["channel"], data["against"], data["channels"]
    known = isinstance(channel, int | None) and isinstance(against, str | None) and isinstance(channels, list)
    if not known or not all(isinstance(each, int) for each in channels):
        raise TypeError
    advice = data.get("remedy")
    return Reason(
        Code(data["code"]),
        str(data["sentence"]),
        channel,
        against,
        tuple(channels),
        advice if isinstance(advice, str) else None,
    )
