"""login, push, pull, logout and manifest inspect: exit codes and words beside Docker's (20.10).

Both run the same commands in the same order, each with a registry of its own. `DIFFERENT` is the table of what differs,
with the reason.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from imagelab.registry.server import accounts
from imagelab.registry.server.repositories import Registry
from imagelab.registry.server.server import Server
from judges import network_images
from judges.tools import CommandLine, Tool

COMMANDS = """
push REGISTRY/alice/app:1
login -u alice -p wrong REGISTRY
login -u alice -p secret1 REGISTRY
tag shop:1.0 REGISTRY/alice/app:1
push REGISTRY/alice/app:1
push REGISTRY/alice/app:1
push -q REGISTRY/alice/app:1
push REGISTRY/alice/nosuch:1
push REGISTRY/alice/nosuch
push --all-tags REGISTRY/alice/app:1
push REGISTRY/Alice/app
images --digests --format {{.Repository}}:{{.Tag}}@{{.Digest}} REGISTRY/alice/app
rmi REGISTRY/alice/app:1
pull REGISTRY/alice/app:1
pull REGISTRY/alice/app:1
pull -q REGISTRY/alice/app:1
pull REGISTRY/alice/app
pull REGISTRY/alice/nosuch:1
pull REGISTRY/alice/app@sha256:0000000000000000000000000000000000000000000000000000000000000000
pull REGISTRY/alice/app@DIGEST
pull --all-tags REGISTRY/alice/app
pull --all-tags REGISTRY/alice/app:1
pull --platform linux/s390x REGISTRY/alice/app:1
manifest inspect REGISTRY/alice/nosuch:1
logout REGISTRY
logout REGISTRY
push REGISTRY/alice/app:1
"""
DIFFERENT = {  # command -> why
    "push REGISTRY/Alice/app": "ours says which part of the name is wrong",
}
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
LAYER = re.compile(r"^[0-9a-f]{12}: (.*)$")
PASSING = ("Preparing", "Waiting", "Pulling fs layer", "Verifying Checksum", "Download complete")


@pytest.fixture(scope="module")
def answers(docker: Tool, tmp_path_factory) -> list[tuple[str, list[object], list[object]]]:
    """Each command, with what docker and imagelab came to."""
    folder = tmp_path_factory.mktemp("words")
    archive = network_images.archive(folder / "shop.tar")
    sides = []
    docker("image", "prune", "--all", "--force")
    with pytest.MonkeyPatch.context() as environment:
        for name in ("docker", "imagelab"):
            (folder / name).mkdir()
            environment.setenv("DOCKER_CONFIG", str(folder / name))  # docker's has its own already
            tool = docker if name == "docker" else CommandLine("imagelab", "--home", folder / "home")
            sides.append(run_all(tool, folder / name, archive))
    docker("image", "prune", "--all", "--force")
    return [(command, *both) for command, *both in zip(COMMANDS.strip().splitlines(), *sides, strict=True)]


def run_all(tool: Tool, folder: Path, archive: Path) -> list[list[object]]:
    registry = Registry(folder / "registry")
    accounts.add_user(folder / "htpasswd", "alice", "secret1")
    with Server(registry, accounts=accounts.Accounts(folder / "htpasswd")).in_thread() as server:
        address = f"127.0.0.1:{server.port}"
        tool("load", "-i", archive)
        results = []
        for command in COMMANDS.strip().splitlines():
            digest = registry.repository("alice/app").tags.get("1", "") if "DIGEST" in command else ""
            done = tool.run(*command.replace("REGISTRY", address).replace("DIGEST", digest).split())
            texts = (stream.decode().replace(address, "REGISTRY") for stream in (done.stdout, done.stderr))
            results.append([done.returncode, *map(comparable, texts)])
        return results


def comparable(text: str) -> str:
    """Without what passes while layers travel, layers in one order, and digests as numbers: ours is an OCI manifest."""
    lines = [line for line in text.splitlines() if not line.endswith(PASSING)]
    ordered = "\n".join(sorted(lines, key=lambda line: line if LAYER.match(line) else ""))
    digests = {digest: str(number) for number, digest in enumerate(dict.fromkeys(DIGEST.findall(ordered)))}
    numbered = DIGEST.sub(lambda match: f"sha256:{digests[match[0]]}", ordered)
    without_sizes = re.sub(r"size: \d+", "size: SIZE", numbered)
    return re.sub(r"stored unencrypted in \S+", "stored unencrypted in FILE", without_sizes)


def test_the_same_words_and_exit_codes(answers):
    different = {command for command, theirs, ours in answers if theirs != ours}
    shown = "\n".join(f"{command}\n  docker   {theirs}\n  imagelab {ours}" for command, theirs, ours in answers
                      if command in different ^ DIFFERENT.keys())  # fmt: skip
    assert different == DIFFERENT.keys(), shown
