"""Fixtures for every test: the judges, and a closing word on those that were absent."""

from __future__ import annotations

import faulthandler
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from imagelab.runtime import bubblewrap
from judges import tools
from judges.tools import Tool

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # a shell starts what runs in the background deaf to Ctrl-C
    signal.signal(signal.SIGINT, signal.default_int_handler)

IN_MEMORY = "IMAGELAB_TEST_MEMORY"  # the file system that this run has mounted; its other processes inherit it


def pytest_configure() -> None:
    """Put temporary files into memory, where root may mount a file system: imagelab syncs all it writes to the disk.

    A TMPDIR of your own is kept to, and what is left in it stays to be looked at.
    """
    if os.environ.keys() & {"TMPDIR", IN_MEMORY} or sys.platform != "linux" or os.geteuid() != 0:
        return
    if memory_available() < 4 << 30:
        return
    folder = tempfile.mkdtemp(prefix="il-")  # short: a socket's path, and podman's, may not be long
    mount = ["mount", "-t", "tmpfs", "-o", "mode=755,size=4g", "imagelab-tests", folder]
    if subprocess.run(mount, capture_output=True).returncode:
        os.rmdir(folder)
        return
    os.environ |= {"TMPDIR": folder, IN_MEMORY: f"{os.getpid()} {folder}"}
    tempfile.tempdir = None


def memory_available() -> int:
    """How many bytes new programs could have without swapping (proc(5))."""
    lines = Path("/proc/meminfo").read_text().splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith("MemAvailable:"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Spread the files of browser tests among the others, so that not every process has a JupyterLab that starts."""
    files: dict[Path, list[pytest.Item]] = {}
    for item in items:
        files.setdefault(item.path, []).append(item)
    in_a_browser = [path for path in files if path.parent.name == "browser"]
    others = [path for path in files if path.parent.name != "browser"]
    for number, path in enumerate(in_a_browser):
        others.insert(min(number * 3, len(others)), path)
    items[:] = [item for path in others for item in files[path]]


@pytest.hookimpl(trylast=True)
def pytest_unconfigure() -> None:
    faulthandler.cancel_dump_traceback_later()
    owner, _, folder = os.environ.get(IN_MEMORY, "").partition(" ")
    if owner == str(os.getpid()):
        for name in ("TMPDIR", IN_MEMORY):
            del os.environ[name]
        tempfile.tempdir = None
        subprocess.run(["umount", "--lazy", folder], check=True)
        os.rmdir(folder)


@pytest.fixture(scope="session")
def engine() -> Iterator[Tool]:
    """A docker client with an Engine of its own (one for each test process)."""
    with tools.docker_engine() as docker:
        yield docker


@pytest.fixture(scope="module")
def docker(engine: Tool) -> Tool:
    """The docker client, on an Engine without containers and volumes, whatever the module before left."""
    if containers := engine("ps", "--all", "--quiet").split():
        engine("rm", "--force", "--volumes", *containers)
    if volumes := engine("volume", "ls", "--quiet").split():
        engine("volume", "rm", *volumes)
    return engine


@pytest.fixture(scope="session")
def podman() -> Iterator[Tool]:
    """Podman with a store of its own."""
    with tools.podman() as podman:
        yield podman


@pytest.fixture(scope="session")
def skopeo() -> Tool:
    """Skopeo, accepting unsigned images."""
    return Tool(tools.find("skopeo"), "--insecure-policy")


@pytest.fixture(scope="session")
def umoci() -> Tool:
    return Tool(tools.find("umoci"))


@pytest.fixture(scope="session")
def root() -> None:
    """For judges that unpack owners and device nodes, which only root can make."""
    if os.geteuid() != 0:
        tools.absent("root")


@pytest.fixture(scope="session")
def gnu_tar() -> Tool:
    return Tool(tools.find("tar"))


@pytest.fixture(scope="session")
def zstd() -> Tool:
    return Tool(tools.find("zstd"))


@pytest.fixture(scope="session")
def busybox() -> Path:
    """A busybox that needs no library, so that it runs in an image that holds nothing else."""
    program = Path(tools.find("busybox")).resolve()
    if b"/ld-linux" in program.read_bytes():
        tools.absent("busybox")  # Debian's other busybox package is dynamic
    return program


@pytest.fixture(scope="session")
def bwrap() -> None:
    """For images whose programs are processes of Linux."""
    if bubblewrap.missing():
        tools.absent("bwrap")


@pytest.fixture(scope="session")
def chromium() -> Path:
    """The browser that the browser tests drive: where it can be had, Chromium without a window, which costs less."""
    return Path(shutil.which("chromium-headless-shell") or tools.find("chromium"))


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish() -> None:
    """End a test process that does not end by itself, and print where it stands: no test's time limit holds now."""
    faulthandler.dump_traceback_later(300, exit=True, file=sys.__stderr__)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say which judges were absent and how to bring them."""
    skipped = terminalreporter.stats.get("skipped", [])
    if lines := tools.summary(str(report.longrepr) for report in skipped):
        terminalreporter.section("judges that were absent")
        for line in lines:
            terminalreporter.line(line)
