"""The fields of a serialized protobuf message, and the few of ONNX's that matter here.

https://protobuf.dev/programming-guides/encoding; field numbers from onnx.proto.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

MODEL_GRAPH, GRAPH_INITIALIZER, TENSOR_RAW_DATA = 7, 5, 9

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
_FIXED_SIZES = {FIXED64: 8, FIXED32: 4}
_LONGEST_VARINT = 10


class WireError(ValueError):
    """The bytes are no serialized message."""


class Field(NamedTuple):
    """A field: its number and type, and where in the buffer it begins, its content begins, and both end."""

    number: int
    kind: int
    start: int
    content: int
    end: int

    def is_message(self, number: int) -> bool:
        """Whether it is the embedded message, or bytes, of that number."""
        return (self.number, self.kind) == (number, BYTES)


def fields(buffer: memoryview, start: int, end: int) -> Iterator[Field]:
    """The fields of the message in buffer[start:end], in order.

    Raises:
        WireError: these bytes are no message.
    """
    position = start
    while position < end:
        key, content = _read_varint(buffer, position, end)
        kind = key & 7
        if kind == VARINT:
            _, stop = _read_varint(buffer, content, end)
        elif kind == BYTES:
            length, content = _read_varint(buffer, content, end)
            stop = content + length
        elif kind in _FIXED_SIZES:
            stop = content + _FIXED_SIZES[kind]
        else:
            raise WireError(f"no field has the type {kind}")
        if stop > end:
            raise WireError("a field is longer than what holds it")
        yield Field(key >> 3, kind, position, content, stop)
        position = stop


def varint(number: int) -> bytes:
    """A number in seven bits per byte, the lowest first."""
    digits = bytearray()
    while number > 0x7F:
        digits.append(number & 0x7F | 0x80)
        number >>= 7
    digits.append(number)
    return bytes(digits)


def prefix(number: int, length: int) -> bytes:
    """What stands in front of `length` bytes of an embedded message."""
    return varint(number << 3 | BYTES) + varint(length)


def _read_varint(buffer: memoryview, position: int, end: int) -> tuple[int, int]:
    """The number, and where it ends."""
    number = 0
    for shift in range(min(_LONGEST_VARINT, end - position)):
        byte = buffer[position + shift]
        number |= (byte & 0x7F) << 7 * shift
        if byte < 0x80:
            return number, position + shift + 1
    raise WireError("a number has no end")
