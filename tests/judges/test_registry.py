"""Real clients and our registry: the official conformance suite, docker, skopeo, podman and buildah.

The suite (distribution-spec, `conformance/`) is a program in Go: `make conformance` builds it.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from imagelab.registry.server.repositories import Registry
from imagelab.registry.server.server import Server
from judges import network_images, tools
from judges.tools import Tool, find


@pytest.fixture
def server(tmp_path) -> Iterator[Server]:
    with Server(Registry(tmp_path / "registry")).in_thread() as server:
        yield server


@pytest.fixture(scope="module")
def archive(tmp_path_factory) -> Path:
    return network_images.archive(tmp_path_factory.mktemp("archive") / "shop.tar")


@pytest.fixture(scope="module")
def both(tmp_path_factory) -> Path:
    return network_images.two_platforms(tmp_path_factory.mktemp("both"))


def bytes_of(server: Server, name: str, tag: str) -> bytes:
    """The manifest that a tag of our registry points to, as it is on its disk."""
    repository = server.registry.repository(name)
    return repository.read(repository.tags[tag])


def digest_of(server: Server, name: str, tag: str) -> str:
    return f"sha256:{hashlib.sha256(bytes_of(server, name, tag)).hexdigest()}"


@pytest.mark.parametrize("version", ["1.1", "dev"])
def test_the_official_conformance_suite_finds_nothing(server, tmp_path, version):
    suite = os.environ.get("OCI_CONFORMANCE") or find("oci-conformance")
    environment = {**os.environ, "OCI_REGISTRY": f"127.0.0.1:{server.port}", "OCI_TLS": "disabled"}
    done = subprocess.run(
        [suite], env={**environment, "OCI_VERSION": version}, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    (line,) = re.findall(r"<testsuites [^>]*>", (tmp_path / "results" / "junit.xml").read_text())
    assert not re.search(r'(failures|errors|skipped)="[1-9]', line), done.stdout[-3000:]
    assert int(re.search(r'tests="(\d+)"', line)[1]) > 800


# Skopeo ---------------------------------------------------------------------------------------------------------------


def test_skopeo_pushes_and_pulls_the_same_bytes(server, archive, skopeo, tmp_path):
    there = f"docker://127.0.0.1:{server.port}/a/shop:1.0"
    skopeo("copy", "--dest-tls-verify=false", f"docker-archive:{archive}", there)
    skopeo("copy", "--src-tls-verify=false", there, f"dir:{tmp_path}/pulled")
    assert (tmp_path / "pulled" / "manifest.json").read_bytes() == bytes_of(server, "a/shop", "1.0")
    assert server.registry.verify() == []


def test_skopeo_copies_between_repositories_by_mounting(server, both, skopeo):
    first, second = (f"docker://127.0.0.1:{server.port}/{name}/shop:both" for name in "ab")
    skopeo("copy", "--all", "--dest-tls-verify=false", f"oci:{both}:both", first)
    before = len(server.log)
    skopeo("copy", "--all", "--src-tls-verify=false", "--dest-tls-verify=false", first, second)
    assert bytes_of(server, "b/shop", "both") == bytes_of(server, "a/shop", "both")
    copying = list(server.log)[before:]
    layers = {row["digest"] for row in _layers(server, "a/shop")}
    mounted = {request.path for request in copying if "mount=" in request.path and request.status == 201}
    assert len(layers) == 3 and all(any(digest.replace(":", "%3A") in path for path in mounted) for digest in layers)
    assert server.registry.verify() == []


def _layers(server: Server, name: str) -> list[dict[str, str]]:
    """The layers of every image of a repository's index `both`."""
    repository = server.registry.repository(name)
    index = json.loads(bytes_of(server, name, "both"))
    return [row for one in index["manifests"] for row in json.loads(repository.read(one["digest"]))["layers"]]


def test_a_repository_is_an_oci_layout_of_what_was_pushed_as_oci(server, archive, skopeo, umoci, tmp_path):
    """Manifests of Docker's types stand there too, as they were pushed; skopeo and umoci pass over those."""
    there = f"docker://127.0.0.1:{server.port}/a/shop"
    skopeo("copy", "--format", "oci", "--dest-tls-verify=false", f"docker-archive:{archive}", f"{there}:oci")
    skopeo("copy", "--format", "v2s2", "--dest-tls-verify=false", f"docker-archive:{archive}", f"{there}:docker")
    repository = server.registry.repository("a/shop")
    answer = json.loads(skopeo("inspect", f"oci:{repository.layout}:oci"))
    assert answer["Digest"] == repository.tags["oci"]
    assert umoci("ls", "--layout", repository.layout).split() == ["docker", "oci"]
    skopeo("copy", f"oci:{repository.layout}:oci", f"dir:{tmp_path}/copied")
    assert (tmp_path / "copied" / "manifest.json").read_bytes() == bytes_of(server, "a/shop", "oci")
    refused = skopeo.run("inspect", f"oci:{repository.layout}:docker")
    assert refused.returncode == 1 and b"no descriptor found" in refused.stderr
    kinds = {row["mediaType"] for row in json.loads((repository.layout / "index.json").read_bytes())["manifests"]}
    assert "application/vnd.docker.distribution.manifest.v2+json" in kinds


def test_six_clients_pushing_one_tag_all_succeed(server, skopeo, tmp_path):
    """Five rounds; docker-registry 2.8.2 loses some of them (`digest invalid`, `manifest blob unknown`)."""
    there = f"docker://127.0.0.1:{server.port}/a/shop:1.0"
    archives = [network_images.archive(tmp_path / f"{number}.tar", f"soup {number}\n") for number in range(6)]
    for _ in range(5):
        pushes = [
            subprocess.Popen(
                [*skopeo.command, "copy", "--dest-tls-verify=false", f"--digestfile={archive}.digest",
                 f"docker-archive:{archive}", there],
                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            )
            for archive in archives
        ]  # fmt: skip
        for push in pushes:
            _, complaint = push.communicate(timeout=120)
            assert push.returncode == 0, complaint.decode()
        pushed = {Path(f"{archive}.digest").read_text() for archive in archives}
        assert len(pushed) == 6 and server.registry.repository("a/shop").tags["1.0"] in pushed
    assert server.registry.verify() == []


# Docker ---------------------------------------------------------------------------------------------------------------


def test_docker_pushes_mounts_and_pulls(server, archive, docker):
    docker("load", "-i", archive)
    image_id = docker("images", "-q", "--no-trunc", "shop:1.0").strip()
    for name in ("a/shop", "b/shop"):
        docker("tag", "shop:1.0", f"127.0.0.1:{server.port}/{name}:1.0")
    first = docker("push", f"127.0.0.1:{server.port}/a/shop:1.0")
    second = docker("push", f"127.0.0.1:{server.port}/b/shop:1.0")
    assert "Pushed" in first and "Mounted from a/shop" in second
    digest = digest_of(server, "a/shop", "1.0")
    assert digest in first and digest in second
    docker("rmi", "-f", image_id)
    pulled = docker("pull", f"127.0.0.1:{server.port}/a/shop@{digest}")
    assert f"Digest: {digest}" in pulled
    assert docker("images", "-q", "--no-trunc", f"127.0.0.1:{server.port}/a/shop").strip() == image_id
    docker("rmi", "-f", image_id)
    assert server.registry.verify() == []


def test_docker_pulls_its_platform_of_an_index(server, both, docker, skopeo):
    there = f"127.0.0.1:{server.port}/a/shop:both"
    skopeo("copy", "--all", "--dest-tls-verify=false", f"oci:{both}:both", f"docker://{there}")
    pulled = docker("pull", "--platform", "linux/arm64", there)
    assert f"Digest: {digest_of(server, 'a/shop', 'both')}" in pulled
    assert docker("inspect", "--format", "{{.Architecture}}", there).strip() == "arm64"
    docker("rmi", "-f", there)


# Podman and buildah ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def buildah() -> Iterator[Tool]:
    with tools.podman("buildah") as buildah:
        yield buildah


@pytest.mark.parametrize("client", ["podman", "buildah"])
def test_podman_and_buildah_push_and_pull_the_same_bytes(server, archive, skopeo, client, request, tmp_path):
    tool = request.getfixturevalue(client)
    first, second = (f"127.0.0.1:{server.port}/{name}/shop:1.0" for name in "ab")
    skopeo("copy", "--dest-tls-verify=false", f"docker-archive:{archive}", f"docker://{first}")
    tool("pull", "-q", "--tls-verify=false", first)
    tool("push", "-q", "--tls-verify=false", f"--digestfile={tmp_path}/digest", first, f"docker://{second}")
    digest = digest_of(server, "b/shop", "1.0")
    assert (tmp_path / "digest").read_text() == digest
    tool("rmi", "-f", first)
    tool("pull", "-q", "--tls-verify=false", second)
    shown = tool("images", "--digests", "--format", "{{.Digest}}", second)
    assert digest in shown
    tool("rmi", "-f", second)
    assert server.registry.verify() == []
