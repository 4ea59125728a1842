"""The judges: real programs that read what imagelab writes, each run in a place of its own.

A judge that is not installed skips its tests and names the Debian package that brings it; with
IMAGELAB_REQUIRE_JUDGES=1 (as in CI) its absence is a failure, so that a green run means it was asked.
"""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import chdir, closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path

import pytest

from processes import end

PACKAGES = {  # program -> the Debian package that brings it
    "buildah": "buildah",
    "bwrap": "bubblewrap",
    "busybox": "busybox-static",
    "chromium": "chromium",
    "containerd": "containerd",
    "ctr": "containerd",
    "docker": "docker.io",
    "docker-registry": "docker-registry",
    "dockerd": "docker.io",
    "ip": "iproute2",
    "nsenter": "util-linux",
    "openssl": "openssl",
    "podman": "podman",
    "setpriv": "util-linux",
    "skopeo": "skopeo",
    "tar": "tar",
    "umoci": "umoci",
    "unshare": "util-linux",
    "zstd": "zstd",
}
COMMANDS = {"oci-conformance": "make conformance"}  # program -> the command that brings it
ABSENT = re.compile(r"needs (?P<judge>[\w-]+)(?: \((?:apt-get install (?P<package>[\w.-]+)|(?P<command>[^)]+))\))?")
# Docker's programs collect garbage while they start, and Docker Engine starts itself again for each layer: with less of
# that, either costs three quarters.
LAZY_GO = {"GOGC": "800"}
SYSTEM_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"  # Debian's own first: a client and its daemon belong together


def absent(judge: str) -> None:
    """Skip the calling test for want of `judge`, or fail it where judges are required."""
    command = f"apt-get install {PACKAGES[judge]}" if judge in PACKAGES else COMMANDS.get(judge)
    reason = f"needs {judge} ({command})" if command else f"needs {judge}"
    if os.environ.get("IMAGELAB_REQUIRE_JUDGES") == "1":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def find(judge: str) -> str:
    """The path of a judge's program; skips or fails the test where there is none."""
    path = shutil.which(judge, path=SYSTEM_PATH) or shutil.which(judge)
    if path is None:
        absent(judge)
    assert path is not None
    return path


class Tool:
    """A program with its fixed first arguments: `tool("load", "-i", path)` returns what it printed."""

    def __init__(self, *command: str | Path) -> None:
        self.command = [str(part) for part in command]

    def run(
        self, *args: str | Path, stdin: bytes | None = None, cwd: Path | None = None
    ) -> subprocess.CompletedProcess[bytes]:
        """Run to the end and return the finished process, whatever its exit code."""
        return subprocess.run(
            [*self.command, *map(str, args)],
            input=b"" if stdin is None else stdin,
            cwd=cwd,
            capture_output=True,
            timeout=300,
            env={**os.environ, **LAZY_GO, "LC_ALL": "C.UTF-8", "TZ": "UTC"},
        )

    def __call__(self, *args: str | Path, stdin: bytes | None = None) -> str:
        done = self.run(*args, stdin=stdin)
        if done.returncode != 0:
            printed = (done.stderr + done.stdout).decode(errors="replace").strip()
            pytest.fail(f"{Path(self.command[0]).name} {' '.join(map(str, args))}: {printed}", pytrace=False)
        return done.stdout.decode()


class CommandLine(Tool):
    """`imagelab --home HOME …`, as the program does it but in this process, which saves its start."""

    def run(
        self, *args: str | Path, stdin: bytes | None = None, cwd: Path | None = None
    ) -> subprocess.CompletedProcess[bytes]:
        """Run one command line, with files of bytes for its three streams."""
        from imagelab import cli

        streams = [io.TextIOWrapper(io.BytesIO(data), "utf-8", newline="") for data in (stdin or b"", b"", b"")]
        before = sys.stdin, sys.stdout, sys.stderr
        sys.stdin, sys.stdout, sys.stderr = streams
        try:
            with chdir(cwd or "."):
                code = cli.run([*self.command[1:], *map(str, args)])
        finally:
            sys.stdin, sys.stdout, sys.stderr = before
        for stream in streams:
            stream.flush()
        out, err = (stream.buffer.getvalue() for stream in streams[1:])  # type: ignore[attr-defined]
        return subprocess.CompletedProcess(list(map(str, args)), code, out, err)


@contextmanager
def docker_engine(*drivers: str, within: Sequence[str] = ()) -> Iterator[Tool]:
    """A `docker` that talks to an Engine of our own, empty, gone afterwards; `within` comes before its command.

    IMAGELAB_DOCKER_HOST names another Engine to judge by: its images must be ones you can lose.
    The classic image store is asked for by its driver, so that IMAGE ID is the config's digest: by default vfs, which
    every kernel and disk can have, or else the first of `drivers` that this machine can.
    """
    client = find("docker")
    if host := os.environ.get("IMAGELAB_DOCKER_HOST"):
        yield Tool(client, "--host", host)
        return
    daemon = find("dockerd")
    if os.geteuid() != 0:
        absent("root")
    for driver in drivers or ("vfs",):
        root = Path(tempfile.mkdtemp(prefix="imagelab-dockerd-"))
        with _engine([*within, daemon], client, root, driver) as docker:
            if docker:
                yield docker
                return


@contextmanager
def _engine(daemon: list[str], client: str, root: Path, driver: str) -> Iterator[Tool | None]:
    """An Engine in a folder, which is removed afterwards; None where it does not start with this storage driver."""
    host = f"unix://{root}/docker.sock"
    docker = Tool(client, "--config", root / "config", "--host", host)
    try:
        with (root / "log").open("wb") as log:
            process = subprocess.Popen(
                [
                    *(find("setpriv"), "--pdeathsig", "TERM"),  # it must not outlive tests that are killed
                    *daemon,
                    "--host",
                    host,
                    "--data-root",
                    root / "data",
                    "--exec-root",
                    root / "exec",
                    "--pidfile",
                    root / "pid",
                    "--storage-driver",
                    driver,
                    "--iptables=false",
                    "--bridge=none",
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                env={**os.environ, **LAZY_GO},
            )
        try:
            for _ in range(600):
                if docker.run("version").returncode == 0:
                    yield docker
                    return
                if not _still_running(process, seconds=0.1):
                    break
            if driver == "vfs":
                pytest.fail(f"dockerd ended:\n{(root / 'log').read_text()[-2000:]}", pytrace=False)
            yield None
        finally:
            end(process, 60)
    finally:
        shutil.rmtree(root, ignore_errors=True)


@contextmanager
def podman(program: str = "podman") -> Iterator[Tool]:
    """A podman, or a buildah, with a store of its own, gone afterwards; its path is short: podman takes at most 50."""
    path = find(program)
    if os.geteuid() != 0:
        absent("root")
    root = Path(tempfile.mkdtemp(prefix=f"imagelab-{program}-", dir="/tmp"))
    try:
        yield Tool(path, "--root", root / "root", "--runroot", root / "run", "--storage-driver", "vfs")
    finally:
        shutil.rmtree(root, ignore_errors=True)


def _still_running(process: subprocess.Popen[bytes], seconds: float) -> bool:
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return True
    return False


def summary(skip_reasons: Iterable[str]) -> list[str]:
    """What the absent judges cost, and the one line that brings them; empty when all were there."""
    counts: dict[str, int] = {}
    packages, commands = set(), set()
    for reason in skip_reasons:
        if absence := ABSENT.search(reason):
            counts[absence["judge"]] = counts.get(absence["judge"], 0) + 1
            packages.add(absence["package"])
            commands.add(absence["command"])
    lines = [f"{judge}: {count} test{'s' * (count != 1)} skipped" for judge, count in sorted(counts.items())]
    if wanted := sorted(filter(None, packages)):
        lines.append(f"to run them: apt-get install {' '.join(wanted)}")
    lines += [f"to run them: {command}" for command in sorted(filter(None, commands))]
    if "root" in counts:
        lines.append("to run those that need root: sudo make test (or name a Docker Engine in IMAGELAB_DOCKER_HOST)")
    return lines


def emptied(docker: Tool) -> None:
    """Remove all images of an Engine: children before their parents, which takes several rounds.

    Over its API: a client that has to start for each request costs more than the request.
    """
    with closing(_Api(docker.command[docker.command.index("--host") + 1])) as api:
        while ids := {image["Id"] for image in json.loads(api.ask("GET", "/images/json?all=1"))}:
            answers = [api.ask("DELETE", f"/images/{id_}?force=1") for id_ in ids]
            assert any(b"Deleted" in answer or b"Untagged" in answer for answer in answers), answers


class _Api(HTTPConnection):
    """The HTTP API of an Engine at `unix:///path` or `tcp://host:port`."""

    def __init__(self, engine: str) -> None:
        scheme, _, place = engine.partition("://")
        super().__init__(place if scheme == "tcp" else "localhost", timeout=300)
        self._socket = place if scheme == "unix" else None

    def connect(self) -> None:
        if self._socket is None:
            super().connect()
            return
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.connect(self._socket)

    def ask(self, method: str, path: str) -> bytes:
        """The body of an answer, which may be an error."""
        self.request(method, path)
        return self.getresponse().read()
