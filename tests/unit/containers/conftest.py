"""A lab that kills what it has started, and what containers need to be watched by."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from imagelab import Entry, Lab
from imagelab.containers import Container

LOOP = "echo up; while true; do sleep 1; done"


@pytest.fixture
def lab(tmp_path) -> Iterator[Lab]:
    """A lab with a clock, whose containers end with the test."""
    made = Lab(tmp_path / "home")
    yield made
    for one in made.containers():
        one.remove(force=True)


@pytest.fixture
def base(lab):
    return lab.base()


@pytest.fixture
def linux(lab, busybox, bwrap):
    """An image with busybox in it, for programs that are processes of Linux."""
    names = ("sh", "mkdir", "cat", "sleep", "touch", "ls", "ps", "id", "dd", "echo", "true", "hostname", "chown", "rm")
    files = {f"bin/{name}": Entry.symlink("busybox") for name in names}
    files |= {"bin/busybox": Entry.file(busybox.read_bytes(), 0o755), "tmp": Entry.dir(0o1777)}
    files |= {"etc/passwd": "root:x:0:0::/root:/bin/sh\nme:x:1000:1001::/home/me:/bin/sh\n", "root": Entry.dir(0o700)}
    return lab.append(None, files, "linux:1").with_config(Env=["PATH=/bin"])


def started(lab: Lab, image, *command: str, **settings) -> Container:
    """A container that runs and has printed its first line."""
    made = lab.run(image, *(command or ("sh", "-c", LOOP)), detach=True, **settings)
    assert next(iter(made.log(follow=True))).text == "up\n"
    return made


def exists(pid: int) -> bool:
    """Whether a process is there, and is no zombie that nobody has collected yet."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


class Said:
    """Collects what a container prints."""

    def __init__(self) -> None:
        self.parts: list[tuple[str, bytes]] = []

    def __call__(self, stream: str, data: bytes) -> None:
        self.parts.append((stream, data))

    def on(self, stream: str = "stdout") -> str:
        return b"".join(data for name, data in self.parts if name == stream).decode()
