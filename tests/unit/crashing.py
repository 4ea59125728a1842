"""What the crash tests run in other processes: verbs that die at a chosen step, and verbs in a crowd."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from imagelab import Lab

# The steps by which Python opens or changes a file; it announces each before it happens (PEP 578).
STEPS = {
    "open",
    "os.rename",
    "os.remove",
    "os.rmdir",
    "os.mkdir",
    "os.link",
    "os.symlink",
    "os.utime",
    "os.truncate",
}

VERBS: dict[str, Callable[[Lab, Path], object]] = {
    "append": lambda lab, _: lab.append("base:1", {"new": "n" * 5_000, "old": None}, tag="new:1"),
    "tag moves": lambda lab, _: lab.tag("other:1", "base:1"),
    "tag undo": lambda lab, _: lab.tag_undo("moved:1"),
    "untag": lambda lab, _: lab.rmi("base:also"),
    "rmi": lambda lab, _: lab.rmi("other:1"),
    "load": lambda lab, archive: lab.load(archive),
    "gc": lambda lab, _: lab.gc(),
    "prune": lambda lab, _: lab.prune(all=True),
}


def furnish(home: Path, archive: Path) -> None:
    """A store with shared layers, several tags, a moved tag, a dangling image and a useless blob."""
    elsewhere = Lab(home.parent / "elsewhere", epoch=0)
    loaded = elsewhere.append(elsewhere.scratch, {"loaded": "l" * 9_000}, tag="loaded:1")
    elsewhere.append(loaded, {"more": "m"}, tag="loaded:2")
    elsewhere.save(["loaded:1", "loaded:2"], archive)
    lab = Lab(home, epoch=0)
    base = lab.append(lab.scratch, {"base": "b" * 3_000, "old": "o"}, tag="base:1")
    lab.tag("base:1", "base:also")
    lab.append(base, {"other": "o" * 2_000}, tag="other:1")
    lab.tag("other:1", "moved:1")
    lab.append(base, {"third": "t" * 2_000}, tag="moved:1")
    lab.append(base, {"dangling": "d" * 2_000})
    lab.store.blobs.put(b"nothing refers to this")


def die_at(home: Path, archive: Path, verb: str, step: int) -> None:
    """Run a verb and be killed (SIGKILL: no handler, no finally) just before its `step`-th step."""
    left = step

    def watch(event: str, args: tuple[object, ...]) -> None:
        nonlocal left
        if event in STEPS and any(str(home) in str(arg) for arg in args):
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    lab = Lab(home, epoch=0)
    sys.addaudithook(watch)
    VERBS[verb](lab, archive)


def load_slowly(home: Path, pipe: Path) -> None:
    """Load an archive from a pipe that may never end."""
    with open(pipe, "rb") as source:
        Lab(home).load(source)


def append_many(home: Path, worker: int, rounds: int) -> None:
    """Build images on one another under tags of one's own, and move one tag that everybody moves."""
    lab = Lab(home, epoch=0)
    image = lab.scratch
    for number in range(rounds):
        image = lab.append(image, {f"w{worker}-{number}": str(number)}, tag=f"w{worker}:{number}")
        lab.tag(image, "everybodys:latest")


def collect_garbage(home: Path, rounds: int) -> None:
    """Sweep again and again while others build."""
    lab = Lab(home)
    for _ in range(rounds):
        lab.gc()
        lab.images()


def look(home: Path, rounds: int) -> None:
    """Read everything again and again while others write: what is listed is whole at every moment."""
    lab = Lab(home)
    for _ in range(rounds):
        for image in lab.images(all=True):
            assert image.names is not None
            assert len(image.diff_ids) == len(image.layers)
