"""Hypothesis explores the same examples on every run, and Ctrl-C works in whatever way the tests were started."""

import signal

from hypothesis import HealthCheck, Phase, settings

_SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]

settings.register_profile("suite", derandomize=True, deadline=None, database=None, suppress_health_check=_SLOW)
settings.load_profile("suite")
# For mutation testing: that an example fails is enough, however large it is.
settings.register_profile(
    "mutants", settings.get_profile("suite"), phases=[Phase.explicit, Phase.generate], report_multiple_bugs=False
)

# A shell starts what runs in its background with SIGINT ignored, and children inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)
