"""The registries that clients are tested with: Debian's docker-registry as docs/registry.md configures it, and ours.

The configurations and commands are read from the page, so that what it shows is what was run; folder, address and port
are replaced.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import bcrypt
import pytest

from judges.token_server import Signer, token_server
from judges.tools import find
from processes import end

PAGE = Path(__file__).parents[2] / "docs" / "registry.md"
LEARNERS = [f"learner{number}" for number in range(1, 31)]
USERS = {user: f"{user}'s secret" for user in ("alice", "bob", "teacher", *LEARNERS)}
DEBIAN = ["open", "htpasswd", "tls", "token", "cache"]  # configurations of docker-registry
OURS = ["ours", "ours-accounts", "ours-tls"]  # open; with accounts; and over TLS too, as a class has it
_LISTENS = re.compile(r"(?:listening on |listens on https?://)([\d.]+:\d+)")


@dataclass(frozen=True)
class Place:
    """A registry that runs: where it listens, whom it lets in, whose signature it has."""

    kind: str
    address: str
    folder: Path
    process: subprocess.Popen[bytes]
    upstream: Place | None = None

    @property
    def tls(self) -> bool:
        return self.kind in ("tls", "ours-tls")

    @property
    def ca(self) -> Path | None:
        """The certificate of who signed the registry's."""
        return self.folder / "trusted" / "ca.crt" if self.tls else None

    @property
    def user(self) -> str | None:
        """Who has to log in before a push; None where nobody has to."""
        return "alice" if self.kind in ("htpasswd", "token", "ours-accounts", "ours-tls") else None

    @property
    def password(self) -> str:
        return USERS["alice"]

    @property
    def writable(self) -> Place:
        """Where an image has to be pushed so that this registry has it: itself, or what it is a cache of."""
        return self.upstream or self

    def skopeo(self, side: str) -> list[str]:
        """Skopeo's options for this registry as a `src` or `dest`."""
        options = [f"--{side}-cert-dir={self.ca.parent}"] if self.ca else [f"--{side}-tls-verify=false"]
        return [*options, *([f"--{side}-creds={self.user}:{self.password}"] if self.user else [])]


def blocks(page: Path = PAGE) -> dict[str, str]:
    """The boxes of the page that begin with a file's name, by that name."""
    boxes = re.findall(r"^```\w+\n# (\S+)\n(.*?)^```$", page.read_text("utf-8"), re.M | re.S)
    assert len(boxes) == len(dict(boxes))
    return dict(boxes)


def filled(text: str, folder: Path, others: Mapping[str, str]) -> str:
    """A configuration of the page with another folder, a free port of 127.0.0.1, and these replacements."""
    for old, new in {"/srv/registry": str(folder), "127.0.0.1:5000": "127.0.0.1:0", **others}.items():
        text = text.replace(old, new)
    return text


def certificates(folder: Path, address: str) -> None:
    """Run the page's openssl commands in a folder, for the address of a machine."""
    script = blocks()["certificates.sh"].replace("192.0.2.10", address)
    find("openssl")
    subprocess.run(["sh", "-euc", script], cwd=folder, check=True, capture_output=True)
    (folder / "trusted").mkdir()
    shutil.copy2(folder / "ca.crt", folder / "trusted")  # alone: skopeo takes a ca.key beside it for a client's key


def accounts(folder: Path) -> None:
    """Run the page's commands for accounts in a folder, then add all other USERS."""
    words = {"TEACHERS_PASSWORD": USERS["teacher"], "ALICES_PASSWORD": USERS["alice"]}
    script = blocks()["accounts.sh"].replace("imagelab registry", f"{sys.executable} -m imagelab registry")
    environment = {**os.environ, "IMAGELAB_HOME": str(folder / "home"), **words}
    subprocess.run(["sh", "-euc", script], cwd=folder, check=True, capture_output=True, env=environment)
    users_file(folder / "users", *(USERS.keys() - {"alice", "teacher"}))


def users_file(path: Path, *users: str) -> None:
    """Add users as `htpasswd -B` does, whose cost of bcrypt is 5."""
    hashed = {user: bcrypt.hashpw(USERS[user].encode(), bcrypt.gensalt(5)).decode() for user in users}
    with path.open("a") as out:
        out.write("".join(f"{user}:{word}\n" for user, word in hashed.items()))


@contextmanager
def running(
    kind: str, folder: Path, upstream: Place | None = None, host: str = "127.0.0.1", within: Sequence[str] = ()
) -> Iterator[Place]:
    """A registry in a folder while the block runs; `within` comes before its command."""
    with ExitStack() as stack:
        others = {"0.0.0.0:5000": f"{host}:0"}
        if kind in ("tls", "ours-tls"):
            certificates(folder, host)
        if kind in ("htpasswd", "ours-accounts"):
            users_file(folder / "users", *USERS)
        if kind == "ours-tls":
            accounts(folder)
        if kind == "token":
            signer = Signer.made()
            signer.write(folder / "token.pem")
            others["http://127.0.0.1:5001/token"] = stack.enter_context(token_server(signer, USERS))
        if upstream is not None:
            others["https://registry-1.docker.io"] = f"http://{upstream.address}"
        command = _ours(kind, folder, host) if kind in OURS else _debian(kind, folder, others)
        process = stack.enter_context(_process([*within, *command], folder / "log"))
        yield Place(kind, _address(process, folder / "log"), folder, process, upstream)


def _debian(kind: str, folder: Path, others: Mapping[str, str]) -> list[str]:
    (folder / "config.yml").write_text(filled(blocks()[f"{kind}.yml"], folder, others))
    return [find("docker-registry"), "serve", str(folder / "config.yml")]


def _ours(kind: str, folder: Path, host: str) -> list[str]:
    """`imagelab registry serve`, with what the page gives it for a class, or with nothing."""
    program = f"{sys.executable} -m imagelab"
    command = f"imagelab registry serve {folder}/data --host {host} --port 0"
    if kind == "ours-accounts":
        command += f" --htpasswd {folder}/users"
    if kind == "ours-tls":
        command = blocks()["serve.sh"].replace("--host 0.0.0.0 --port 5000", f"--host {host} --port 0")
    return ["sh", "-euc", "exec " + filled(command.replace("imagelab", program, 1), folder, {})]


@contextmanager
def _process(command: list[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A server that ends with the block, and with the tests if they are killed."""
    guard = [find("setpriv"), "--pdeathsig", "TERM"] if sys.platform == "linux" else []
    environment = {**os.environ, "IMAGELAB_HOME": str(log.parent / "home")}
    with log.open("wb") as out:
        process = subprocess.Popen(
            [*guard, *command], stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=environment
        )
    try:
        yield process
    finally:
        end(process)


def _address(process: subprocess.Popen[bytes], log: Path) -> str:
    """Where a server listens, once it says so."""
    for _ in range(600):
        if said := _LISTENS.search(log.read_text(errors="replace")):
            return said[1]
        try:
            process.wait(0.05)
        except subprocess.TimeoutExpired:
            continue
        break
    pytest.fail(f"{process.args[-1]!r} does not listen:\n{log.read_text(errors='replace')[-2000:]}", pytrace=False)


@contextmanager
def on_demand(folder_of: Callable[[str], Path]) -> Iterator[Callable[[str], Place]]:
    """`place("tls")` starts a registry when it is first asked for; they all end with the block."""
    with ExitStack() as stack:
        places: dict[str, Place] = {}

        def place(kind: str) -> Place:
            if kind not in places:
                upstream = place("open") if kind == "cache" else None
                places[kind] = stack.enter_context(running(kind, folder_of(kind), upstream))
            return places[kind]

        yield place
