"""Hypothesis explores the same examples on every run."""

from hypothesis import HealthCheck, settings

_SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]

settings.register_profile("suite", derandomize=True, deadline=None, database=None, suppress_health_check=_SLOW)
settings.load_profile("suite")
