"""lab.push and lab.pull with docker-registry in its configurations and with ours: one suite for all of them.

Skopeo and docker say what a registry has; what they pushed we pull with the same image ID, and the other way round.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from imagelab import Entry, Lab
from imagelab.errors import LabError
from imagelab.registry.client import Access
from imagelab.registry.connection.auth import Denied
from imagelab.registry.connection.transport import Limits, Unreachable
from judges import network_images
from judges.cut import relay
from judges.registries import DEBIAN, OURS, Place

SECURED = ["htpasswd", "token", "ours-accounts", "ours-tls"]
BIG = os.urandom(400_000)


@pytest.fixture(params=[*DEBIAN, *OURS])
def place(request, registry) -> Place:
    return registry(request.param)


def logged_in(place: Place, address: str = "") -> Lab:
    """A new lab with what it needs to push there."""
    lab = Lab.temporary(current=False)
    if place.user:
        lab.login(address or place.address, place.user, place.password, access=access(place))
    return lab


def access(place: Place, **limits: float) -> Access:
    return Access(ca=place.ca, limits=Limits(**limits))


def push(lab: Lab, place: Place, name: str, address: str = ""):
    return lab.push(f"{address or place.address}/{name}", access=access(place))


def pull(lab: Lab, place: Place, name: str, **options):
    return lab.pull(f"{place.address}/{name}", access=access(place), **options)


def verdicts(transfer) -> list[str]:
    return [f"{blob.kind} {blob.verdict}" for blob in transfer.blobs]


def skopeo_digest(skopeo, place: Place, name: str, folder: Path) -> str:
    """The digest of the bytes that the registry has as a name's manifest, computed by skopeo."""
    options = [option.replace("--src-", "--") for option in place.skopeo("src")]
    (folder / "manifest").write_text(skopeo("inspect", "--raw", *options, f"docker://{place.address}/{name}"))
    return skopeo("manifest-digest", folder / "manifest").strip()


def test_what_was_pushed_comes_back_by_tag_and_by_digest(place, skopeo, tmp_path):
    name, into = "alice/whole:1.0", place.writable
    lab = logged_in(into)
    image = network_images.shop(lab, f"soup for {place.kind}\n", f"{into.address}/{name}")
    sent = push(lab, into, name)
    assert verdicts(sent) == ["layer sent", "layer sent", "config sent", "manifest sent"]
    assert skopeo_digest(skopeo, place, name, tmp_path) == sent.digest
    for reference in (name, f"alice/whole@{sent.digest}"):
        other = logged_in(place)
        received = pull(other, place, reference)
        assert received.digest == sent.digest and received.image.id == image.id
        assert received.image.config_bytes == image.config_bytes and received.image.tree() == image.tree()
        assert [f"{place.address}/alice/whole@{sent.digest}"] == [
            pinned.familiar for pinned in other.repo_digests(received.image)
        ]
        assert other.verify() == []


def test_a_second_push_sends_the_manifest_alone(place):
    if place.kind == "cache":
        pytest.skip("nothing is pushed to a cache")
    name = "alice/twice:1.0"
    lab = logged_in(place)
    network_images.shop(lab, "two soups\n", f"{place.address}/{name}")
    first, second = push(lab, place, name), push(lab, place, name)
    assert second.digest == first.digest and second.moved == 1
    assert verdicts(second) == ["layer exists", "layer exists", "config exists", "manifest sent"]
    assert sum(request.sent for request in second.requests) == second.blobs[-1].size


def test_another_repository_takes_the_layers_over(place):
    if place.kind == "cache":
        pytest.skip("nothing is pushed to a cache")
    lab = logged_in(place)
    image = network_images.shop(lab, "a soup for two\n", f"{place.address}/alice/first:1.0")
    push(lab, place, "alice/first:1.0")
    lab.tag(image, f"{place.address}/alice/second:1.0")
    copied = push(lab, place, "alice/second:1.0")
    assert [(blob.verdict, blob.mounted_from) for blob in copied.blobs[:2]] == [("mounted", "alice/first")] * 2
    assert copied.mounted == 2
    assert pull(logged_in(place), place, "alice/second:1.0").image.id == image.id


def test_of_an_index_the_image_of_one_platform_comes(place, skopeo, tmp_path):
    into, name = place.writable, "alice/platforms:both"
    both = network_images.two_platforms(tmp_path / "layout")
    skopeo("copy", "--all", "--preserve-digests", *into.skopeo("dest"), f"oci:{both}:both", f"docker://{into.address}/{name}")
    index = json.loads((both / "index.json").read_bytes())["manifests"][0]["digest"]
    for platform in network_images.PLATFORMS:
        received = pull(logged_in(place), place, name, platform=platform)
        assert received.digest == index
        assert f"{received.image.os}/{received.image.architecture}" == platform
        assert received.image.read("platform.txt") == f"{platform}\n".encode()
    with pytest.raises(LabError, match="no matching manifest for linux/s390x in the manifest list entries"):
        pull(logged_in(place), place, name, platform="linux/s390x")


@pytest.mark.parametrize("kind", SECURED)
def test_a_wrong_password_is_refused_and_not_kept(registry, kind):
    place = registry(kind)
    lab = Lab.temporary(current=False)
    network_images.shop(lab, name=f"{place.address}/alice/secret:1.0")
    with pytest.raises(Denied):
        push(lab, place, "alice/secret:1.0")
    with pytest.raises(Denied, match=r"401 Unauthorized|incorrect username or password"):
        lab.login(place.address, "alice", "guessed", access=access(place))
    assert not lab.logout(place.address), "nothing was kept"


@pytest.mark.parametrize("kind", ["token", "ours-accounts", "ours-tls"])
def test_another_s_repository_is_denied_and_keeps_its_tag(registry, kind):
    place = registry(kind)
    lab = logged_in(place)
    network_images.shop(lab, name=f"{place.address}/bob/shop:1.0")
    with pytest.raises(Denied, match="requested access to the resource is denied"):
        push(lab, place, "bob/shop:1.0")


def test_a_cache_takes_no_push(registry):
    place = registry("cache")
    lab = Lab.temporary(current=False)
    network_images.shop(lab, "never seen here\n", f"{place.address}/alice/new:1.0")
    with pytest.raises(LabError, match=r"(?i)unsupported"):
        push(lab, place, "alice/new:1.0")


@pytest.mark.parametrize("kind", ["tls", "ours-tls"])
def test_a_certificate_of_another_authority_is_not_believed(registry, kind):
    place, stranger = registry(kind), registry("tls" if kind == "ours-tls" else "ours-tls")
    lab = Lab.temporary(current=False)
    with pytest.raises(Unreachable, match="certificate"):
        lab.pull(f"{place.address}/alice/shop:1.0", access=Access(ca=stranger.ca, limits=Limits(attempts=1)))


def test_a_cut_leaves_no_half_image_and_a_second_pull_goes_on(place):
    into, name = place.writable, "alice/long:1.0"
    lab = logged_in(into)
    base = lab.append(None, {"first": BIG[:100_000]})
    image = lab.append(base, {"second": BIG[100_000:]}, f"{into.address}/{name}")
    push(lab, into, name)
    pull(logged_in(place), place, name)  # so that a cache has it
    with relay(place.address) as line:
        other = logged_in(place, line.address)
        line.left = 250_000
        with pytest.raises(LabError):
            other.pull(f"{line.address}/{name}", access=access(place, attempts=2, backoff=0.01))
        assert line.left == 0
        assert list(other.images()) == [] and other.verify() == []
        line.left, line.passed = None, 0
        received = other.pull(f"{line.address}/{name}", access=access(place))
        assert received.image.id == image.id and received.image.tree() == image.tree()
        assert line.passed < 250_000, "what came before the cut was asked for again"


def test_docker_and_we_pull_what_the_other_pushed(place, docker, busybox, tmp_path):
    ours, theirs, into = f"{place.address}/alice/ours:1.0", "alice/theirs:1.0", place.writable
    for one in {place.address: place, into.address: into}.values():
        if one.user:
            docker("login", "-u", one.user, "--password-stdin", one.address, stdin=one.password.encode())
    lab = logged_in(into)
    files = {"bin/busybox": Entry.file(busybox.read_bytes(), 0o755), "menu.txt": f"soup of {place.kind}\n"}
    image = lab.append(None, files, f"{into.address}/alice/ours:1.0")
    sent = push(lab, into, "alice/ours:1.0")
    assert f"Digest: {sent.digest}" in docker("pull", ours)
    assert docker("images", "-q", "--no-trunc", ours).strip() == image.id
    shown = docker("run", "--rm", "--network=none", ours, "/bin/busybox", "cat", "/menu.txt")
    assert shown == f"soup of {place.kind}\n"

    docker("load", "-i", network_images.archive(tmp_path / "shop.tar", f"docker's soup for {place.kind}\n"))
    docker("tag", "shop:1.0", f"{into.address}/{theirs}")
    pushed = docker("push", f"{into.address}/{theirs}")
    received = pull(logged_in(place), place, theirs)
    assert received.image.id == docker("images", "-q", "--no-trunc", "shop:1.0").strip()
    assert str(received.digest) in pushed
    docker("rmi", "-f", image.id, received.image.id)
