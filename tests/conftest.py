"""Hypothesis explores the same examples on every run, nothing is fetched, and Ctrl-C works as from a terminal."""

import os
import signal

from hypothesis import HealthCheck, Phase, settings

from tests.without_torch import install, pytest_runtest_call, pytest_runtest_setup

__all__ = ["pytest_runtest_call", "pytest_runtest_setup"]

_SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]

settings.register_profile("suite", derandomize=True, deadline=None, database=None, suppress_health_check=_SLOW)
settings.load_profile("suite")
# For mutation testing: that an example fails is enough, however large it is.
settings.register_profile(
    "mutants", settings.get_profile("suite"), phases=[Phase.explicit, Phase.generate], report_multiple_bugs=False
)

os.environ["HF_HUB_OFFLINE"] = "1"  # of child processes too; pytest-socket guards this one

install()

# A shell starts what runs in its background with SIGINT ignored, and children inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)
