"""Under which conditions times were taken."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bnfold.latency.sessions import Level


@dataclass(frozen=True)
class Setting:
    """What all contestants of one comparison have in common.

    Attributes:
        provider: ONNX Runtime's execution provider: "cpu", "cuda", ...
        threads: intra-op threads of each session.
        shapes: of the inputs, by name.
        level: ONNX Runtime's graph optimization level.
    """

    provider: str
    threads: int
    shapes: dict[str, tuple[int, ...]]
    level: Level

    @property
    def batch(self) -> int:
        """Extent of the first axis of the first input: the samples of a run. 1 where there is none."""
        first = next(iter(self.shapes.values()), ())
        return first[0] if first else 1

    @property
    def conditions(self) -> str:
        """All but the level, as the end of a sentence."""
        threads = "1 thread" if self.threads == 1 else f"{self.threads} threads"
        shapes = ", ".join(f"{name} {'x'.join(map(str, shape))}" for name, shape in self.shapes.items())
        return ", ".join(filter(None, (self.provider, threads, shapes)))

    def to_json(self) -> dict[str, Any]:
        """Return the attributes as a JSON-ready dict."""
        shapes = {name: list(shape) for name, shape in self.shapes.items()}
        return {"provider": self.provider, "threads": self.threads, "shapes": shapes, "level": self.level}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Setting:
        """Return what `to_json` wrote."""
        shapes = {name: tuple(shape) for name, shape in data["shapes"].items()}
        return cls(data["provider"], data["threads"], shapes, data["level"])
