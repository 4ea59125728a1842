"""What a pull needs: blobs that are checked while they stream, an index's platform, an image, a tag; no archive."""

import gzip
import json
import subprocess
import sys

import pytest

from imagelab import Digest, Lab, Reference, mutate
from imagelab.errors import Invalid, LabError
from imagelab.oci import platforms
from imagelab.oci.compression import Allowance, OverLimit
from imagelab.oci.manifest import parse_config, parse_json, parse_manifest
from imagelab.store.ingest import add_image, prove, stage

INDEX = "application/vnd.oci.image.index.v1+json"


@pytest.fixture
def origin():
    """A registry, in short: blobs by digest, and an index of two platforms, of which the second is ours."""
    lab = Lab.temporary(platform=platforms.name_of({"platform": {"os": "linux", "architecture": OURS}}))
    ours = mutate.compressed(lab.append(None, {"a": "1", "d/b": "2"}))
    other = mutate.compressed(Lab.temporary(platform="linux/s390x").append(None, {"a": "other"}))
    blobs = {image.digest: image.manifest_bytes for image in (other, ours)}
    for image in (other, ours):
        blobs[image.id] = image.config_bytes
        blobs |= {layer.digest: layer.blob().read() for layer in image.layers}
    listed = [
        {**described(blobs, image.digest), "platform": {"os": "linux", "architecture": machine}}
        for image, machine in ((other, "s390x"), (ours, OURS))
    ]
    index = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": listed}).encode()
    return index, blobs, ours


OURS = next(machine for machine in ("amd64", "arm64", "riscv64", "ppc64le") if platforms.fits(
    {"platform": {"os": "linux", "architecture": machine}}
))  # fmt: skip


def described(blobs, digest):
    media_type = json.loads(blobs[digest])["mediaType"]
    return {"mediaType": media_type, "digest": digest, "size": len(blobs[digest])}


def small(data):
    """A response's body, in pieces that fit nothing."""
    return (data[at : at + 7] for at in range(0, len(data), 7))


def pulled(lab, index, blobs, tag="shop:1.0"):
    """`docker pull`, with nothing but the engine below `archive/`."""
    store, allowance = lab.store, Allowance(1 << 20)
    chosen = platforms.by_preference(platforms.descriptors(parse_json(index, "the index"), "the index"))[0]
    with store.blobs.lease():
        staged = stage(store, small(blobs[chosen["digest"]]), allowance, "the manifest", descriptor=chosen)
        data = staged.read("the manifest")
        manifest = parse_manifest(data)
        wanted = manifest["config"]
        config = stage(store, small(blobs[wanted["digest"]]), allowance, "config", descriptor=wanted).read("config")
        parsed = parse_config(config)
        layers = [
            (one["digest"], stage(store, small(blobs[one["digest"]]), allowance, "a layer", descriptor=one))
            for one in manifest["layers"]
        ]
        prove(layers, parsed["rootfs"]["diff_ids"])
        image = add_image(store, data, config, [layer for _, layer in layers], parsed=parsed)
        store.point([Reference.parse(tag)], image, "pull")
    return image


def test_an_image_is_taken_from_an_index_byte_for_byte(origin):
    index, blobs, ours = origin
    lab = Lab.temporary()
    image = pulled(lab, index, blobs)
    assert (image.digest, image.id, image.manifest_bytes) == (ours.digest, ours.id, ours.manifest_bytes)
    assert image.layers[0].compressed and image.layers[0].blob().read() == blobs[image.layers[0].digest]
    assert lab.image("shop:1.0").read("d/b") == b"2"
    assert lab.verify() == [] and lab.gc().blobs == 0
    assert pulled(lab, index, blobs) == image  # idempotent
    assert [move.verb for move in lab.tag_log()] == ["pull"]



@pytest.mark.parametrize(
    "change, message",
    {
        "a byte more": (lambda data: data + b" ", r"says that it has \d+ bytes, but it has more"),
        "a byte less": (lambda data: data[:-1], "its digest is sha256:[0-9a-f]+, but it is"),
        "another byte": (lambda data: data[:-1] + b" ", "its digest is sha256:[0-9a-f]+, but it is"),
        "nothing": (lambda data: b"", "its digest is"),
    }.values(),
)
@pytest.mark.parametrize("part", ["manifest", "config", "layer"])
def test_a_blob_that_is_not_what_it_came_for_leaves_nothing(origin, part, change, message):
    index, blobs, ours = origin
    digest = {"manifest": ours.digest, "config": ours.id, "layer": ours.layers[0].digest}[part]
    lab = Lab.temporary()
    with pytest.raises(Invalid, match=message):
        pulled(lab, index, {**blobs, digest: change(blobs[digest])})
    assert list(lab.store.blobs) == [] and lab.images(all=True) == [] and not list((lab.home / "tmp").iterdir())


def test_an_endless_body_is_given_up_at_the_byte_after_its_size(origin):
    *_, ours = origin
    given = []

    def endless():
        while True:
            given.append(b"\0" * 4096)
            yield given[-1]

    lab = Lab.temporary()
    layer = ours.manifest["layers"][0]
    with lab.store.blobs.lease(), pytest.raises(Invalid, match="but it has more"):
        stage(lab.store, endless(), Allowance(), "a layer", descriptor={**layer, "size": 10_000})
    assert len(given) == 3
    assert not list((lab.home / "tmp").iterdir())


def test_a_layer_that_expands_to_another_diff_id_is_refused(origin):
    _, blobs, ours = origin
    lab = Lab.temporary()
    layer = ours.manifest["layers"][0]
    with lab.store.blobs.lease():
        staged = stage(lab.store, [blobs[layer["digest"]]], Allowance(), "a layer", descriptor=layer)
        with pytest.raises(Invalid, match=r"has the diffID sha256:[0-9a-f]+ .*but the config says sha256:0000"):
            prove([("a layer", staged)], [Digest("sha256:" + "0" * 64)])
        with pytest.raises(Invalid, match="the manifest lists 1 layers, and the config 0 diffIDs"):
            prove([("a layer", staged)], [])


def test_a_bomb_is_given_up(origin):
    bomb = gzip.compress(bytes(8 << 20))
    lab = Lab.temporary()
    wanted = {"digest": Digest.of(bomb), "size": len(bomb)}
    with lab.store.blobs.lease(), pytest.raises(OverLimit, match="more than 1,048,576 bytes"):
        stage(lab.store, [bomb], Allowance(1 << 20), "a layer", descriptor=wanted)


def test_a_damaged_platform_is_an_error():
    with pytest.raises(LabError, match="has the platform 'linux': expected an object"):
        platforms.fits({"platform": "linux"})


def test_a_pull_imports_no_archive():
    modules = "imagelab.store.ingest, imagelab.oci.platforms"
    code = f"import sys, {modules}; print([name for name in sys.modules if 'archive' in name and 'imagelab' in name])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "[]\n"
