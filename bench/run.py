"""How fast each verb is beside the tools that do the same work, as ratios in one run.

    make bench            all of it, about ten minutes
    python bench/run.py --rounds 9 --only archive

Ours and the peer take turns, and medians are compared, so that a busy or a slow machine slows both.
Every command is a process of its own, as a learner starts it. Exits 1 where a floor is missed.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from statistics import median

from clicks import clicks
from containers import containers
from measure import LAB, Result, absolute, dockerd, empty, peak, ratio, seconds, tree
from registries import registries

from imagelab import Lab
from imagelab.host.root import Root
from imagelab.runtime.binfmt import run
from imagelab.runtime.program import Program


def packing(folder: Path, rounds: int) -> Iterator[Result]:
    clean = empty(folder, "home", "layout")
    append = f"{LAB} --home home append scratch tree --tag t:1"
    yield ratio("append a folder", 1.5, append, "tar -cf - tree | sha256sum", folder, rounds, clean)
    if shutil.which("umoci"):
        umoci = "umoci init --layout layout && umoci new --image layout:t && umoci insert --image layout:t tree /"
        yield ratio("append a folder", 1.0, append, umoci, folder, rounds, clean)
    else:
        print("skipped: umoci insert (apt-get install umoci)")
    yield peak("memory of append", 300, f"{LAB} --home home2 append scratch tree --tag t:1", folder)


def building(folder: Path, rounds: int) -> Iterator[Result]:
    (folder / "Dockerfile").write_text("FROM scratch\nCOPY . /app/\n")
    tar = "tar -cf - tree | sha256sum"
    build = f"{LAB} --home home build --quiet --tag t:1 --file Dockerfile tree"
    yield ratio("build: COPY a folder", 1.6, build, tar, folder, rounds, empty(folder, "home"))
    yield peak("memory of build", 300, build, folder)
    yield ratio("build: all cached", 0.3, build, tar, folder, rounds)
    small = folder / "small"
    small.mkdir(exist_ok=True)
    (small / "a").write_text("a\n")
    steps = (f"ENV A{n}={n}\nCOPY a /d/a{n}\nRUN echo {n} > /r{n}\n" for n in range(10))
    (small / "Dockerfile").write_text(f"FROM lab/shell:1.0\n{''.join(steps)}")
    build = f"{LAB} --home small.home build --quiet small"
    yield absolute("build: 30 small steps", 2, build, folder, rounds, empty(folder, "small.home"))
    yield absolute("build: 30 small steps, all cached", 0.4, build, folder, rounds)


def builders(folder: Path, rounds: int) -> Iterator[Result]:
    """The same build by the others, once each after a warm-up: they take their time. The files are in memory."""
    (folder / "Dockerfile").write_text("FROM scratch\nCOPY . /app/\n")
    build = f"{LAB} --home home build --quiet --tag t:1 --file Dockerfile tree"
    rounds = min(rounds, 1)

    def rested(*clean: str) -> Callable[[], None]:
        def before() -> None:
            empty(folder, "home")()
            for command in [*clean, "cat tree/*/*/* > /dev/null"]:
                seconds(command, folder)

        return before

    if shutil.which("buildah"):
        buildah = "buildah --root buildah --runroot buildah.run"
        theirs = f"{buildah} bud --quiet --file Dockerfile tree"
        before = rested(f"{buildah} rmi --all --force")
        yield ratio("build beside buildah", 0.2, build, theirs, folder, rounds, before)
    else:
        print("skipped: buildah bud (apt-get install buildah)")
    if not shutil.which("dockerd") or os.geteuid():
        print("skipped: docker build (apt-get install docker.io, and be root: a dockerd is started)")
        return
    with dockerd(folder) as docker:
        before = rested(f"{docker} system prune --all --force")
        for name, kit in (("classic", 0), ("BuildKit", 1)):
            theirs = f"DOCKER_BUILDKIT={kit} {docker} build --quiet --file Dockerfile tree"
            yield ratio(f"build beside docker's {name}", 0.2, build, theirs, folder, rounds, before)


def archives(folder: Path, rounds: int) -> Iterator[Result]:
    seconds(
        f"{LAB} --home full append scratch tree --tag t:1 && {LAB} --home full save --output t.tar t:1",
        folder,
    )
    clean = empty(folder, "home", "out.tar", "out")
    yield ratio("load", 2, f"{LAB} --home home load --input t.tar", "sha256sum t.tar", folder, rounds, clean)
    save = f"{LAB} --home full save --output out.tar t:1"
    yield ratio("save", 2, save, "cat full/blobs/sha256/* > out", folder, rounds, clean)
    yield peak("memory of save", 300, f"{LAB} --home full save --output out.tar t:1", folder)
    yield peak("memory of load", 300, f"{LAB} --home home3 load --input t.tar", folder)


def start(folder: Path, rounds: int) -> Iterator[Result]:
    yield absolute("imagelab version", 0.15, f"{LAB} version", folder, rounds)
    code = "import time; a = time.perf_counter(); import imagelab; print(time.perf_counter() - a)"
    taken = [float(subprocess.check_output([sys.executable, "-c", code])) for _ in range(rounds + 2)]
    yield Result("import imagelab", median(taken), "s", 0.1, f"{min(taken):.3f} to {max(taken):.3f} s")
    make = (
        "from imagelab import Lab; lab = Lab('many'); base = lab.append(lab.scratch, {'base': bytes(1000)})\n"
        "for i in range(1000): lab.append(base, {f'file{i}': str(i) * i}, tag=f'image{i}:1')"
    )
    subprocess.run([sys.executable, "-c", make], cwd=folder, check=True)
    yield absolute("images, of 1,000", 0.6, f"{LAB} --home many images", folder, rounds)
    if importlib.util.find_spec("wasmtime"):
        yield python_start(folder, rounds)
    else:
        print("skipped: python:3.12-slim (pip install 'imagelab-oci[wasm]')")


def python_start(folder: Path, rounds: int) -> Result:
    """The Python of our own base image, from nothing to its end, as a process of its own; compiled before."""
    program = Program(("python", "-c", "pass"), {"PATH": "/usr/local/bin"})
    root = folder / "python"
    lab = Lab(folder / "bases", epoch=0)
    lab.unpack(lab.base("python:3.12-slim"), root)

    def once() -> float:
        began = time.perf_counter()
        if run(root, Root(root), program, lambda stream, data: None):
            raise SystemExit("python -c pass failed")
        return time.perf_counter() - began

    once()
    taken = sorted(once() for _ in range(rounds + 2))
    return Result("start of our own Python", median(taken), "s", 0.5, f"{taken[0]:.3f} to {taken[-1]:.3f} s")


def bombs(folder: Path, rounds: int) -> Iterator[Result]:
    """Small archives that expand: memory must not follow, whether they are taken or refused."""
    for name, files in (
        ("4 GB of zeros", [member("zeros", 4 << 30)]),
        ("290,000 files", (member(f"{number % 100}/{number}") for number in range(290_000))),
        ("400,000 long names", (member(f"{number % 100}/{number}{'x' * 200}") for number in range(400_000))),
        ("3 GB of attributes", (member(f"{number}", xattr="x" * 900_000) for number in range(3_000))),
    ):
        bomb(folder / "bomb.tar", files)
        empty(folder, "bombed")()
        yield peak(f"memory of load: {name}", 300, f"{LAB} --home bombed load --input bomb.tar", folder)


def member(name: str, size: int = 0, xattr: str = "") -> tarfile.TarInfo:
    """A file of zeros in a tar, with an extended attribute if one is given."""
    info = tarfile.TarInfo(name)
    info.size = size
    info.pax_headers = {"SCHILY.xattr.user.x": xattr} if xattr else {}
    return info


def bomb(path: Path, files: Iterable[tarfile.TarInfo]) -> None:
    """A docker-archive of one gzip layer with these files; made piece by piece."""
    layer, diff_id, deflate = path.with_suffix(".gz"), hashlib.sha256(), zlib.compressobj(1, wbits=31)
    with layer.open("wb") as out:

        def write(data: bytes) -> None:
            diff_id.update(data)
            out.write(deflate.compress(data))

        for info in files:
            write(info.tobuf(tarfile.PAX_FORMAT))
            for _ in range(info.size >> 20):
                write(bytes(1 << 20))
        write(bytes(1024))
        out.write(deflate.flush())
    rootfs = {"type": "layers", "diff_ids": [f"sha256:{diff_id.hexdigest()}"]}
    config = json.dumps({"architecture": "amd64", "os": "linux", "rootfs": rootfs}).encode()
    (path.parent / "config.json").write_bytes(config)
    name = hashlib.sha256(config).hexdigest() + ".json"
    manifest = [{"Config": name, "RepoTags": ["bomb:1"], "Layers": ["layer.tar"]}]
    (path.parent / "manifest.json").write_text(json.dumps(manifest))
    with tarfile.open(path, "w") as archive:
        archive.add(path.parent / "config.json", name)
        archive.add(layer, "layer.tar")
        archive.add(path.parent / "manifest.json", "manifest.json")
    layer.unlink()


PARTS: dict[str, Callable[[Path, int], Iterator[Result]]] = {
    "start": start, "pack": packing, "build": building, "builders": builders, "archive": archives, "memory": bombs,
    "containers": containers, "registries": registries, "clicks": clicks,
}  # fmt: skip


def main() -> int:
    options = argparse.ArgumentParser(description="How fast each verb is beside its peers.")
    options.add_argument("--rounds", type=int, default=5, help="timed runs of each command (default 5)")
    options.add_argument("--only", choices=PARTS, help="one part")
    options.add_argument("--folder", type=Path, help="where to work (default: a temporary folder)")
    chosen = options.parse_args()
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # a learner's Python compiles each module once
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    with tempfile.TemporaryDirectory(prefix="imagelab-bench-", dir=chosen.folder) as name:
        folder = Path(name)
        tree(folder)
        results = []
        for part in [chosen.only] if chosen.only else PARTS:
            for result in PARTS[part](folder, chosen.rounds):
                print(result, flush=True)
                results.append(result)
    missed = [result.name for result in results if not result.kept]
    print(f"\n{len(results) - len(missed)} floors kept, {len(missed)} missed", *missed, sep="\n  ")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
