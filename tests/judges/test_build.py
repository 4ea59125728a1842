"""Docker builds the same Dockerfiles from the same contexts; what comes out must be the same.

The judge is the BuildKit inside Docker 20.10, as Debian has it. It needs no network, and it is older than the
Dockerfile reference that we follow: cases with newer words come with the same in older ones.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from imagelab import Lab
from imagelab.entry import Entry
from imagelab.image import Image
from imagelab.progress import BuildStep, Watcher
from judges.dockerfiles import CASES, LONG_AGO, TREE, Case, write
from judges.trees import Found, of_image

CONFIG = ("Env", "Cmd", "Entrypoint", "WorkingDir", "User", "Labels", "ExposedPorts", "Volumes", "StopSignal", "Shell",
          "OnBuild", "Healthcheck")  # fmt: skip
PASSWD = "root:x:0:0::/root:/bin/sh\nme:x:1000:1000::/home/me:/bin/sh\n"
GROUP = "root:x:0:\nme:x:1000:\nstaff:x:50:me\n"

# What is meant to be otherwise here, and why. case → aspect → reason; "*" is every case.
MEANT: dict[str, dict[str, str]] = {}


@pytest.fixture(scope="module")
def base(docker, busybox, tmp_path_factory) -> Path:
    """An archive of busybox's tree made into an image here, which Docker has loaded too."""
    folder = tmp_path_factory.mktemp("base")
    applets = subprocess.run([busybox, "--list"], capture_output=True, text=True, check=True).stdout.split()
    files: dict[str, Any] = {f"bin/{name}": Entry.symlink("busybox") for name in applets}
    files |= {
        "bin/busybox": Entry.file(busybox.read_bytes(), 0o755), "etc/passwd": PASSWD, "etc/group": GROUP,
        "dev": Entry.dir(), "proc": Entry.dir(), "sys": Entry.dir(), "tmp": Entry.dir(0o1777), "root": Entry.dir(0o700), "home/me": Entry.dir(uid=1000, gid=1000),
        "srv/real/x": "x", "srv/link": Entry.symlink("real"), "srv/out": Entry.symlink("/../tmp/out"),
        "srv/flink": Entry.symlink("real/x"),
    }  # fmt: skip
    lab = Lab(folder / "home", epoch=LONG_AGO)
    image = lab.append(None, files)
    image = image.with_config(Env=["PATH=/usr/local/bin:/bin", "BASE=yes"], Cmd=["sh"], Labels={"of": "base"})
    lab.tag(image, "base:1")
    on = lab.build(dict(TREE) | {"Dockerfile": CASES["onbuild"].dockerfile}, "on:1").image
    assert on.config["config"]["OnBuild"]
    lab.save(["base:1", "on:1"], folder / "base.tar")
    docker("load", "--input", folder / "base.tar")
    return folder / "base.tar"


class Output(Watcher):
    """Keeps what RUN prints."""

    def __init__(self) -> None:
        self.said: list[bytes] = []

    def output(self, step: BuildStep, stream: str, data: bytes) -> None:
        self.said.append(data)


def build_theirs(docker, case: Case, folder: Path, lab: Lab) -> Image:
    """The case as Docker builds it, loaded into a lab."""
    if case.theirs:
        (folder / "Dockerfile").write_text(case.theirs)
    command = [*docker.command, "build", "--network", "none", "--no-cache", "--tag", "theirs:1"]
    command += [word for name, value in case.args.items() for word in ("--build-arg", f"{name}={value}")]
    command += [word for name, value in case.labels.items() for word in ("--label", f"{name}={value}")]
    command += ["--target", case.target] if case.target else []
    done = subprocess.run(
        [*command, folder], env={"DOCKER_BUILDKIT": "1", "PATH": os.environ["PATH"]}, capture_output=True, timeout=300
    )
    assert done.returncode == 0, done.stderr.decode()
    docker("save", "--output", folder.parent / "theirs.tar", "theirs:1")
    return lab.load(folder.parent / "theirs.tar")[0].image


def aspects(image: Image, began: float) -> dict[str, Any]:
    """All that is compared."""
    found = image.config.get("config") or {}
    history = [
        (step.created_by, step.layer is None) for step in image.steps
    ]
    return {
        "files": {path: _now(entry, began) for path, entry in of_image(image.tree()).items()},
        **{key: found.get(key) or None for key in CONFIG},
        "author": image.config.get("author"),
        "layers": len(image.layers),
        "empty": [empty for _, empty in history],
        "created_by": [text for text, _ in history][2:],
    }


def _now(entry: Found, began: float) -> Found:
    """A time of the build itself is only "now"; that of a folder is when something was last put into it."""
    return entry._replace(mtime=-1) if entry.mtime >= int(began) or entry.kind == "dir" else entry


def different(theirs: Mapping[str, Any], ours: Mapping[str, Any]) -> dict[str, str]:
    """Aspect → what each has, for those that differ."""
    found = {key: f"\n  theirs {theirs[key]}\n  ours   {ours[key]}" for key in theirs if theirs[key] != ours[key]}
    if "files" in found:
        a, b = theirs["files"], ours["files"]
        found["files"] = "".join(
            f"\n  {path!r}:\n    theirs {a.get(path)}\n    ours   {b.get(path)}"
            for path in sorted({*a, *b})
            if a.get(path) != b.get(path)
        )
    return found


@pytest.mark.parametrize("name", CASES)
def test_docker_builds_the_same(docker, base, name, tmp_path):
    case = CASES[name]
    folder = tmp_path / "context"
    folder.mkdir()
    write(case, folder)
    lab = Lab(tmp_path / "home")
    lab.load(base)
    began = time.time()
    ours = lab.build(folder, "ours:1", build_args=case.args, target=case.target, labels=case.labels).image
    theirs = build_theirs(docker, case, folder, lab)
    found = different(aspects(theirs, began), aspects(ours, began))
    meant = {**MEANT.get("*", {}), **MEANT.get(name, {})}
    if case.theirs:
        meant |= dict.fromkeys(("created_by", "layers", "empty"), "told in other words")
    left = {aspect: told for aspect, told in found.items() if aspect not in meant}
    assert not left, "\n".join(f"{aspect}: {told}" for aspect, told in left.items())
