import json
from math import comb

import numpy as np
import pytest

from bnfold.latency.statistics import Ratio, compare, judge, paired_ratio, summarize


def draw(rng, base, blocks=40, runs=5, noise=0.05):
    """Times with a base cost, log-normal noise, and now and then a slow run."""
    times = base * np.exp(noise * rng.standard_normal((blocks, runs)))
    return times * np.where(rng.random((blocks, runs)) < 0.05, 3.0, 1.0)


def test_summary_of_known_times():
    summary = summarize(np.arange(1.0, 12.0))
    assert (summary.p50, summary.p90, summary.min, summary.mad, summary.n) == (6.0, 10.0, 1.0, 3.0, 11)
    assert json.loads(json.dumps(summary.to_json())) == {
        "p50": 6.0,
        "p90": 10.0,
        "min": 1.0,
        "mad": 3.0,
        "n": 11,
    }


def test_summary_counts_all_times_of_all_blocks():
    assert summarize(np.ones((4, 5))).n == 20


def test_nothing_measured_is_refused():
    with pytest.raises(ValueError, match="No times"):
        summarize(np.empty(0))
    with pytest.raises(ValueError, match="No times"):
        paired_ratio(np.empty((0, 3)), np.empty((0, 3)))


@pytest.mark.parametrize("shapes", [((4, 3), (5, 3)), ((4,), (4,))])
def test_blocks_that_do_not_pair_are_refused(shapes):
    with pytest.raises(ValueError, match="do not pair"):
        paired_ratio(*(np.ones(shape) for shape in shapes))


def test_pairing_cancels_drift_exactly():
    drift = np.geomspace(1.0, 10.0, 30)[:, None] * np.ones((30, 4))
    ratio = paired_ratio(2.0 * drift, drift)
    assert ratio.value == pytest.approx(2.0, rel=1e-12)
    assert ratio.low == pytest.approx(ratio.high, rel=1e-12)


def test_ratio_is_reference_over_candidate_of_block_medians():
    reference = np.array([[1.0, 2.0, 99.0], [4.0, 4.0, 4.0], [9.0, 6.0, 3.0]])
    candidate = np.array([[1.0], [1.0], [2.0]])
    ratio = paired_ratio(reference, candidate)
    assert (ratio.value, ratio.blocks) == (3.0, 3)
    assert ratio.low >= 2.0
    assert ratio.high <= 4.0


def test_interval_matches_the_exact_bootstrap_distribution():
    """The median of an odd resample is at most the k-th value iff most draws are: a binomial tail."""
    n = 21
    values = np.arange(1.0, n + 1)
    ratio = paired_ratio(values[:, None], np.ones((n, 1)))
    half = n // 2 + 1
    below = [sum(comb(n, j) * (k / n) ** j * (1 - k / n) ** (n - j) for j in range(half, n + 1)) for k in range(n + 1)]
    low = next(k for k in range(n + 1) if below[k] >= 0.025)
    high = next(k for k in range(n + 1) if below[k] >= 0.975)
    assert abs(ratio.low - low) <= 1
    assert abs(ratio.high - high) <= 1


def test_interval_covers_the_true_ratio():
    rng = np.random.default_rng(3)
    ratios = [paired_ratio(draw(rng, 1.3), draw(rng, 1.0), seed=seed) for seed in range(200)]
    covered = np.mean([ratio.low <= 1.3 <= ratio.high for ratio in ratios])
    assert covered >= 0.9
    assert np.median([ratio.value for ratio in ratios]) == pytest.approx(1.3, rel=0.01)
    # Wide enough to be honest, narrow enough to be of use.
    assert np.median([ratio.high - ratio.low for ratio in ratios]) < 0.1


def test_equal_contestants_show_no_difference():
    rng = np.random.default_rng(4)
    verdicts = [compare(*(draw(rng, 1.0) for _ in range(3)), seed=seed).verdict for seed in range(200)]
    assert verdicts.count("no difference") >= 190


@pytest.mark.parametrize(("cost", "verdict"), [(0.8, "faster"), (1.25, "slower")])
def test_a_clear_difference_is_found_whatever_the_seed(cost, verdict):
    rng = np.random.default_rng(5)
    for seed in range(20):
        found = compare(draw(rng, 1.0), draw(rng, cost), draw(rng, 1.0), seed=seed)
        assert found.verdict == verdict
        assert found.speedup.value == pytest.approx(1 / cost, rel=0.05)


def test_same_seed_same_result():
    times = [draw(np.random.default_rng(seed), 1.0) for seed in range(3)]
    assert compare(*times, seed=7) == compare(*times, seed=7)
    assert compare(*times, seed=7).speedup != compare(*times, seed=8).speedup


@pytest.mark.parametrize(
    ("interval", "control", "verdict"),
    [
        ((1.011, 1.03), (1.0, 1.0), "faster"),
        ((0.97, 0.99), (1.0, 1.0), "slower"),
        # Sure, but too little to matter.
        ((1.005, 1.009), (1.0, 1.0), "no difference"),
        ((0.991, 0.995), (1.0, 1.0), "no difference"),
        ((0.99, 1.03), (1.0, 1.0), "no difference"),
        ((0.97, 1.01), (1.0, 1.0), "no difference"),
        ((1.01, 1.03), (0.99, 1.02), "no difference"),
        ((1.03, 1.05), (0.99, 1.02), "faster"),
        # Noise has no direction: a control that came out slow also explains a fast candidate.
        ((1.01, 1.03), (0.95, 0.99), "no difference"),
        ((0.97, 0.99), (1.01, 1.05), "no difference"),
        ((0.90, 0.93), (1.01, 1.05), "slower"),
    ],
)
def test_verdict_needs_an_interval_beyond_one_and_beyond_the_control(interval, control, verdict):
    assert judge(Ratio(np.mean(interval), *interval, 30), Ratio(np.mean(control), *control, 30)) == verdict


def test_too_few_blocks_carry_no_verdict():
    assert judge(Ratio(2.0, 2.0, 2.0, 5), Ratio(1.0, 1.0, 1.0, 5)) == "no difference"
    assert judge(Ratio(2.0, 2.0, 2.0, 6), Ratio(1.0, 1.0, 1.0, 6)) == "faster"


def test_control_is_measured_like_a_candidate():
    times = np.ones((6, 2))
    found = compare(times, times / 4, times / 2)
    assert (found.speedup.value, found.control.value) == (4.0, 2.0)


def test_comparison_is_json_ready():
    times = np.ones((6, 2))
    found = json.loads(json.dumps(compare(times, times / 2, times).to_json()))
    one = {"value": 1.0, "low": 1.0, "high": 1.0, "blocks": 6}
    assert found == {
        "speedup": {"value": 2.0, "low": 2.0, "high": 2.0, "blocks": 6},
        "control": one,
        "verdict": "faster",
    }
