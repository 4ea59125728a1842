"""Settings and fixtures of the unit tests."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings

from imagelab import Lab

# A shared machine may be slow for a moment; that is no fault of what is tested.
settings.register_profile("imagelab", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("imagelab")


@pytest.fixture
def lab() -> Lab:
    """An empty, reproducible lab."""
    return Lab.temporary(epoch=0)
