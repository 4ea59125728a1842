"""imagelab's own command `doctor`: what this machine has of what the lessons need, and a remedy for each lack.

What can be tried in a second is tried: a container is run, a picture is drawn, a port is opened.
"""

from __future__ import annotations

import os
import platform
import shutil
import socket
import subprocess
import sys
import tempfile
import webbrowser
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from ..errors import LabError
from ..units import size
from .command import Session, fail, say, verb

DISTRIBUTION = "imagelab-oci"
OLDEST_PYTHON = (3, 11)
ROOM = 1_000_000_000  # bytes free that a class needs for a day: its images, its builds, and what JupyterLab keeps
SHOWN = ("jupyterlab", "ipywidgets", "anywidget", "graphviz", "pandas")  # of the packages, those whose version is shown
REGISTRY_PORT = 5000
USER_NAMESPACES = (
    "let users make user namespaces: on Ubuntu 24.04 and later with `sudo sysctl "
    "kernel.apparmor_restrict_unprivileged_userns=0`, on older Debian with `sudo sysctl "
    "kernel.unprivileged_userns_clone=1`; a container needs `--security-opt seccomp=unconfined`. Images made here run "
    "without them"
)


@dataclass(frozen=True, slots=True)
class Finding:
    """What one look at the machine came to; `remedy` is "" where nothing is wrong, and `needed` if lessons need it."""

    subject: str
    state: str
    remedy: str = ""
    needed: bool = True

    @property
    def mark(self) -> str:
        """One of ok, note and PROBLEM."""
        return "ok" if not self.remedy else "PROBLEM" if self.needed else "note"


@verb()
def doctor(session: Session, args: tuple[str, ...]) -> None:
    """Show whether this machine has what the lessons need, and what to do about what it lacks."""
    findings = [finding for look in LOOKS for finding in _tried(look, session)]
    width = max(len(finding.subject) for finding in findings)
    for finding in findings:
        say(f"{finding.mark:7}  {finding.subject:{width}}  {finding.state}\n")
        say(f"{'':{width + 9}}  -> {finding.remedy}\n" if finding.remedy else "")
    problems = sum(finding.mark == "PROBLEM" for finding in findings)
    notes = sum(finding.mark == "note" for finding in findings)
    if problems:
        fail(f"{problems} of {len(findings)} things need a remedy before the lessons work here")
    say(f"The lessons work here.{f' Notes: {notes}, of what they can do without.' if notes else ''}\n")


def _tried(look: Callable[[Session], Iterator[Finding]], session: Session) -> Iterator[Finding]:
    """The findings of a look; an error while looking is one too."""
    try:
        yield from look(session)
    except (LabError, OSError) as error:
        yield Finding(look.__name__.strip("_"), str(error), "mend this, and run imagelab doctor again")


def _python(session: Session) -> Iterator[Finding]:
    oldest = ".".join(map(str, OLDEST_PYTHON))
    remedy = "" if sys.version_info >= OLDEST_PYTHON else f"install Python {oldest} or newer, and imagelab in it"
    yield Finding("Python", f"{platform.python_version()}, {sys.executable}", remedy)
    yield Finding("system", f"{platform.system()} {platform.release()}, {platform.machine()}")


def _packages(session: Session) -> Iterator[Finding]:
    """Each package that imagelab depends on, in a version that it takes."""
    from packaging.requirements import Requirement

    versions = {}
    for line in metadata.requires(DISTRIBUTION) or []:
        needs = Requirement(line)
        if needs.marker and not needs.marker.evaluate({"extra": ""}):
            continue
        remedy = f'{sys.executable} -m pip install "{needs.name}{needs.specifier}"'
        try:
            versions[needs.name] = metadata.version(needs.name)
        except metadata.PackageNotFoundError:
            yield Finding(needs.name, "not installed", remedy)
            continue
        if not needs.specifier.contains(versions[needs.name], prereleases=True):
            yield Finding(needs.name, f"{versions[needs.name]}, where {needs.specifier} is needed", remedy)
    shown = ", ".join(f"{name} {versions[name]}" for name in SHOWN if name in versions)
    yield Finding("packages", f"{len(versions)} installed: {shown}, …")


def _drawings(session: Session) -> Iterator[Finding]:
    from ..drawings.drawing import Drawing, digraph

    graph = digraph()
    graph.node("picture")
    svg = Drawing(graph, "A picture", "").svg
    yield Finding("drawings", f"a picture of {len(svg):,} characters was drawn")


def _containers(session: Session) -> Iterator[Finding]:
    """Runs a container of the base image that is made here."""
    from ..lab import Lab

    with tempfile.TemporaryDirectory(prefix="imagelab-doctor-") as folder:
        lab = Lab(folder, current=False)
        container = lab.run(lab.base(), "sh", "-c", "echo $((40 + 2))")
        printed, code = container.logs(), container.exit_code
        container.remove()
    remedy = "" if (printed, code) == ("42\n", 0) else "report this, with what imagelab info prints"
    yield Finding("containers", f"one has run and printed {printed.strip()!r}, exit code {code}", remedy)


def _runtimes(session: Session) -> Iterator[Finding]:
    from ..runtime.program import RUNTIMES, named

    for name in RUNTIMES:
        runtime = named(name)
        if name == "bubblewrap":
            yield from _linux_programs(runtime.missing())
        elif lack := runtime.missing():
            yield Finding(name, "not on this machine", lack, needed=name == "shell")
        else:
            yield Finding(name, f"ready, confined by {runtime.enforced_by()}")


def _linux_programs(lack: str) -> Iterator[Finding]:
    """Whether bubblewrap can make the namespaces that it confines a program by."""
    subject = "Linux programs"
    if sys.platform != "linux":
        yield Finding(subject, "only Linux runs them: images made here run on every system")
        return
    if lack:
        yield Finding(subject, "not on this machine", lack, needed=False)
        return
    from ..runtime.bubblewrap import program_path

    command = [program_path(), "--unshare-all", "--ro-bind", "/", "/", "--proc", "/proc", sys.executable, "-c", ""]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    if done.returncode:
        yield Finding(subject, f"bubblewrap: {done.stderr.strip()}", USER_NAMESPACES, needed=False)
    else:
        yield Finding(subject, "ready: user, PID and network namespaces can be made")


def _store(session: Session) -> Iterator[Finding]:
    """Whether the store's folder can be written, and how much room there is."""
    from ..host.locks import Lock
    from ..lab import default_home

    home = Path(session.home or default_home())
    there = next(path for path in (home, *home.absolute().parents) if path.is_dir())
    try:
        with tempfile.TemporaryDirectory(prefix=".imagelab-doctor-", dir=there) as folder:
            (Path(folder) / "new").write_bytes(b"x")
            os.replace(Path(folder) / "new", Path(folder) / "old")
            with Lock(Path(folder) / "lock"):
                pass
    except OSError as error:
        yield Finding("store", f"{home}: {error.strerror}", "set IMAGELAB_HOME to a folder that you may write to")
        return
    free = shutil.disk_usage(there).free
    make_room = "make room: imagelab image prune -a and imagelab gc, or set IMAGELAB_HOME to a folder on another disk"
    yield Finding("store", f"{home}, {size(free)} free", "" if free >= ROOM else make_room, needed=free < ROOM / 10)


def _ports(session: Session) -> Iterator[Finding]:
    """Whether JupyterLab and the registry of lesson 07 can listen on this machine."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield Finding("ports", f"127.0.0.1:{server.getsockname()[1]} could be opened")
    try:
        socket.create_server(("127.0.0.1", REGISTRY_PORT)).close()
    except OSError as error:
        other = "on macOS, AirPlay Receiver may hold it: " if sys.platform == "darwin" else ""
        remedy = f"{other}serve a registry on another port: imagelab registry serve --port {REGISTRY_PORT + 1}"
        yield Finding("registry port", f"{REGISTRY_PORT}: {error.strerror}", remedy, needed=False)


def _browser(session: Session) -> Iterator[Finding]:
    try:
        yield Finding("browser", webbrowser.get().name)
    except webbrowser.Error:
        remedy = "imagelab learn --no-browser prints an address: open it in a browser, on this machine or over a tunnel"
        yield Finding("browser", "none that this terminal can open", remedy, needed=False)


LOOKS = (_python, _packages, _drawings, _containers, _runtimes, _store, _ports, _browser)
