"""Registries: our server beside Debian's docker-registry, under the same client, and our client beside skopeo."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import random
import shlex
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from measure import LAB, MEGABYTES, Result, absolute, empty, peak, ratio, seconds

from imagelab import Lab

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

if TYPE_CHECKING:
    from judges.registries import Place

KINDS = "application/vnd.oci.image."
SKOPEO = "skopeo --insecure-policy copy --quiet"
AT_ONCE = 30


def registries(folder: Path, rounds: int) -> Iterator[Result]:
    needed = {"skopeo": "skopeo", "docker-registry": "docker-registry", "setpriv": "util-linux"}
    if absent := [package for program, package in needed.items() if not shutil.which(program)]:
        print(f"skipped: registries (apt-get install {' '.join(absent)})")
        return
    if not importlib.util.find_spec("jwt"):
        print("skipped: registries (make test brings what their tests need)")
        return
    work = folder / "registries"
    work.mkdir()
    layout(work / "big", [MEGABYTES])
    layout(work / "class", [4, 0])
    with ExitStack() as stack:
        servers = Servers(work, stack)
        yield from client(work, rounds, servers)
        yield from one_push(work, rounds, servers)
        yield from thirty(work, rounds, servers)


class Servers:
    """A registry of ours and Debian's, started anew and empty before each measurement."""

    def __init__(self, work: Path, stack: ExitStack) -> None:
        self.work, self.stack = work, stack
        self.places: dict[str, Place] = {}

    def fresh(self, *kinds: str) -> Callable[[], None]:
        """Something that stops all registries and starts these; `KIND.address` says where each of them is."""
        from judges.registries import running

        def start() -> None:
            self.stack.close()
            for kind in kinds:
                place = self.work / kind
                shutil.rmtree(place, ignore_errors=True)
                place.mkdir()
                self.places[kind] = self.stack.enter_context(running(kind, place))
                (self.work / f"{kind}.address").write_text(self.places[kind].address)

        return start

    def memory(self, kind: str) -> float:
        """The most memory that a registry held, in MB (proc(5): VmHWM)."""
        status = Path(f"/proc/{self.places[kind].process.pid}/status").read_text()
        return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) * 1024 / 1e6


def client(work: Path, rounds: int, servers: Servers) -> Iterator[Result]:
    """`imagelab push` and `pull` of 300 MB, to and from our server, beside skopeo with the same compression."""
    (work / "words").mkdir()
    text = words(MEGABYTES * 1_000_000 // 30)
    for number in range(30):
        (work / "words" / f"file{number}").write_bytes(text[number:])
    seconds(f"{LAB} --home home append scratch words --tag big:1", work)
    fresh = servers.fresh("ours")

    def before_push() -> None:
        fresh()
        seconds(f'{LAB} --home home tag big:1 "$(cat ours.address)/alice/big:1"', work)

    push = f'{LAB} --home home push --quiet "$(cat ours.address)/alice/big:1"'
    theirs = f'{SKOPEO} --dest-tls-verify=false oci:home:big:1 "docker://$(cat ours.address)/alice/big:1"'
    yield ratio("push 300 MB, gzip", 1.2, push, theirs, work, rounds, before_push)
    before_push()
    yield peak("memory of push", 100, f"bash -c 'exec {push}'", work)
    yield absolute("push again", 0.5, push, work, rounds)
    yield changed(work, servers)

    pull = f'{LAB} --home pulled pull --quiet "$(cat ours.address)/alice/big:1"'
    clean = empty(work, "pulled", "pulled.tar")
    source = '"docker://$(cat ours.address)/alice/big:1"'
    theirs = f"{SKOPEO} --src-tls-verify=false {source} docker-archive:pulled.tar:big:1"
    yield ratio("pull 300 MB, gzip", 1.2, pull, theirs, work, rounds, clean)
    clean()
    yield peak("memory of pull", 100, f"bash -c 'exec {pull}'", work)
    yield Result("server: memory of push and pull", servers.memory("ours"), "MB", 100, "imagelab registry serve")


def words(size: int) -> bytes:
    """So many bytes of which gzip leaves 0.4, as of many programs; the same every time."""
    rng = random.Random(4)
    known = [rng.randbytes(rng.randint(3, 12)) for _ in range(2000)]
    return b"".join(rng.choices(known, k=size // 7))[:size]


def changed(work: Path, servers: Servers) -> Result:
    """What travels of 300 MB of which one file of 3 bytes is new, in kB."""
    lab = Lab(work / "home", current=False)
    name = f"{servers.places['ours'].address}/alice/big"
    lab.tag(lab.append("big:1", {"small.txt": "abc"}), f"{name}:2")
    sent = sum(request.sent for request in lab.push(f"{name}:2").requests)
    return Result("3 bytes more, sent", sent / 1000, "kB", 10, "lab.push")


def one_push(work: Path, rounds: int, servers: Servers) -> Iterator[Result]:
    """300 MB that are not to be compressed any more, by skopeo, to each."""
    ours, debian = (
        f'{SKOPEO} --dest-tls-verify=false oci:big:1 "docker://$(cat {kind}.address)/alice/big:1"'
        for kind in ("ours", "open")
    )
    before = servers.fresh("ours", "open")
    yield ratio("server: one push, 300 MB", 1.2, ours, debian, work, rounds, before)
    yield Result("server: memory of a push", servers.memory("ours"), "MB", 100, "imagelab registry serve")


def thirty(work: Path, rounds: int, servers: Servers) -> Iterator[Result]:
    """Thirty learners with accounts push 4 MB each at the same time."""
    from judges.registries import LEARNERS, USERS

    assert len(LEARNERS) == AT_ONCE
    for name, kinds in (("open", ("ours", "open")), ("accounts", ("ours-accounts", "htpasswd"))):
        ours, debian = (script(work, kind, LEARNERS, USERS if name == "accounts" else {}) for kind in kinds)
        yield ratio(f"server: 30 pushes at once, {name}", 1.0, ours, debian, work, rounds, servers.fresh(*kinds))


def script(work: Path, kind: str, learners: list[str], users: dict[str, str]) -> str:
    """A program that starts all pushes and waits for them; fails where one does."""
    lines = ["pids="]
    for learner in learners:
        login = shlex.quote(f"--dest-creds={learner}:{users[learner]}") if users else ""
        lines.append(
            f'{SKOPEO} --dest-tls-verify=false {login} oci:class:1 "docker://$(cat {kind}.address)/{learner}/shop:1" &'
        )
        lines.append('pids="$pids $!"')
    path = work / f"{kind}.sh"
    path.write_text("\n".join([*lines, "for pid in $pids; do wait $pid || exit 1; done"]))
    return f"bash {path.name}"


def layout(folder: Path, megabytes: list[int]) -> None:
    """An OCI layout with one image `1`, whose layers have so many megabytes of noise (0: a few bytes)."""
    blobs = folder / "blobs" / "sha256"
    blobs.mkdir(parents=True)
    rng = random.Random(3)

    def keep(pieces: Iterator[bytes]) -> tuple[str, int]:
        hasher, size = hashlib.sha256(), 0
        with open(folder / "new", "wb") as out:
            for piece in pieces:
                hasher.update(piece)
                size += out.write(piece)
        os.replace(folder / "new", blobs / hasher.hexdigest())
        return f"sha256:{hasher.hexdigest()}", size

    layers = []
    for count in megabytes:
        digest, size = keep(rng.randbytes(1_000_000 if count else 100) for _ in range(count or 1))
        layers.append({"mediaType": f"{KINDS}layer.v1.tar+gzip", "digest": digest, "size": size})
    rootfs = {"type": "layers", "diff_ids": [row["digest"] for row in layers]}
    digest, size = keep(iter([json.dumps({"architecture": "amd64", "os": "linux", "rootfs": rootfs}).encode()]))
    config = {"mediaType": f"{KINDS}config.v1+json", "digest": digest, "size": size}
    manifest = {"schemaVersion": 2, "mediaType": f"{KINDS}manifest.v1+json", "config": config, "layers": layers}
    digest, size = keep(iter([json.dumps(manifest).encode()]))
    row = {"mediaType": f"{KINDS}manifest.v1+json", "digest": digest, "size": size}
    row |= {"annotations": {"org.opencontainers.image.ref.name": "1"}}
    (folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [row]}))
    (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
