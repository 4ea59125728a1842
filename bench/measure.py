"""Measure commands beside their peers, in turns, in one run on one machine."""

from __future__ import annotations

import os
import random
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import NamedTuple

FILES, MEGABYTES = 20_000, 300
LAB = "imagelab"  # the one beside this Python: see `main`
DEBIAN = "/usr/sbin:/usr/bin:/sbin:/bin"


class Result(NamedTuple):
    """One line of the table: a figure, what it is compared with, and the floor it must keep."""

    name: str
    figure: float
    unit: str  # "×" for a ratio
    floor: float
    detail: str

    @property
    def kept(self) -> bool:
        return self.figure <= self.floor

    def __str__(self) -> str:
        mark = "ok    " if self.kept else "MISSED"
        figure = f"{self.figure:.2f} {self.unit}"
        return f"{mark} {self.name:34} {figure:>10}  (at most {self.floor} {self.unit})  {self.detail}"


def seconds(command: str, folder: Path, before: Callable[[], object] = lambda: None) -> float:
    """Wall-clock time of a shell command, after `before`, and after the disk has come to rest."""
    before()
    os.sync()
    start = time.perf_counter()
    subprocess.run(["bash", "-o", "pipefail", "-c", command], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def ratio(name: str, floor: float, ours: str, peer: str, folder: Path, rounds: int,
          before: Callable[[], object] = lambda: None) -> Result:  # fmt: skip
    """Ours and the peer alternately, `rounds` times each after one warm-up; the ratio of the medians."""
    times: dict[str, list[float]] = {ours: [], peer: []}
    for number in range(rounds + 1):
        for command, taken in times.items():
            once = seconds(command, folder, before)
            if number:
                taken.append(once)
    mine, theirs = median(times[ours]), median(times[peer])
    return Result(name, mine / theirs, "×", floor, f"{mine:.2f} s, beside {theirs:.2f} s for {peer}")


def absolute(name: str, floor: float, command: str, folder: Path, rounds: int,
             before: Callable[[], object] = lambda: None) -> Result:  # fmt: skip
    """The median time of a command by itself."""
    taken = sorted(seconds(command, folder, before) for _ in range(rounds + 2))
    return Result(name, median(taken), "s", floor, f"{taken[0]:.3f} to {taken[-1]:.3f} s for {command}")


# A process's ru_maxrss is never less than its parent had when it was forked: so a small parent starts it.
SMALL_PARENT = """import os, subprocess, sys
process = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
_, status, usage = os.wait4(process.pid, 0)
print(os.waitstatus_to_exitcode(status), usage.ru_maxrss)"""


def peak(name: str, floor: float, command: str, folder: Path) -> Result:
    """The largest memory that a command ever held, in MB."""
    start = [sys.executable, "-c", SMALL_PARENT, *shlex.split(command)]
    code, kilobytes = map(int, subprocess.run(start, cwd=folder, check=True, capture_output=True).stdout.split())
    if code not in (0, 1):
        raise SystemExit(f"{command}: exit code {code}")
    refused = "refused by " if code else ""
    return Result(name, kilobytes * 1024 / 1e6, "MB", floor, refused + command)


def tree(folder: Path) -> None:
    """20,000 files of many sizes, about 300 MB, the same every time; 40 folders of 10."""
    rng = random.Random(2)
    for number in range(FILES):
        path = folder / "tree" / f"d{number % 40}" / f"e{number // 40 % 10}" / f"file{number}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(rng.randbytes(int(rng.expovariate(FILES / (MEGABYTES * 1e6)))))


def empty(folder: Path, *names: str) -> Callable[[], None]:
    """Something that removes these folders and files."""

    def remove() -> None:
        for name in names:
            path = folder / name
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)

    return remove


@contextmanager
def dockerd(folder: Path) -> Iterator[str]:
    """A Docker Engine of our own, with the storage driver that it chooses; gives the client's command.

    Debian's client goes first: it belongs to Debian's daemon, and has BuildKit without a plugin.
    """
    place = Path(tempfile.mkdtemp(prefix="docker", dir=folder))  # each part has its own
    docker = f"{shutil.which('docker', path=DEBIAN) or 'docker'} --host unix://{place}/socket"
    where = [f"--{name}={place}/{name}" for name in ("data-root", "exec-root", "pidfile")]
    command = ["dockerd", f"--host=unix://{place}/socket", *where, "--iptables=false", "--bridge=none"]
    with (place / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        wait = f"until {docker} version; do kill -0 {process.pid} || exit 1; sleep 0.1; done"
        subprocess.run(["bash", "-c", wait], check=True, capture_output=True)
        yield docker
    finally:
        process.terminate()
        process.wait(60)
