"""Each claim of lesson 07 about docker, asked of docker (20 to 28, classic store) with the lesson's own images."""

from __future__ import annotations

import gzip
from urllib.request import Request, urlopen

import pytest

from imagelab import Lab
from imagelab.lesson import scenes
from lessons.test_docker_agrees_on_tags import said


@pytest.fixture
def shop(docker, tmp_path):
    """Docker with the lesson's image, and a registry of ours to push it to."""
    docker("image", "prune", "--all", "--force")
    lab = Lab.temporary(epoch=0, current=False)
    for section in scenes.sections("07")[:2]:
        section(lab)
    other = Lab.temporary(epoch=0, current=False)
    with other.registry() as registry:
        loaded = {}
        for name, image in (("1.0", "shop:1.0"), ("1.1", "registry.test/shop:1.1")):
            lab.save(lab.image(image), tmp_path / "image.tar")
            docker("load", "-i", tmp_path / "image.tar")
            docker("tag", lab.image(image).id, f"{registry.address}/shop:{name}")
            loaded[name] = lab.image(image)
        yield registry, f"{registry.address}/shop", loaded
        lab.registry().close()
        docker("image", "prune", "--all", "--force")


def verdicts(pushed):
    """How many layers docker says were pushed, were there, or were mounted."""
    words = ("Pushed", "Layer already exists", "Mounted from shop")
    return [sum(line.endswith(f": {word}") for line in pushed.splitlines()) for word in words]


def sent(registry, before):
    return sum(one.received for one in registry.log()[before:])


def test_only_what_is_missing_travels(docker, shop):
    """07.change, 07.tag and 07.mount: the new layer alone, no layer for a tag, and none for a repository."""
    registry, name, _ = shop
    assert verdicts(docker("push", f"{name}:1.0")) == [3, 0, 0]
    before = len(registry.log())
    assert verdicts(docker("push", f"{name}:1.1")) == [1, 2, 0]
    assert 1_000 < sent(registry, before) < 3_000
    docker("tag", f"{name}:1.1", f"{name}:stable")
    before = len(registry.log())
    assert verdicts(docker("push", f"{name}:stable")) == [0, 3, 0]
    assert sent(registry, before) == len(registry.images.repository("shop").read(registry.tags()["shop"]["stable"]))
    kitchen = f"{registry.address}/kitchen/shop:1.1"
    docker("tag", f"{name}:1.1", kitchen)
    blobs = registry.blobs()
    assert verdicts(docker("push", kitchen)) == [0, 0, 3]
    assert registry.blobs() == blobs, "every blob is kept once"


def test_a_tag_that_moved_is_not_asked_for_and_a_digest_stays(docker, shop):
    """07.run, and a pull by digest: no tag is set, and DIGEST is known."""
    registry, name, images = shop
    docker("push", f"{name}:1.0")
    monday = registry.tags()["shop"]["1.0"]
    docker("tag", f"{name}:1.1", "new:1")
    docker("rmi", f"{name}:1.1")
    docker("tag", f"{name}:1.0", "old:1")
    docker("tag", "new:1", f"{name}:1.0")
    docker("push", f"{name}:1.0")
    docker("tag", "old:1", f"{name}:1.0")  # as on a machine that pulled on Monday
    before = len(registry.log())
    made = docker("create", f"{name}:1.0", "/bin/true").strip()
    assert docker("inspect", "--format", "{{.Image}}", made).strip() == images["1.0"].id
    docker("rm", made)
    assert len(registry.log()) == before, "create and run ask no registry for a name that is here"
    assert "Downloaded newer image" in docker("pull", f"{name}:1.0")
    assert docker("inspect", "--format", "{{.Id}}", f"{name}:1.0").strip() == images["1.1"].id
    docker("rmi", "old:1")
    docker("pull", f"{name}@{monday}")
    rows = said(docker("images", "--digests", "--format", "{{.Repository}} {{.Tag}} {{.Digest}} {{.ID}}", name))
    assert [name, "<none>", monday, images["1.0"].id.short] in rows
    docker("rmi", "new:1")


def test_one_image_has_several_digests(docker, shop):
    """07.digests: uncompressed and gzip have one image ID and two digests; zstd cannot be unpacked by Docker 20."""
    registry, name, images = shop
    lab, found = Lab.temporary(epoch=0, current=False), {}
    lab.add(images["1.0"])
    for how in ("none", "gzip", "zstd"):
        lab.tag(images["1.0"].id, f"{registry.address}/{how}/shop:1.0")
        lab.push(f"{registry.address}/{how}/shop:1.0", compression=how)
        found[how] = registry.tags()[f"{how}/shop"]["1.0"]
    assert len(set(found.values())) == 3
    docker("rmi", f"{name}:1.0", f"{name}:1.1")
    for how in ("none", "gzip"):
        docker("pull", f"{registry.address}/{how}/shop:1.0")
        found_id = docker("inspect", "--format", "{{.Id}}", f"{registry.address}/{how}/shop:1.0").strip()
        assert found_id == images["1.0"].id
    assert found["gzip"] in docker("inspect", "--format", "{{.RepoDigests}}", f"{registry.address}/gzip/shop:1.0")
    docker("image", "prune", "--all", "--force")
    if docker("version", "--format", "{{.Server.Version}}").startswith("20."):
        failed = docker.run("pull", f"{registry.address}/zstd/shop:1.0")
        assert failed.returncode and b"failed to register layer" in failed.stderr


def test_a_key_that_was_deleted_is_pushed(docker, shop, tmp_path):
    """07.secret: in a blob that docker pushed, for everybody who may pull."""
    registry, name, images = shop
    lab = Lab.temporary(epoch=0, current=False)
    lab.add(images["1.0"])
    step = lab.append(images["1.0"].id, {"key.txt": "soup-is-42\n"})
    lab.append(step, {"key.txt": None}, "shop:secret")
    lab.save("shop:secret", tmp_path / "secret.tar")
    docker("load", "-i", tmp_path / "secret.tar")
    docker("tag", "shop:secret", f"{name}:secret")
    docker("push", f"{name}:secret")
    found = []
    for digest in registry.blobs():
        with urlopen(f"{registry.url}/v2/shop/blobs/{digest}") as answer:
            data = answer.read()
        found += [digest] if data[:2] == b"\x1f\x8b" and b"soup-is-42" in gzip.decompress(data) else []
    assert len(found) == 1


def test_latest_rmi_and_platform(docker, shop):
    """07.latest, 07.rmi and 07.platform."""
    registry, name, images = shop
    docker("push", f"{name}:1.0")
    failed = docker.run("pull", name)
    assert failed.returncode == 1
    assert f"manifest for {name}:latest not found: manifest unknown: manifest unknown" in failed.stderr.decode()
    docker("rmi", f"{name}:1.0")
    assert list(registry.tags()["shop"]) == ["1.0"]
    docker("pull", "--platform", "linux/s390x", f"{name}:1.0")
    shown = docker("inspect", "--format", "{{.Id}} {{.Architecture}}", f"{name}:1.0").split()
    assert shown == [images["1.0"].id, "amd64"]


def test_a_deleted_manifest_takes_its_tags_and_frees_nothing(docker, shop):
    """07.delete: two tags go, the blobs stay until a clean-up with the registry stopped."""
    registry, name, _ = shop
    docker("push", f"{name}:1.1")
    docker("tag", f"{name}:1.1", f"{name}:stable")
    docker("push", f"{name}:stable")
    digest, before = registry.tags()["shop"]["stable"], registry.blobs()
    with urlopen(Request(f"{registry.url}/v2/shop/manifests/{digest}", method="DELETE")) as answer:
        assert answer.status == 202
    assert registry.tags()["shop"] == {} and registry.blobs() == before
    assert docker.run("pull", f"{name}:stable").returncode == 1
    registry.close()
    assert registry.images.prune(older_than=-1.0) == (len(before), sum(before.values()))


def test_size_is_not_what_travels(docker, shop):
    """07.size: SIZE counts the files unpacked, and text is fetched compressed."""
    registry, _, _ = shop
    lab = Lab.temporary(epoch=0, current=False)
    lines = "".join(f"soup number {number},{number % 9}\n" for number in range(20_000))
    image = lab.append(None, {"prices.csv": lines}, f"{registry.address}/prices:1.0")
    lab.push(f"{registry.address}/prices:1.0")
    before = len(registry.log())
    docker("pull", f"{registry.address}/prices:1.0")
    assert int(docker("inspect", "--format", "{{.Size}}", f"{registry.address}/prices:1.0")) == image.size
    assert sum(one.sent for one in registry.log()[before:]) < image.size / 4
