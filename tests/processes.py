"""Ending what a test has started."""

from __future__ import annotations

import subprocess


def end(process: subprocess.Popen[str] | subprocess.Popen[bytes], seconds: float = 30) -> None:
    """Ask a process to end, and kill it where it does not in so many seconds."""
    process.terminate()
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
