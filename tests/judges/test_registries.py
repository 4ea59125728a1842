"""docs/registry.md: what it configures runs, its commands do what it says, and a class of thirty is served."""

from __future__ import annotations

import base64
import json
import ssl
import subprocess
import urllib.request

import bcrypt
import pytest

from judges import network_images
from judges.registries import DEBIAN, LEARNERS, OURS, USERS, Place, blocks


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    return network_images.archive(tmp_path_factory.mktemp("archive") / "shop.tar")


def get(place: Place, path: str, user: str) -> bytes:
    """What a registry over TLS answers to a user."""
    word = base64.b64encode(f"{user}:{USERS[user]}".encode()).decode()
    asked = urllib.request.Request(f"https://{place.address}{path}", headers={"Authorization": f"Basic {word}"})
    with urllib.request.urlopen(asked, timeout=60, context=ssl.create_default_context(cafile=place.ca)) as answer:
        return answer.read()


def test_every_box_of_the_page_is_run():
    configurations = {name.removesuffix(".yml") for name in blocks() if name.endswith(".yml")}
    assert configurations == set(DEBIAN)
    assert blocks().keys() - {f"{kind}.yml" for kind in DEBIAN} == {"certificates.sh", "accounts.sh", "serve.sh"}


@pytest.mark.parametrize("kind", [*DEBIAN, *OURS])
def test_each_configuration_of_the_page_takes_an_image_and_gives_it_back(registry, archive, skopeo, tmp_path, kind):
    place = registry(kind)
    into, name = place.writable, "alice/taken:1.0"
    digest = tmp_path / "digest"
    skopeo(
        "copy", *into.skopeo("dest"), f"--digestfile={digest}",
        f"docker-archive:{archive}", f"docker://{into.address}/{name}",
    )  # fmt: skip
    skopeo("copy", *place.skopeo("src"), f"docker://{place.address}/{name}", f"dir:{tmp_path}/pulled")
    data = (tmp_path / "pulled" / "manifest.json").read_bytes()
    assert len(json.loads(data)["layers"]) == 2
    assert skopeo("manifest-digest", tmp_path / "pulled" / "manifest.json").strip() == digest.read_text()


@pytest.mark.parametrize("kind", ["htpasswd", "token", "ours-tls"])
def test_a_wrong_password_and_a_stranger_are_refused(registry, archive, skopeo, kind):
    place = registry(kind)
    there = f"docker://{place.address}/alice/secret:1.0"
    anonymous = [option for option in place.skopeo("dest") if "-creds=" not in option]
    for credentials in ([], ["--dest-creds=alice:guessed"], ["--dest-creds=nobody:x"]):
        refused = skopeo.run("copy", *anonymous, *credentials, f"docker-archive:{archive}", there)
        assert refused.returncode == 1
        assert b"unauthorized" in refused.stderr or b"denied" in refused.stderr, refused.stderr


@pytest.mark.parametrize("kind", ["token", "ours-tls"])
def test_a_user_does_not_push_under_another_s_name(registry, archive, skopeo, kind):
    place = registry(kind)
    there = f"docker://{place.address}/bob/shop:1.0"
    refused = skopeo.run("copy", *place.skopeo("dest"), f"docker-archive:{archive}", there)
    assert refused.returncode == 1 and b"denied" in refused.stderr, refused.stderr


def test_a_cache_takes_no_push(registry, archive, skopeo):
    place = registry("cache")
    there = f"docker://{place.address}/alice/new:1.0"
    refused = skopeo.run("copy", *place.skopeo("dest"), f"docker-archive:{archive}", there)
    assert refused.returncode == 1 and b"unsupported" in refused.stderr, refused.stderr


@pytest.mark.parametrize("kind", ["tls", "ours-tls"])
def test_who_does_not_have_the_authority_s_certificate_refuses_to_talk(registry, archive, skopeo, kind):
    there = f"docker://{registry(kind).address}/alice/shop:1.0"
    refused = skopeo.run("copy", f"--dest-creds=alice:{USERS['alice']}", f"docker-archive:{archive}", there)
    assert refused.returncode == 1 and b"x509: certificate signed by unknown authority" in refused.stderr


def test_the_page_makes_accounts_that_htpasswd_would(registry):
    lines = (registry("ours-tls").folder / "users").read_text().splitlines()[:2]
    for line, user in zip(lines, ("teacher", "alice"), strict=True):
        name, _, hashed = line.partition(":")
        assert name == user and bcrypt.checkpw(USERS[user].encode(), hashed.encode())


def test_thirty_learners_push_at_the_same_time_over_tls(registry, archive, skopeo):
    """Each under their own name and with their own password; no push fails, and the layers are kept once."""
    place = registry("ours-tls")
    blobs = place.folder / "data" / "blobs" / "sha256"
    before = set(blobs.iterdir())
    trust = f"--dest-cert-dir={place.ca.parent}"
    pushes = [
        subprocess.Popen(
            [*skopeo.command, "copy", trust, f"--dest-creds={user}:{USERS[user]}",
             f"docker-archive:{archive}", f"docker://{place.address}/{user}/shop:1.0"],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        )
        for user in LEARNERS
    ]  # fmt: skip
    for push in pushes:
        _, complaint = push.communicate(timeout=150)
        assert push.returncode == 0, complaint.decode()
    pulled = {get(place, f"/v2/{user}/shop/manifests/1.0", user) for user in LEARNERS}
    assert len(pulled) == 1
    new = {path.name for path in set(blobs.iterdir()) - before}
    layers = {row["digest"].partition(":")[2] for row in json.loads(pulled.pop())["layers"]}
    assert len(new) <= 4 and layers <= {path.name for path in blobs.iterdir()}
