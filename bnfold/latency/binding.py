"""Runs whose inputs and outputs stay on the device, so that copies are counted on purpose and apart.

`InferenceSession.run` takes arrays of the host and returns arrays of the host; on a GPU that hides two copies in every
time. With IO binding the inputs are sent once, a run ends when the device has finished, and each copy is timed alone.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from bnfold.latency.providers import Provider
from bnfold.latency.sessions import Feeds


class Bound:
    """A session with its inputs on the provider's device and its outputs left there.

    Args:
        session: an `onnxruntime.InferenceSession`.
        feeds: input name -> array.
        provider: that the session was opened for.
    """

    def __init__(self, session: Any, feeds: Feeds, provider: Provider) -> None:
        import onnxruntime

        self._session = session
        self._binding = session.io_binding()
        self._sent = []
        for name, array in feeds.items():
            # A copy, because on the CPU the value would be the caller's own memory, and sending would move nothing.
            value = onnxruntime.OrtValue.ortvalue_from_numpy(array.copy(), provider.device, 0)
            self._binding.bind_ortvalue_input(name, value)
            self._sent.append((value, array))
        for output in session.get_outputs():
            self._binding.bind_output(output.name, provider.device)

    def run(self) -> None:
        """Run once and wait for the device."""
        self._session.run_with_iobinding(self._binding)
        self._binding.synchronize_outputs()

    def send(self) -> None:
        """Copy the inputs from the host to the device, and wait."""
        for value, array in self._sent:
            value.update_inplace(array)
        self._binding.synchronize_inputs()

    def fetch(self) -> None:
        """Copy the outputs of the last run from the device to the host."""
        self._binding.copy_outputs_to_cpu()


class Unbound:
    """A session whose values ONNX Runtime cannot bind: strings, sequences, maps; only on the host.

    Args:
        session: an `onnxruntime.InferenceSession`.
        feeds: input name -> array.
    """

    def __init__(self, session: Any, feeds: Feeds) -> None:
        self._session, self._feeds = session, feeds

    def run(self) -> None:
        """Run once; the outputs are copied."""
        self._session.run(None, self._feeds)


def bind(session: Any, feeds: Feeds, provider: Provider) -> Bound | Unbound:
    """Bind where all inputs and outputs are tensors of numbers."""
    values = [*session.get_inputs(), *session.get_outputs()]
    numbers = all(value.type.startswith("tensor(") and value.type != "tensor(string)" for value in values)
    native = all(array.dtype.kind in "biuf" for array in feeds.values())
    return Bound(session, feeds, provider) if numbers and native else Unbound(session, feeds)


def time_copies(bound: Bound | Unbound, repeats: int) -> tuple[float, float] | None:
    """Median seconds to send all inputs and to fetch all outputs; None where nothing is bound."""
    if isinstance(bound, Unbound):
        return None
    bound.run()
    times = np.empty((repeats, 2))
    for repeat in range(repeats):
        start = time.perf_counter()
        bound.send()
        sent = time.perf_counter()
        bound.fetch()
        times[repeat] = sent - start, time.perf_counter() - sent
    send, fetch = np.median(times, axis=0)
    return float(send), float(fetch)
