"""Settings and fixtures of the unit tests."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

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


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[int], Path]]:
    """`small_disk(4)` mounts a file system of 4 MiB, where root may mount one."""
    with ExitStack() as mounted:

        def mount(size: int) -> Path:
            place = tmp_path / "small"
            place.mkdir()
            command = ["mount", "-t", "tmpfs", "-o", f"size={size}m", "tmpfs", place]
            if os.geteuid() or subprocess.run(command).returncode:
                pytest.skip("needs root, and a system that lets it mount a small disk")
            mounted.callback(subprocess.run, ["umount", "--lazy", place], check=True)
            return place

        yield mount
