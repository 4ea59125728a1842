"""Real clients and our registry: the official conformance suite, docker, skopeo and podman.

The suite (distribution-spec, `conformance/`) is a program in Go: `make conformance` builds it.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from imagelab import Lab
from imagelab.registry.server.repositories import Registry
from imagelab.registry.server.server import Server
from judges.tools import Tool, find


@pytest.fixture
def server(tmp_path) -> Iterator[Server]:
    with Server(Registry(tmp_path / "registry")).in_thread() as server:
        yield server


@pytest.fixture
def archive(tmp_path) -> Path:
    lab = Lab.temporary()
    lab.append(lab.base(), {"menu.txt": "soup 4\n"}, "shop:1.0", created_by="COPY menu.txt /")
    lab.save("shop:1.0", tmp_path / "shop.tar")
    return tmp_path / "shop.tar"


@pytest.fixture
def skopeo(tmp_path) -> Tool:
    policy = tmp_path / "policy.json"
    policy.write_text('{"default": [{"type": "insecureAcceptAnything"}]}')
    return Tool(find("skopeo"), "--policy", policy)


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


def test_skopeo_pushes_and_pulls_the_same_bytes(server, archive, skopeo, tmp_path):
    there = f"docker://127.0.0.1:{server.port}/a/shop:1.0"
    skopeo("copy", "--dest-tls-verify=false", f"docker-archive:{archive}", there)
    skopeo("copy", "--src-tls-verify=false", there, f"dir:{tmp_path}/pulled")
    repository = server.registry.repository("a/shop")
    assert (tmp_path / "pulled" / "manifest.json").read_bytes() == repository.read(repository.tags["1.0"])
    assert server.registry.verify() == []


def test_a_repository_is_an_oci_layout_that_skopeo_reads(server, archive, skopeo):
    there = f"docker://127.0.0.1:{server.port}/a/shop:1.0"
    skopeo("copy", "--format", "oci", "--dest-tls-verify=false", f"docker-archive:{archive}", there)
    repository = server.registry.repository("a/shop")
    answer = json.loads(skopeo("inspect", f"oci:{repository.layout}:1.0"))
    assert answer["Digest"] == repository.tags["1.0"]


def test_docker_pushes_mounts_and_pulls(server, archive, docker):
    docker("load", "-i", archive)
    image_id = docker("images", "-q", "--no-trunc", "shop:1.0").strip()
    for name in ("a/shop", "b/shop"):
        docker("tag", "shop:1.0", f"127.0.0.1:{server.port}/{name}:1.0")
    first = docker("push", f"127.0.0.1:{server.port}/a/shop:1.0")
    second = docker("push", f"127.0.0.1:{server.port}/b/shop:1.0")
    assert "Pushed" in first and "Mounted from a/shop" in second
    digest = server.registry.repository("a/shop").tags["1.0"]
    assert digest in first and digest in second
    docker("rmi", "-f", image_id)
    pulled = docker("pull", f"127.0.0.1:{server.port}/a/shop@{digest}")
    assert f"Digest: {digest}" in pulled
    assert docker("images", "-q", "--no-trunc", f"127.0.0.1:{server.port}/a/shop").strip() == image_id
    docker("rmi", "-f", image_id)


def test_podman_pushes_and_pulls(server, archive, podman):
    podman("load", "-q", "-i", archive)
    there = f"127.0.0.1:{server.port}/a/shop:1.0"
    podman("push", "-q", "--tls-verify=false", "shop:1.0", there)
    podman("rmi", "-f", "shop:1.0")
    podman("pull", "-q", "--tls-verify=false", there)
    assert there in podman("images", "--format", "{{.Repository}}:{{.Tag}}")


def test_six_clients_pushing_one_tag_all_succeed(server, archive, skopeo):
    there = f"docker://127.0.0.1:{server.port}/a/shop:1.0"
    for _ in range(3):
        pushes = [
            subprocess.Popen(
                [*skopeo.command, "copy", "--dest-tls-verify=false", f"docker-archive:{archive}", there],
                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            )
            for _ in range(6)
        ]  # fmt: skip
        for push in pushes:
            assert push.wait(120) == 0, push.stderr.read().decode()
    assert server.registry.verify() == []
