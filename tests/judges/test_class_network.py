"""A class's registry as docker reaches it from another machine: an address that is not loopback, TLS, an authority.

docker takes plain http and unknown certificates on 127.0.0.0/8. So the registry and an Engine (20.10) of its own stand
in a network of their own, with the address that docs/registry.md uses, and the Engine has an /etc/docker of its own.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from judges import network_images, registries, tools
from judges.registries import USERS, Place
from judges.tools import Tool, find

HOST = "192.0.2.10"
NETWORK = f"""
ip link set lo up
ip address add {HOST}/32 dev lo
mkdir -p /etc/docker
mount --bind "$1" /etc/docker
echo ready
exec cat
"""


@pytest.fixture(scope="module")
def etc(tmp_path_factory) -> Path:
    """What stands in /etc/docker."""
    return tmp_path_factory.mktemp("etc")


@pytest.fixture(scope="module")
def within(etc) -> Iterator[list[str]]:
    """The beginning of a command that runs in the network."""
    if os.geteuid() != 0:
        tools.absent("root")
    if os.environ.get("IMAGELAB_DOCKER_HOST"):
        pytest.skip("an Engine that runs already is in another network")
    find("ip")
    command = [find("unshare"), "--net", "--mount", "sh", "-euc", NETWORK, "sh", str(etc)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout and holder.stdin
        assert holder.stdout.readline() == b"ready\n"
        yield [find("nsenter"), f"--target={holder.pid}", "--net", "--mount"]
        holder.stdin.close()  # it ends, and the network with it


@pytest.fixture(scope="module")
def place(within, tmp_path_factory) -> Iterator[Place]:
    with registries.running("ours-tls", tmp_path_factory.mktemp("class"), host=HOST, within=within) as place:
        yield place


@pytest.fixture(scope="module")
def docker(within) -> Iterator[Tool]:
    with tools.docker_engine(within=within) as docker:
        yield docker


def test_docker_trusts_the_authority_in_certs_d_and_logs_in(place, docker, etc, tmp_path):
    name = f"{place.address}/alice/shop:1.0"
    docker("load", "-i", network_images.archive(tmp_path / "shop.tar"))
    docker("tag", "shop:1.0", name)
    stranger = docker.run("push", name)
    assert b"x509: certificate signed by unknown authority" in stranger.stderr

    trusted = etc / "certs.d" / place.address
    trusted.mkdir(parents=True)
    shutil.copy2(place.ca, trusted / "ca.crt")
    assert b"no basic auth credentials" in docker.run("push", name).stderr
    docker("login", "-u", "alice", "--password-stdin", place.address, stdin=USERS["alice"].encode())
    pushed = docker("push", name)
    image_id = docker("images", "-q", "--no-trunc", name).strip()
    docker("rmi", "-f", image_id)
    assert docker("pull", "-q", name).strip() == name
    assert docker("images", "-q", "--no-trunc", name).strip() == image_id
    assert docker("inspect", "--format", "{{index .RepoDigests 0}}", name).split("@")[1].strip() in pushed


def test_imagelab_trusts_the_same_authority_and_pulls_what_docker_pushed(place, docker, within, tmp_path, monkeypatch):
    """After docker's test: its certs.d is filled, and alice/shop:1.0 is there."""
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))
    imagelab = Tool(*within, sys.executable, "-m", "imagelab", "--home", tmp_path / "home")
    imagelab("login", "-u", "alice", "--password-stdin", place.address, stdin=USERS["alice"].encode())
    name = f"{place.address}/alice/shop:1.0"
    imagelab("pull", "-q", name)
    docker("pull", "-q", name)
    assert imagelab("images", "-q", "--no-trunc", name) == docker("images", "-q", "--no-trunc", name)


def test_docker_refuses_plain_http_there(within, docker, tmp_path):
    with registries.running("ours", tmp_path, host=HOST, within=within) as place:
        refused = docker.run("pull", f"{place.address}/alice/shop:1.0")
    assert b"http: server gave HTTP response to HTTPS client" in refused.stderr
    assert b"docker speaks http to this machine alone" in (tmp_path / "log").read_bytes(), "our registry says it first"
