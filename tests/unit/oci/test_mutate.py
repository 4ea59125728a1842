"""Changes of one thing: the image they give is the one that would have been made so, and only its names differ."""

from __future__ import annotations

import gzip
import io
import tarfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagelab import Entry, Lab, LabError
from imagelab.analysis import docker_stores
from imagelab.oci import mutate
from imagelab.oci.image import Image
from imagelab.oci.manifest import DOCKER_CONFIG, DOCKER_MANIFEST, dump


def make(lab, prices=b"tea,3\nsoup,4\n", mode=0o644, port="8080"):
    """Three layers and a setting; the middle layer holds the file that the tests change."""
    image = lab.append(None, {"etc/motd": "hi\n"}, created_by="COPY rootfs /")
    image = lab.append(image, {"app/prices.csv": Entry.file(prices, mode), "app/a.py": "1\n"}, created_by="COPY . /app")
    image = lab.append(image, {"etc/motd": None}, created_by="RUN rm /etc/motd")
    return image.with_config("ENV PORT", Env=["A=1", f"PORT={port}"], Labels={"title": "shop"})


@pytest.fixture
def image(lab):
    return make(lab)


@pytest.fixture
def place(image):
    return mutate.find(image, "/app/prices.csv")


def changed(rows):
    return [row.name for row in rows if row.changed]


def test_files_are_found_where_each_layer_has_them(image, place):
    assert [(found.layer, found.path, found.size, found.mode) for found in mutate.files(image)] == [
        (1, "etc/motd", 3, 0o644), (2, "app/a.py", 2, 0o644), (2, "app/prices.csv", 13, 0o644),
    ]  # fmt: skip
    with image.layers[1].open() as tar:
        tar.seek(place.offset)
        assert tar.read(place.size) == b"tea,3\nsoup,4\n"


def test_a_byte_changes_as_if_the_image_had_been_made_so(lab, image, place):
    """The judge is the engine: the same image made from the other text is the same, to the last byte."""
    other = mutate.byte(image, place, 11, ord("5"))
    made = make(lab, b"tea,3\nsoup,5\n")
    assert (other.manifest_bytes, other.config_bytes) == (made.manifest_bytes, made.config_bytes)
    assert other.read("app/prices.csv") == b"tea,3\nsoup,5\n"
    assert changed(mutate.compare(image, other, place)) == [
        "digest of app/prices.csv", "layer 2 diffID", "layer 2 digest", "layer 2 chainID", "layer 3 chainID",
        "image ID", "image digest",
    ]  # fmt: skip


def test_exactly_one_byte_of_the_tar_differs(image, place):
    other = mutate.byte(image, place, 0, 0)
    with image.layers[1].open() as before, other.layers[1].open() as after:
        old, new = before.read(), after.read()
    assert len(old) == len(new)
    assert [at for at in range(len(old)) if old[at] != new[at]] == [place.offset]


def test_a_mode_changes_as_if_the_image_had_been_made_so(lab, image, place):
    other = mutate.mode(image, place, 0o755)
    assert other == make(lab, mode=0o755)
    rows = mutate.compare(image, other, place)
    assert not rows[0].changed and rows[0].name == "digest of app/prices.csv"
    assert "layer 2 diffID" in changed(rows)


def test_a_field_changes_as_if_the_image_had_been_made_so(lab, image):
    assert mutate.fields(image)["config.Env[1]"] == "PORT=8080"
    assert "rootfs" not in "".join(mutate.fields(image))
    other = mutate.field(image, "config.Env[1]", "PORT=9090")
    assert other.config_bytes == make(lab, port="9090").config_bytes
    assert changed(mutate.compare(image, other)) == ["image ID", "image digest"]


def test_gzip_changes_what_is_stored_and_nothing_inside(image, place):
    other = mutate.compressed(image)
    assert changed(mutate.compare(image, other, place)) == [
        "layer 1 digest", "layer 2 digest", "layer 3 digest", "image digest",
    ]  # fmt: skip
    for old, new in zip(image.layers, other.layers, strict=True):
        assert new.compressed and new.media_type.endswith("tar+gzip")
        assert gzip.decompress(new.blob().read()) == old.open().read()
    assert other.tree() == image.tree()
    assert mutate.compressed(other) == other


def test_a_compressed_layer_stays_compressed_when_its_byte_changes(lab, image, place):
    packed = mutate.compressed(image)
    other = mutate.byte(packed, mutate.find(packed, "app/prices.csv"), 11, ord("5"))
    assert other.layers[1].compressed and other.layers[0].digest == packed.layers[0].digest
    assert other.id == make(lab, b"tea,3\nsoup,5\n").id


def test_docker_s_own_media_types_stay_docker_s(lab, image):
    docker_tar = "application/vnd.docker.image.rootfs.diff.tar"
    layers = [{**blob, "mediaType": docker_tar} for blob in image.manifest["layers"]]
    config = {**image.manifest["config"], "mediaType": DOCKER_CONFIG}
    manifest = dump({"schemaVersion": 2, "mediaType": DOCKER_MANIFEST, "config": config, "layers": layers})
    packed = mutate.compressed(lab.add(Image(manifest, lab.store, image.config_bytes)))
    assert {layer.media_type for layer in packed.layers} == {docker_tar + ".gzip"}
    assert packed.manifest["mediaType"] == DOCKER_MANIFEST


def test_the_same_again_is_the_same_image(image, place):
    assert mutate.byte(image, place, 0, ord("t")) is image
    assert mutate.mode(image, place, 0o644) is image
    assert mutate.field(image, "config.Labels.title", "shop") is image
    assert not changed(mutate.compare(image, image, place))


def test_nothing_of_it_is_in_the_lab_until_it_is_kept(lab, image, place):
    before = set(lab.store.blobs), len(lab.images(True))
    other = mutate.compressed(mutate.byte(image, place, 0, 0))
    assert (set(lab.store.blobs), len(lab.images(True))) == before
    assert other.names == [] and other.parent is None
    there = lab.add(other)
    assert there == other and lab.add(other) == other
    lab.tag(there, "shop:other")
    assert lab.image("shop:other").read("app/prices.csv")[:3] == b"\0ea"
    assert lab.verify() == []


def test_it_can_be_kept_in_another_lab(image, place):
    elsewhere = Lab.temporary(epoch=0)
    elsewhere.tag(elsewhere.add(mutate.byte(image, place, 0, 0)), "a:1")
    assert elsewhere.verify() == []
    assert elsewhere.image("a:1").read("app/prices.csv")[1:3] == b"ea"


def test_a_draft_is_an_image_like_any_other(image, place):
    other = mutate.byte(image, place, 0, 0).append({"more": "x"}).with_config(None, User="me")
    assert other.read("more") == b"x" and other.config["config"]["User"] == "me"
    assert other.layers[0] == image.layers[0]
    again = mutate.byte(other, mutate.find(other, "more"), 0, ord("y"))
    assert again.read("more") == b"y" and again.read("app/prices.csv")[:1] == b"\0"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda image, place: mutate.byte(image, place, 13, 0), "bytes 0 to 12: there is no byte 13"),
        (lambda image, place: mutate.byte(image, place, -1, 0), "no byte -1"),
        (lambda image, place: mutate.byte(image, place, 0, 256), "0 to 255, not 256"),
        (lambda image, place: mutate.mode(image, place, 0o10000), "7777, not 10000"),
        (lambda image, place: mutate.field(image, "config.Env[9]", "A=1"), "no text at 'config.Env[9]'"),
        (lambda image, place: mutate.field(image, "rootfs.diff_ids[0]", "x"), "no text at 'rootfs.diff_ids[0]'"),
        (lambda image, place: mutate.field(image, "created", "\udcff"), "not valid Unicode"),
        (lambda image, place: mutate.find(image, "etc"), "no bytes to change"),
        (lambda image, place: mutate.find(image, "etc/motd"), "no such file in the image"),
        (lambda image, place: mutate.compare(image, image.append({"x": "1"})), "3 layers and the other 4"),
    ],
)
def test_what_cannot_be_is_said_in_words(image, place, change, words):
    with pytest.raises(LabError) as error:
        change(image, place)
    assert words in str(error.value)


def test_a_layer_too_large_for_memory_is_refused(image, place, monkeypatch):
    monkeypatch.setattr(mutate, "LIMIT", 1 << 10)
    with pytest.raises(LabError, match="layer 2 has over 0 MiB"):
        mutate.byte(image, place, 0, 0)


def test_a_tar_with_odd_names_and_a_file_twice(lab, tmp_path):
    """`./` before names, a file twice, a hard link: the byte that changes is the one the image shows."""
    with tarfile.open(tmp_path / "odd.tar", "w", format=tarfile.PAX_FORMAT) as tar:
        for name, data in (("./a", b"first"), ("./b", b"other"), ("a", b"second"), ("./" + "n" * 120, b"long")):
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
        link = tarfile.TarInfo("link")
        link.type, link.linkname = tarfile.LNKTYPE, "b"
        tar.addfile(link)
    image = lab.append(None, tmp_path / "odd.tar")
    assert [place.path for place in mutate.files(image)] == ["a", "b", "n" * 120]
    assert mutate.byte(image, mutate.find(image, "a"), 0, ord("S")).read("a") == b"Second"
    assert mutate.byte(image, mutate.find(image, "b"), 0, ord("O")).read("link") == b"Other"
    long = mutate.find(image, "n" * 120)
    assert mutate.mode(image, long, 0o600).tree()["n" * 120].mode == 0o600


@given(data=st.binary(min_size=1, max_size=3000), at=st.integers(0, 2999), value=st.integers(0, 255))
def test_any_byte_of_any_file(data, at, value):
    lab = Lab.temporary(epoch=0, current=False)
    image = lab.append(None, {"d/f": data})
    at %= len(data)
    other = mutate.byte(image, mutate.find(image, "d/f"), at, value)
    after = data[:at] + bytes([value]) + data[at + 1 :]
    assert other.read("d/f") == after
    assert other.diff_ids == lab.append(None, {"d/f": after}).diff_ids
    assert (other.id == image.id) == (data[at] == value)


def test_the_table_says_what_changed_in_words(lab, image, place):
    other = mutate.byte(image, place, 11, ord("5"))
    table = lab.compare(image, other, "app/prices.csv").table()
    assert list(table.columns) == ["NAME", "IS NOW", "BEFORE", "AFTER"]
    assert dict(zip(table["NAME"], table["IS NOW"], strict=True))["layer 3 diffID"] == "the same"
    assert table[table["NAME"] == "image ID"].iloc[0]["AFTER"] == other.id
    moved = table[table["IS NOW"] == "changed"]
    assert len(moved) == 7 and all(moved["BEFORE"] != moved["AFTER"])


def test_what_is_told_has_a_face(image, place):
    for noun in (place, mutate.compare(image, image)[0], docker_stores.classic(image)):
        assert type(noun).__name__ in noun._repr_html_()
