"""Every test here runs torch with a single thread."""

from tests.one_thread import one_thread  # noqa: F401
