"""Containers beside docker, cp and umoci: how soon a program runs, and what a copy of 20,000 files costs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from measure import LAB, Result, absolute, dockerd, empty, ratio, seconds

from imagelab import Entry, Lab


def containers(folder: Path, rounds: int) -> Iterator[Result]:
    lab = Lab(folder / "lab")
    shell = lab.base()
    yield absolute("run --rm of true: shell", 0.3, f"{LAB} --home lab run --rm lab/shell:1.0 true", folder, rounds)
    web = lab.run(shell, "sh", "-c", "while true; do sleep 1; done", name="web", detach=True)
    try:
        yield absolute("exec of true: shell", 0.2, f"{LAB} --home lab exec web true", folder, rounds)
        yield warm(web, rounds)
    finally:
        web.remove(force=True)
    if busybox := static_busybox():
        yield from linux(lab, busybox, folder, rounds)
    else:
        print("skipped: Linux programs (apt-get install busybox-static)")
    yield from copies(lab, folder, rounds)


def warm(web, rounds: int) -> Result:  # type: ignore[no-untyped-def]
    """A command in a container, from a notebook that has done one before."""
    taken = []
    for _ in range(10 * rounds):
        began = time.perf_counter()
        web.exec("true")
        taken.append(time.perf_counter() - began)
    return Result("exec of true: shell, warm", median(taken), "s", 0.02, f"{min(taken):.4f} to {max(taken):.4f} s")


def static_busybox() -> Path | None:
    found = shutil.which("busybox")
    if sys.platform != "linux" or not found or b"/ld-linux" in (data := Path(found).read_bytes()) or not data:
        return None
    return Path(found)


def linux(lab: Lab, busybox: Path, folder: Path, rounds: int) -> Iterator[Result]:
    files = {f"bin/{name}": Entry.symlink("busybox") for name in ("sh", "true", "sleep")}
    image = lab.append(None, {**files, "bin/busybox": Entry.file(busybox.read_bytes(), 0o755)}, "busybox:1")
    ours = f"{LAB} --home lab run --rm busybox:1 /bin/true"
    yield absolute("run --rm of true: bubblewrap", 0.3, ours, folder, rounds)
    web = lab.run(image, "/bin/sh", "-c", "while /bin/sleep 1; do :; done", detach=True)
    try:
        yield absolute("exec of true: bubblewrap", 0.2, f"{LAB} --home lab exec {web.name} /bin/true", folder, rounds)
    finally:
        web.remove(force=True)
    if not shutil.which("dockerd") or os.geteuid():
        print("skipped: docker run (apt-get install docker.io, and be root: a dockerd is started)")
        return
    with dockerd(folder) as docker:
        seconds(f"{LAB} --home lab save busybox:1 | {docker} load", folder)
        theirs = f"{docker} run --rm --network none busybox:1 /bin/true"
        yield ratio("run --rm of true beside docker", 2.0, ours, theirs, folder, rounds)


def copies(lab: Lab, folder: Path, rounds: int) -> Iterator[Result]:
    """What a new root folder costs, once the image has been unpacked; and what ten changes cost to find."""
    lab.append("lab/shell:1.0", folder / "tree", "big:1")
    lab.create("big:1", "true").remove()
    clean = empty(folder, "lab/containers", "copy", "bundle")
    create = f"{LAB} --home lab create big:1 true"
    yield ratio("create, of 20,000 files", 1.3, create, "cp -a --reflink=auto tree copy", folder, rounds, clean)
    if shutil.which("umoci") and not os.geteuid():
        subprocess.run([LAB, "--home", "lab", "save", "--output", "big.tar", "big:1"], cwd=folder, check=True)
        (folder / "big").mkdir()
        subprocess.run(["tar", "-xf", "big.tar", "-C", "big"], cwd=folder, check=True)
        umoci = "umoci unpack --image big:1 bundle"
        yield ratio("create, beside umoci unpack", 1.0, create, umoci, folder, rounds, clean)
    else:
        print("skipped: umoci unpack (apt-get install umoci, and be root)")
    changed = lab.create("big:1", "true", name="changed")
    for number in range(10):
        (changed.root / "d1" / "e0" / f"new{number}").write_text("new")
    yield absolute("diff after ten changes", 0.6, f"{LAB} --home lab diff changed", folder, rounds)
