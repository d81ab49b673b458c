import gc

import numpy as np
import pytest

from bnfold.errors import UsageError
from bnfold.latency import sampler as module
from bnfold.latency.sampler import (
    CONTROL,
    MOST_LOADS,
    WARM_UP_RUNS,
    Contestant,
    interleave,
    sample,
    time_loads,
)
from bnfold.latency.statistics import FEWEST_BLOCKS


class Recorder:
    """Three actions that do a little work and write down who ran."""

    def __init__(self, count=3):
        self.ran = []
        self.actions = [lambda who=who: self.act(who) for who in range(count)]

    def act(self, who):
        self.ran.append(who)
        return sum(range(2000))


def test_blocks_are_complete_and_in_the_recorded_order():
    recorder = Recorder()
    times, order, block_seconds = interleave(recorder.actions, 0.3, np.random.default_rng(0))
    blocks, runs = times[0].shape
    assert blocks == len(order) >= FEWEST_BLOCKS
    assert all(each.shape == (blocks, runs) and each.dtype == np.float64 and (each > 0).all() for each in times)
    assert (np.sort(order, axis=1) == np.arange(3)).all()
    measured = recorder.ran[-blocks * 3 * (runs + 1) :]
    # Every burst has one run more than is counted.
    assert np.array_equal(np.reshape(measured, (-1, runs + 1)), np.repeat(order.reshape(-1, 1), runs + 1, axis=1))
    assert sum(each.sum() for each in times) <= block_seconds * blocks


def test_order_is_random_seeded_and_differs_between_blocks():
    first, again, other = (
        interleave(Recorder().actions, 0.2, np.random.default_rng(seed))[1][:FEWEST_BLOCKS] for seed in (0, 0, 1)
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert len(np.unique(first, axis=0)) > 1


def test_warm_up_comes_first_by_count_and_by_time():
    recorder = Recorder()
    times, _, _ = interleave(recorder.actions, 1e-9, np.random.default_rng(0))
    blocks, runs = times[0].shape
    assert (blocks, runs) == (FEWEST_BLOCKS, 1)
    assert len(recorder.ran) - blocks * 3 * (runs + 1) == 3 * WARM_UP_RUNS
    assert recorder.ran[: 3 * WARM_UP_RUNS] == [0, 1, 2] * WARM_UP_RUNS

    longer = Recorder()
    times, _, _ = interleave(longer.actions, 0.3, np.random.default_rng(0))
    blocks, runs = times[0].shape
    assert len(longer.ran) - blocks * 3 * (runs + 1) > 3 * WARM_UP_RUNS


def test_the_first_run_of_a_burst_is_not_counted():
    last = [None]

    def cold_after_another(who):
        effort = 200_000 if last[0] != who else 200
        last[0] = who
        return sum(range(effort))

    actions = [lambda who=who: cold_after_another(who) for who in range(2)]
    times, _, _ = interleave(actions, 0.5, np.random.default_rng(2))
    # A cold run takes a thousand times a warm one: were it counted, nearly every burst would show it.
    worst = np.concatenate(times).max(axis=1)
    typical = np.median(np.concatenate(times))
    assert np.mean(worst > 100 * typical) < 0.2


def test_garbage_collection_is_off_while_measuring_and_restored():
    states = []
    interleave([lambda: states.append(gc.isenabled())], 1e-9, np.random.default_rng(0))
    assert states == [True] * WARM_UP_RUNS + [False] * 2 * FEWEST_BLOCKS
    assert gc.isenabled()


def test_garbage_collection_is_restored_after_an_error():
    def fail_when_measured():
        if not gc.isenabled():
            raise RuntimeError("measured")

    with pytest.raises(RuntimeError, match="measured"):
        interleave([fail_when_measured], 1e-9, np.random.default_rng(0))
    assert gc.isenabled()


def test_loads_are_interleaved_and_bounded():
    recorder = Recorder()
    loads = time_loads(recorder.actions, 60.0, np.random.default_rng(0))
    assert [each.shape for each in loads] == [(MOST_LOADS, 1)] * 3
    turns = np.reshape(recorder.ran, (MOST_LOADS, 3))
    assert (np.sort(turns, axis=1) == np.arange(3)).all()
    assert len(np.unique(turns, axis=0)) > 1
    assert [len(each) for each in time_loads(Recorder().actions, 0.0, np.random.default_rng(0))] == [FEWEST_BLOCKS] * 3


def test_loads_are_freed_before_the_next_is_timed():
    alive = []

    class Session:
        def __init__(self):
            alive.append(self.__class__.count)
            self.__class__.count += 1

        def __del__(self):
            self.__class__.count -= 1

    Session.count = 0
    time_loads([Session, Session], 0.0, np.random.default_rng(0))
    assert set(alive) == {0}


def test_sampling_real_sessions(model, feeds):
    contestants = [
        Contestant("short", model("short", 1)),
        Contestant("long", model("long", 12)),
    ]
    found = sample(contestants, feeds, level="disabled", seconds=0.4, seed=1)
    assert [each.contestant for each in found.samples] == contestants
    assert found.control.contestant == Contestant(CONTROL, contestants[0].path)
    everyone = [*found.samples, found.control]
    assert len({len(each.runs) for each in everyone}) == 1
    assert len(found.control.runs) >= FEWEST_BLOCKS
    assert all(FEWEST_BLOCKS <= len(each.loads) <= MOST_LOADS for each in everyone)
    assert [each.size_bytes for each in found.samples] == [each.path.stat().st_size for each in contestants]
    short, long = found.samples
    assert np.median(long.runs) > 2 * np.median(short.runs)
    assert np.median(long.loads) > np.median(short.loads)


def test_feeds_are_made_contiguous_once_and_keep_their_rank(tmp_path, monkeypatch):
    fed = []
    monkeypatch.setattr(module, "first_run", lambda _session, feeds, _path: fed.append(feeds))
    import onnx

    values = [
        onnx.helper.make_tensor_value_info("x", 1, [2, 3]),
        onnx.helper.make_tensor_value_info("s", 1, []),
    ]
    node = onnx.helper.make_node("Mul", ["x", "s"], ["y"])
    output = onnx.helper.make_tensor_value_info("y", 1, [2, 3])
    graph = onnx.helper.make_graph([node], "g", values, [output])
    path = tmp_path / "m.onnx"
    onnx.save(onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8), path)
    feeds = {"x": np.asfortranarray(np.ones((2, 3), np.float32)), "s": np.array(2, np.float32)}
    sample([Contestant("m", path)], feeds, seconds=0.01)
    assert fed[0]["x"].flags.c_contiguous
    assert fed[0]["s"].shape == ()


@pytest.mark.parametrize("names", [[], ["a", "a"], [CONTROL]])
def test_names_must_differ(model, feeds, names):
    path = model("m", 1)
    with pytest.raises(UsageError, match="need different names"):
        sample([Contestant(name, path) for name in names], feeds)
