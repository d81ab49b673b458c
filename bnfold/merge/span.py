"""Sliding windows along one axis: which inputs an output reads, and what sums and chains of windows read.

Output p reads the inputs stride * p + start + dilation * i for i = 0 .. kernel - 1; outside its extent the input is 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import gcd

from bnfold.merge.plan import Apart, MisfitError


@dataclass(frozen=True)
class Span:
    """A window along one axis.

    Attributes:
        kernel, stride, dilation: as in ONNX.
        start: the first input that output 0 reads; minus the padding in front.
        tail: the outputs are p = 0 .. (n - 1 + tail) // stride for n inputs.
    """

    kernel: int = 1
    stride: int = 1
    dilation: int = 1
    start: int = 0
    tail: int = 0

    @staticmethod
    def padded(kernel: int, stride: int, dilation: int, front: int, back: int) -> Span:
        """The window with these amounts of padding."""
        return Span(kernel, stride, dilation, -front, back + front - (kernel - 1) * dilation)

    @property
    def end(self) -> int:
        """The last input that output 0 reads."""
        return self.start + (self.kernel - 1) * self.dilation

    @property
    def front(self) -> int:
        """Padding in front."""
        return -self.start

    @property
    def back(self) -> int:
        """Padding behind."""
        return self.tail + self.end

    def outputs(self, inputs: int) -> int:
        """The extent of the output."""
        return (inputs - 1 + self.tail) // self.stride + 1

    def plus(self, other: Span, inputs: int | None) -> Span:
        """The smallest window that holds every input that either reads.

        Args:
            other: another window over the same input.
            inputs: the extent of the input, if it is known.

        Raises:
            MisfitError: no single window does.
        """
        if self.stride != other.stride:
            raise MisfitError(Apart.STRIDES)
        if self.tail != other.tail and (inputs is None or self.outputs(inputs) != other.outputs(inputs)):
            raise MisfitError(Apart.EXTENTS)
        steps = [span.dilation for span in (self, other) if span.kernel > 1]
        dilation = gcd(abs(self.start - other.start), *steps) or 1
        start, end = min(self.start, other.start), max(self.end, other.end)
        return Span((end - start) // dilation + 1, self.stride, dilation, start, self.tail)

    def then(self, other: Span, inputs: int | None) -> Span:
        """The window over this one's input that does what `other` does to this one's output.

        Args:
            other: a window over the output.
            inputs: the extent of the input, if it is known.

        Raises:
            MisfitError: `other` reads zeros where this window would read inputs.
        """
        if other.front > 0 and self.end >= self.stride:
            raise MisfitError(Apart.BORDER)
        if other.back > 0 and not self._ends(inputs):
            raise MisfitError(Apart.BORDER)
        steps = [self.stride * other.dilation] if other.kernel > 1 else []
        steps += [self.dilation] if self.kernel > 1 else []
        dilation = gcd(*steps) or 1
        start, end = self.start + self.stride * other.start, self.end + self.stride * other.end
        tail = self.tail + self.stride * other.tail
        return Span((end - start) // dilation + 1, self.stride * other.stride, dilation, start, tail)

    def _ends(self, inputs: int | None) -> bool:
        """Whether an output behind the last one would read no input."""
        if inputs is not None:
            return self.stride * self.outputs(inputs) + self.start >= inputs
        return self.back >= self.end - self.start
