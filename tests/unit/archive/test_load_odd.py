"""Archives as real builders write them, odd ones included: each is accepted, and its files are what they should be.

Nothing here was written by imagelab: the bytes come from Python's tarfile, gzip and zstandard (`archives`), in the
shapes of docker 1.10 to 29, podman, kaniko, BuildKit, AUFS, GNU tar, old Unix and `cat a.gz b.gz`.
"""

from __future__ import annotations

import gzip
import io
import json
import struct
import tarfile

import pytest
import zstandard

from imagelab import Lab
from imagelab.oci.image import Image
from unit.archives import (
    BLOCK,
    DOCKER_CONFIG,
    DOCKER_INDEX,
    DOCKER_LAYER,
    DOCKER_MANIFEST,
    FORMATS,
    OCI_INDEX,
    OCI_LAYER,
    Files,
    Member,
    blob,
    both,
    config,
    descriptor,
    digest,
    docker_archive,
    dump,
    file,
    folder,
    hard_link,
    index,
    manifest,
    member,
    named,
    oci_layout,
    packed,
    patched,
    symlink,
    tar,
    written,
)

BASE = tar(folder("etc"), file("etc/motd", b"hello\n"), file("etc/old", b"old"), folder("var"), file("var/log", b"l"))


def load(lab: Lab, data: bytes) -> Image:
    """Load an archive that holds one image, check everything that was kept, and return it."""
    [loaded] = lab.load(io.BytesIO(data))
    assert lab.verify() == []
    return loaded.image


def files(image: Image) -> dict[str, bytes | str]:
    """The merged file system: each file's bytes, each symlink's target, "dir" for a directory."""
    return {
        path: entry.read() if entry.kind == "file" else entry.link if entry.kind == "symlink" else entry.kind
        for path, entry in image.tree().items()
        if path
    }


def layered(lab: Lab, *layers: bytes) -> dict[str, bytes | str]:
    return files(load(lab, packed(docker_archive(*layers))))


# The archive ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_gives_the_same_image(lab, form):
    made = FORMATS[form](BASE)
    image = load(lab, packed(made))
    expected = config(digest(BASE))
    assert image.id == digest(expected) and image.config_bytes == expected
    assert image.diff_ids == (digest(BASE),)
    assert [name.familiar for name in image.names] == ["app:1"]
    assert files(image)["etc/motd"] == b"hello\n"
    if form != "docker 20":
        assert image.manifest_bytes == manifest(expected, [BASE]), "an image's manifest is kept as it came"


def test_a_layout_folder_with_things_that_are_no_business_of_ours(lab, tmp_path):
    """Skopeo, umoci and others leave files of their own in a layout; readers ignore what they do not know."""
    where = written(oci_layout(BASE), tmp_path / "layout")
    (where / ".lock").touch()
    (where / "notes").mkdir()
    (where / "notes" / "readme").write_text("hello")
    [loaded] = lab.load(where)
    assert files(loaded.image)["etc/motd"] == b"hello\n"


def test_a_tag_alone_gets_the_file_s_name(lab, tmp_path):
    """The OCI specification's own ref.name is a tag; `skopeo copy … oci-archive:app.tar:1.0` writes just that."""
    made = oci_layout(BASE)
    outer = manifest(config(digest(BASE)), [BASE])
    ref = {"annotations": {"org.opencontainers.image.ref.name": "1.0"}}
    (tmp_path / "app.tar").write_bytes(packed({**made, "index.json": index(named(outer, None, **ref))}))
    [loaded] = lab.load(tmp_path / "app.tar")
    assert [name.familiar for name in loaded.names] == ["app:1.0"]


def zstd(data: bytes, level: int = 3) -> bytes:
    return zstandard.ZstdCompressor(level=level).compress(data)


SKIPPABLE = struct.pack("<II", 0x184D2A5E, 20) + b"table of contents..."  # zstd:chunked and pzstd write such frames
WRAPPINGS = {
    "gzip": gzip.compress,
    "gzip, several members": lambda data: b"".join(gzip.compress(data[n : n + 700]) for n in range(0, len(data), 700)),
    "gzip, an empty member": lambda data: gzip.compress(b"") + gzip.compress(data) + gzip.compress(b""),
    "gzip, trailing zeros": lambda data: gzip.compress(data) + bytes(1000),
    "gzip, zeros between members": lambda data: gzip.compress(data[:99]) + bytes(7) + gzip.compress(data[99:]),
    "gzip, with a file name": lambda data: named_gzip(data),
    "gzip, not compressed": lambda data: gzip.compress(data, 0),
    "zstd": zstd,
    "zstd -19": lambda data: zstd(data, 19),
    "zstd, several frames": lambda data: b"".join(zstd(data[n : n + 700]) for n in range(0, len(data), 700)),
    "zstd, a skippable frame last": lambda data: zstd(data) + SKIPPABLE,
    "zstd, a skippable frame first": lambda data: SKIPPABLE + zstd(data),
    "zstd, a skippable frame between": lambda data: zstd(data[:99]) + SKIPPABLE + zstd(data[99:]),
}


def named_gzip(data: bytes) -> bytes:
    buffer = io.BytesIO()
    with gzip.GzipFile("layer.tar", "wb", fileobj=buffer, mtime=1) as out:
        out.write(data)
    return buffer.getvalue()


@pytest.mark.parametrize("wrapping", WRAPPINGS)
def test_compressed_outside(lab, wrapping):
    assert load(lab, WRAPPINGS[wrapping](packed(both(BASE)))).id == digest(config(digest(BASE)))


@pytest.mark.parametrize("wrapping", WRAPPINGS)
@pytest.mark.parametrize("form", FORMATS)
def test_compressed_inside(lab, form, wrapping):
    """The blob is kept as it came; the diffID is that of the tar within."""
    layer = WRAPPINGS[wrapping](BASE)
    made = config(digest(BASE))
    kind = OCI_LAYER + ("+gzip" if "gzip" in wrapping else "+zstd")
    outer = {} if form == "docker 20" else {"manifest_bytes": manifest(made, [], layers=[descriptor(layer, kind)])}
    image = load(lab, packed(FORMATS[form](layer, config_bytes=made, **outer)))
    assert image.id == digest(made)
    assert [part.digest for part in image.layers] == [digest(layer)]
    assert image.layers[0].blob().read() == layer and image.layers[0].open().read() == BASE
    assert image.manifest["layers"][0]["mediaType"] == kind
    assert files(image)["etc/motd"] == b"hello\n" and image.layers[0].read("etc/old") == b"old"


def test_compressed_outside_and_inside(lab):
    layer = gzip.compress(BASE)
    image = load(lab, zstd(packed(docker_archive(layer))))
    assert image.layers[0].compressed and files(image)["etc/motd"] == b"hello\n"


# docker's and others' archives -----------------------------------------------------------------------------------

OTHER = tar(file("other", b"other"))


def links_to(target: str, layer: bytes, link: Member) -> bytes:
    """A docker-archive of two layers whose second is a link to the first, as docker 20.10 writes equal layers."""
    made = config(digest(layer), digest(layer))
    contents = [{"Config": "c.json", "RepoTags": ["app:1"], "Layers": [target, "b/layer.tar"]}]
    first = file(target, layer)
    return tar(folder("a"), file("a/VERSION", b"1.0"), first, folder("b"), link, file("c.json", made),
               file("manifest.json", dump(contents)), file("repositories", b"{}"))  # fmt: skip


@pytest.mark.parametrize(
    "link",
    [symlink("b/layer.tar", "../a/layer.tar"), hard_link("b/layer.tar", "a/layer.tar")],
    ids=["symlink", "hard link"],
)
def test_a_layer_that_is_a_link_to_its_equal(lab, link):
    image = load(lab, links_to("a/layer.tar", OTHER, link))
    assert image.diff_ids == (digest(OTHER),) * 2 and files(image) == {"other": b"other"}


def test_a_link_before_what_it_leads_to(lab):
    made = config(digest(OTHER))
    contents = dump([{"Config": "c.json", "RepoTags": ["app:1"], "Layers": ["b/layer.tar"]}])
    link = symlink("b/layer.tar", "../a/layer.tar")
    image = load(lab, tar(file("manifest.json", contents), link, file("a/layer.tar", OTHER), file("c.json", made)))
    assert files(image) == {"other": b"other"}


@pytest.mark.parametrize("form", FORMATS)
def test_a_layer_used_twice(lab, form):
    image = load(lab, packed(FORMATS[form](BASE, OTHER, BASE)))
    assert image.diff_ids == (digest(BASE), digest(OTHER), digest(BASE))
    assert set(files(image)) == {"etc", "etc/motd", "etc/old", "other", "var", "var/log"}


def test_a_layer_used_twice_once_compressed(lab):
    """Two blobs of one diffID, as after a partial recompression."""
    layer = gzip.compress(BASE)
    image = load(lab, packed(oci_layout(BASE, layer)))
    assert [part.digest for part in image.layers] == [digest(BASE), digest(layer)]
    assert image.diff_ids == (digest(BASE),) * 2


def test_layers_shared_by_several_images(lab):
    """Three images, one of them twice; each has its layers, and the shared one is stored once."""
    configs = [config(digest(BASE)), config(digest(BASE), digest(OTHER)), config(digest(BASE), comment="again")]
    contents = [
        {"Config": "0.json", "RepoTags": ["a:1", "b:2"], "Layers": ["l.tar"]},
        {"Config": "1.json", "RepoTags": ["c:1"], "Layers": ["l.tar", "m.tar"]},
        {"Config": "2.json", "RepoTags": None, "Layers": ["l.tar"]},
        {"Config": "0.json", "RepoTags": ["d:1"], "Layers": ["l.tar"]},
    ]
    archive = {"l.tar": gzip.compress(BASE), "m.tar": OTHER, "manifest.json": dump(contents)}
    archive |= {f"{number}.json": made for number, made in enumerate(configs)}
    loaded = lab.load(io.BytesIO(packed(archive)))
    assert [one.image.id for one in loaded] == [digest(made) for made in (*configs, configs[0])]
    assert [[name.familiar for name in one.names] for one in loaded] == [["a:1", "b:2"], ["c:1"], [], ["d:1"]]
    assert {name.familiar for name in lab.image("a:1").names} == {"a:1", "b:2", "d:1"}
    assert lab.verify() == [] and len(lab.images()) == 3


@pytest.mark.parametrize(
    "written_as, known_as",
    [
        ("app:1", "app:1"),
        ("app", "app:latest"),
        ("docker.io/library/app:1", "app:1"),
        ("index.docker.io/team/app:1", "team/app:1"),
        ("localhost:5000/a/b:v1", "localhost:5000/a/b:v1"),
    ],
)
@pytest.mark.parametrize("form", ["docker 20", "oci"])
def test_names(lab, form, written_as, known_as):
    made = docker_archive(BASE, tags=[written_as]) if form == "docker 20" else oci_layout(BASE, name=written_as)
    assert [name.familiar for name in load(lab, packed(made)).names] == [known_as]


def test_a_thousand_tags(lab):
    tags = [f"app:{number}" for number in range(1000)]
    image = load(lab, packed(docker_archive(BASE, tags=tags)))
    assert {name.familiar for name in image.names} == set(tags)


def test_a_thousand_tags_in_an_index(lab):
    """containerd writes one descriptor for each name."""
    outer = manifest(config(digest(BASE)), [BASE])
    made = index(*(named(outer, f"docker.io/library/app:{number}") for number in range(1000)))
    image = load(lab, packed({**oci_layout(BASE), "index.json": made}))
    assert len(image.names) == 1000


def test_no_tags(lab):
    for tags in ([], None):
        assert load(lab, packed(docker_archive(BASE, tags=tags))).names == []
    assert load(lab, packed(oci_layout(BASE, name=None))).names == []


def test_a_name_by_digest_is_no_tag(lab):
    """`ctr image export` of an image pulled by digest writes name@digest where the name goes."""
    outer = manifest(config(digest(BASE)), [BASE])
    whole = "docker.io/library/app@" + digest(outer)
    for annotation in ("io.containerd.image.name", "org.opencontainers.image.ref.name"):
        made = index(named(outer, None, annotations={annotation: whole}))
        assert load(lab, packed({**oci_layout(BASE), "index.json": made})).names == []
    assert lab.store.tags() == {}


def test_a_name_that_moves(lab):
    """A name that the store has already goes to what was loaded; its image stays, and is told of."""
    old = lab.append(None, {"a": b"old"}, tag="app:1")
    [loaded] = lab.load(io.BytesIO(packed(docker_archive(BASE))))
    assert lab.image("app:1").id == loaded.image.id != old.id
    assert [(name.familiar, was) for name, was in loaded.renamed] == [("app:1", old.id)]
    assert lab.image(old.id).names == []


def test_an_image_that_is_here_already(lab):
    first = load(lab, packed(docker_archive(BASE)))
    again = load(lab, packed(docker_archive(BASE, tags=["more:1"])))
    assert first == again and {name.familiar for name in again.names} == {"app:1", "more:1"}


NAMINGS = {
    "kaniko": ("sha256:" + digest(config(digest(BASE)))[7:], "x.tar"),
    "jib": ("config.json", "x.tar.gz"),
    "rules_docker": ("./c.json", "./0.tar"),
    "docker 25": (blob(config(digest(BASE))), blob(BASE)),
}


@pytest.mark.parametrize("builder", NAMINGS)
def test_what_builders_call_their_files(lab, builder):
    name, layer = NAMINGS[builder]
    contents = dump([{"Config": name, "RepoTags": ["app:1"], "Layers": [layer]}])
    archive = {layer: BASE, name: config(digest(BASE)), "./manifest.json": contents}
    assert load(lab, packed(archive)).id == digest(config(digest(BASE)))


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_any_kind_of_tar_outside(lab, form):
    assert load(lab, packed(both(BASE), format=form)).names


def test_a_file_of_the_archive_written_twice(lab):
    """`tar --append`: the last one counts."""
    made = both(BASE)
    old = tar(file("manifest.json", b"junk"), file(blob(BASE), b"junk"))
    before = old[: 4 * BLOCK]
    assert files(load(lab, before + packed(made)))["etc/motd"] == b"hello\n"


def test_other_things_in_the_archive(lab):
    """What no table of contents speaks of is nobody's business: broken tars, empty files, devices, damaged gzip."""
    junk = [
        file("junk.tar", tar(file("../evil"))), file("cut.tar.gz", gzip.compress(BASE)[:-9]), file("empty", b""),
        file("text", b"text" * 1000), member("null", tarfile.CHRTYPE, devmajor=1, devminor=3), folder("d"),
        member("pipe", tarfile.FIFOTYPE), symlink("dangling", "../../etc/passwd"), hard_link("gone", "nowhere"),
        file("x.bz2", b"BZh9" + bytes(600)),
    ]  # fmt: skip
    made = [file(name, data) for name, data in both(BASE).items()]
    image = load(lab, tar(*junk, *made))
    assert files(image)["etc/motd"] == b"hello\n"
    kept = {path.name for path in (lab.home / "blobs" / "sha256").iterdir()}
    assert kept == {image.id[7:], image.digest[7:], digest(BASE)[7:]}, "and none of it is kept"


# Indexes and manifests ------------------------------------------------------------------------------------------


def platform(architecture: str, os: str = "linux") -> dict[str, dict[str, str]]:
    return {"platform": {"architecture": architecture, "os": os}}


def image_for(architecture: str) -> tuple[bytes, bytes, bytes]:
    """Layer, config and manifest of an image for this processor."""
    layer = tar(file("arch", architecture.encode()))
    made = config(digest(layer), architecture=architecture)
    return layer, made, manifest(made, [layer])


AMD, ARM, RISC = image_for("amd64"), image_for("arm64"), image_for("riscv64")
STATEMENT = b'{"_type":"https://in-toto.io/Statement/v0.1"}'
ATTESTATION = manifest(
    config(digest(STATEMENT), architecture="unknown", os="unknown"), [],
    layers=[descriptor(STATEMENT, "application/vnd.in-toto+json")],
)  # fmt: skip


def several(inner: bytes, *blobs: bytes, name: str = "docker.io/library/app:1", kind: str = OCI_INDEX) -> Files:
    """A layout whose index.json names an index."""
    return {
        "oci-layout": b'{"imageLayoutVersion":"1.0.0"}',
        "index.json": index(named(inner, name, kind)),
        **{blob(data): data for data in (inner, *blobs)},
    }


@pytest.mark.parametrize("machine, expected", [("x86_64", "amd64"), ("aarch64", "arm64"), ("s390x", "arm64")])
def test_an_index_of_several_platforms(lab, monkeypatch, machine, expected):
    """This machine's, or else the first that is there."""
    monkeypatch.setattr("platform.machine", lambda: machine)
    inner = index(named(ARM[2], None, **platform("arm64")), named(AMD[2], None, **platform("amd64")))
    image = load(lab, packed(several(inner, *ARM, *AMD)))
    assert image.architecture == expected and files(image) == {"arch": expected.encode()}
    assert [name.familiar for name in image.names] == ["app:1"]


def test_an_index_of_which_only_some_was_saved(lab, monkeypatch):
    """docker 29 saves the platform it has pulled, and the whole index with it."""
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    inner = index(
        named(AMD[2], None, **platform("amd64")), named(RISC[2], None, **platform("riscv64")),
        named(ARM[2], None, **platform("arm64")),
    )  # fmt: skip
    assert load(lab, packed(several(inner, *ARM))).architecture == "arm64"


def test_an_index_with_attestations(lab, monkeypatch):
    """BuildKit adds one for each platform, under the platform unknown/unknown."""
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    told = {"annotations": {"vnd.docker.reference.type": "attestation-manifest"}, **platform("unknown", "unknown")}
    inner = index(named(ATTESTATION, None, **told), named(ARM[2], None, **platform("arm64")))
    image = load(lab, packed(several(inner, ATTESTATION, STATEMENT, *ARM)))
    assert image.architecture == "arm64"


def test_an_index_in_an_index(lab):
    inner = index(named(AMD[2], None, **platform("amd64")))
    middle = index(named(inner, None, OCI_INDEX))
    assert load(lab, packed(several(middle, inner, *AMD))).architecture == "amd64"


def test_an_index_without_platforms(lab):
    assert load(lab, packed(several(index(named(AMD[2], None, platform=None)), *AMD))).architecture == "amd64"


def test_docker_s_own_types_in_a_layout(lab):
    """skopeo keeps docker's media types when it copies from a registry to a layout."""
    layer = gzip.compress(BASE)
    made = config(digest(BASE))
    outer = manifest(
        made, [], mediaType=DOCKER_MANIFEST, config=descriptor(made, DOCKER_CONFIG),
        layers=[descriptor(layer, DOCKER_LAYER)],
    )  # fmt: skip
    inner = index(named(outer, None, DOCKER_MANIFEST, **platform("amd64")), mediaType=DOCKER_INDEX)
    image = load(lab, packed(several(inner, layer, made, outer, kind=DOCKER_INDEX)))
    assert image.manifest_bytes == outer and files(image)["etc/motd"] == b"hello\n"


def test_a_manifest_without_media_type(lab):
    """The specification came to ask for it only later."""
    value = json.loads(AMD[2])
    del value["mediaType"]
    outer = dump(value)
    made = {"oci-layout": b'{"imageLayoutVersion":"1.0.0"}', "index.json": index(named(outer, None))}
    assert load(lab, packed({**made, **{blob(data): data for data in (outer, *AMD[:2])}})).digest == digest(outer)


def test_unknown_keys_are_kept(lab):
    """Exact bytes: what nobody here understands has a part in the digest too."""
    made = config(digest(BASE), **{"moby.buildkit.buildinfo.v1": "e30=", "x": {"y": [None, 1.5, True]}})
    outer = manifest(made, [BASE], annotations={"a": "b"}, subject=descriptor(b"", "x/y"))
    image = load(lab, packed(oci_layout(BASE, config_bytes=made, manifest_bytes=outer)))
    assert (image.config_bytes, image.manifest_bytes) == (made, outer)


CONFIGS = {
    "no history": config(digest(BASE), history=None),
    "an empty history": config(digest(BASE), history=[]),
    "a history with empty layers": config(digest(BASE), history=[{}, {"empty_layer": True}, {"empty_layer": True}]),
    "no time": config(digest(BASE), created=None),
    "a time that is none": config(digest(BASE), created="yesterday"),
    "Go's zero time": config(digest(BASE), created="0001-01-01T00:00:00Z"),
    "no config": config(digest(BASE), config=None),
    "nulls": config(
        digest(BASE), config={"Cmd": None, "Env": None, "Labels": None, "Volumes": None, "ExposedPorts": None}),
    "what docker adds": config(
        digest(BASE), container="c" * 64, docker_version="20.10.24", id="i", parent="p",
        container_config={"Hostname": "h", "Cmd": ["/bin/sh"], "Image": "sha256:x"},
        config={"Healthcheck": {"Test": ["CMD", "true"], "Interval": 30}, "ArgsEscaped": True, "Shell": ["/bin/sh"]}),
    "letters of all scripts": config(digest(BASE), author="Zoë 北京 🐳 \u0000 \u2028", config={"Labels": {"ü": "<&>"}}),
    "half a character": config(digest(BASE), config={"Labels": {"a": "\ud800"}}),
}  # fmt: skip


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("odd", CONFIGS)
def test_odd_configs(lab, form, odd):
    """Accepted as they are; and every view of the image can be made."""
    image = load(lab, packed(FORMATS[form](BASE, config_bytes=CONFIGS[odd])))
    assert image.config_bytes == CONFIGS[odd]
    assert sum(step.layer is not None for step in image.steps) == 1
    assert files(image)["etc/motd"] == b"hello\n"
    assert repr(image) and lab.images() == [image]


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("diff_ids", [None, []])
def test_no_layers(lab, form, diff_ids):
    """`FROM scratch` and nothing more; Go writes an empty list as null."""
    made = config(rootfs={"type": "layers", "diff_ids": diff_ids}, history=None)
    image = load(lab, packed(FORMATS[form](config_bytes=made)))
    assert image.layers == () and files(image) == {} and image.size == 0


def test_null_layers_in_manifest_json(lab):
    made = config(rootfs={"type": "layers", "diff_ids": None}, history=None)
    contents = dump([{"Config": "c.json", "RepoTags": None, "Layers": None}])
    assert load(lab, packed({"c.json": made, "manifest.json": contents})).layers == ()


# Layers ---------------------------------------------------------------------------------------------------------


def test_the_empty_layer(lab):
    image = load(lab, packed(docker_archive(bytes(1024), BASE, bytes(1024))))
    assert set(files(image)) == {"etc", "etc/motd", "etc/old", "var", "var/log"}


def test_a_tar_without_an_end(lab):
    """Some writers forget the zeros; docker reads on to the end of the bytes."""
    image = load(lab, packed(docker_archive(file("a", b"")[0].tobuf(tarfile.USTAR_FORMAT))))
    assert files(image) == {"a": b""}


def test_dot_names(lab):
    """What `tar -C folder -c .` writes."""
    image = load(lab, packed(docker_archive(tar(
        folder("./", mode=0o700), folder("./etc/"), file("./etc/motd", b"1"), file(".//etc/./b", b"2"),
        hard_link("./c", "./etc/motd"),
    ))))  # fmt: skip
    assert files(image) == {"etc": "dir", "etc/motd": b"1", "etc/b": b"2", "c": b"1"}
    assert image.tree()[""].mode == 0o700


def test_children_before_parents(lab):
    made = tar(file("a/b/c", b"1"), folder("a/b", mode=0o711), folder("a", mode=0o700))
    image = load(lab, packed(docker_archive(made)))
    assert files(image) == {"a": "dir", "a/b": "dir", "a/b/c": b"1"}
    assert (image.tree()["a"].mode, image.tree()["a/b"].mode) == (0o700, 0o711)


def test_parents_that_nobody_described(lab):
    """Directories of a lower layer keep their attributes; others get those that tar readers give."""
    image = load(lab, packed(docker_archive(tar(folder("a", mode=0o700)), tar(file("a/b", b"1"), file("c/d", b"2")))))
    assert image.tree()["a"].mode == 0o700 and image.tree()["c"].mode == 0o755


def test_a_name_twice_in_one_layer(lab):
    """The last one counts, whatever the first was."""
    assert layered(lab, tar(file("a", b"old"), file("a", b"new"))) == {"a": b"new"}
    assert layered(lab, tar(folder("a"), file("a/b"), file("a", b"new"))) == {"a": b"new"}
    assert layered(lab, tar(file("a", b"old"), folder("a"), file("a/b", b"1"))) == {"a": "dir", "a/b": b"1"}
    assert layered(lab, tar(symlink("a", "x"), file("a", b"new"))) == {"a": b"new"}
    assert layered(lab, tar(file("a", b"1"), hard_link("b", "a"), file("a", b"2"))) == {"a": b"2", "b": b"1"}


@pytest.mark.parametrize("name", [".wh.absent", "etc/.wh.absent", "nowhere/at/all/.wh.absent", "absent/.wh..wh..opq"])
def test_a_whiteout_of_something_absent(lab, name):
    """docker writes one for a file that a RUN made and removed again."""
    assert layered(lab, BASE, tar(file(name, b"")))["etc/motd"] == b"hello\n"


def test_a_whiteout_in_the_first_layer(lab):
    assert layered(lab, tar(file(".wh.x", b""), file("a", b"1"))) == {"a": b"1"}


def test_whiteouts_act_on_lower_layers_only(lab):
    """Whatever their place among the entries."""
    lower = tar(folder("d"), file("d/old"), file("x", b"old"))
    for upper in (
        [file("d/.wh..wh..opq", b""), folder("d"), file("d/new", b"1"), file(".wh.x", b""), file("x", b"new")],
        [file("d/new", b"1"), folder("d"), file("x", b"new"), file("d/.wh..wh..opq", b""), file(".wh.x", b"")],
    ):
        assert layered(lab, lower, tar(*upper)) == {"d": "dir", "d/new": b"1", "x": b"new"}


def test_a_whiteout_that_is_no_empty_file(lab):
    """Only its name counts: overlay's own are devices, some tools' are links or hold text."""
    lower = tar(*(file(name) for name in "abcd"))
    upper = tar(
        member(".wh.a", tarfile.CHRTYPE, devmajor=0, devminor=0), file(".wh.b", b"text"), symlink(".wh.c", "x"),
        hard_link(".wh.d", ".wh.b"),
    )  # fmt: skip
    assert layered(lab, lower, upper) == {}


def test_aufs_notes(lab):
    """Storage drivers of old left their own files in layers; a file with two names lay in `.wh..wh.plnk`."""
    layer = tar(
        folder(".wh..wh.aufs"), folder(".wh..wh.orph"), folder(".wh..wh.plnk"),
        file(".wh..wh.plnk/64.1234", b"linked", mode=0o640),
        folder("bin"), hard_link("bin/a", ".wh..wh.plnk/64.1234"), hard_link("bin/b", ".wh..wh.plnk/64.1234"),
    )  # fmt: skip
    image = load(lab, packed(docker_archive(layer)))
    assert files(image) == {"bin": "dir", "bin/a": b"linked", "bin/b": b"linked"}
    assert image.tree()["bin/a"] is image.tree()["bin/b"] and image.tree()["bin/a"].mode == 0o640


def test_hard_links(lab):
    """To a later entry, to a lower layer, through a link, to a link, absolute, and with a size that means nothing."""
    lower = tar(folder("usr"), file("usr/a", b"1"), symlink("lib", "usr"))
    late = tar(hard_link("first", "second"), file("second", b"2"))
    upper = tar(
        hard_link("b", "usr/a"), hard_link("c", "lib/a"), hard_link("d", "lib"), hard_link("e", "/usr/a"),
    )  # fmt: skip
    image = load(lab, packed(docker_archive(lower, late, upper)))
    found = files(image)
    assert [found[name] for name in "bce"] == [b"1"] * 3 and found["d"] == "usr"
    tree = image.tree()
    assert tree["usr/a"] is tree["b"] is tree["c"] is tree["e"] and tree["lib"] is tree["d"]
    assert tree["first"] is tree["second"]


def test_a_hard_link_that_says_it_has_a_size(lab):
    """star and bsdtar write the file's; no bytes follow all the same."""
    made = tar(file("a", b"x" * 700), hard_link("b", "a"), file("c", b"end"))
    assert files(load(lab, packed(docker_archive(patched(made, 124, b"00000001274\0", 3)))))["c"] == b"end"


def test_symlinks(lab):
    """Dangling, absolute, to themselves, to '..' within the root, with odd characters: a target is only text."""
    targets = {"a": "nowhere", "b": "/no/where", "c": "c", "d/e": "../..", "f": "x\ny \x1b", "g": "é" * 60, "h": "/"}
    targets.pop("d/e")
    targets["d/e/f"] = "../.."
    assert layered(lab, tar(*(symlink(name, target) for name, target in targets.items()))) == {
        **targets, "d": "dir", "d/e": "dir",
    }  # fmt: skip


def test_entries_through_a_link_of_a_lower_layer(lab):
    """/bin is a link to usr/bin in every distribution of today; as containerd does, a layer may write through it."""
    lower = tar(folder("usr"), folder("usr/bin"), symlink("bin", "usr/bin"))
    assert layered(lab, lower, tar(file("bin/tool", b"1")))["usr/bin/tool"] == b"1"
    assert "usr/bin/tool" not in layered(lab, lower, tar(file("bin/tool")), tar(file("bin/.wh.tool", b"")))


def test_a_directory_in_the_place_of_a_link(lab):
    """An explicit entry replaces the link; that is what docker's overlay does."""
    lower = tar(folder("real"), file("real/a", b"1"), symlink("link", "real"))
    assert layered(lab, lower, tar(folder("link"), file("link/b", b"2"))) == {
        "real": "dir", "real/a": b"1", "link": "dir", "link/b": b"2",
    }  # fmt: skip


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_any_kind_of_tar_inside(lab, form):
    made = tar(file("a" * 90 + "/" + "b" * 90, b"1"), file("é", b"2"), symlink("l", "t" * 90), format=form)
    assert layered(lab, made) == {
        "a" * 90: "dir", "a" * 90 + "/" + "b" * 90: b"1", "é": b"2", "l": "t" * 90,
    }  # fmt: skip


def test_names_that_only_look_bad(lab):
    odd = [
        "..a",
        "a..",
        "...",
        " ",
        "-rf",
        "a\\b",
        "a\nb",
        "CON",
        "wh.x",
        "a.wh.b",
        "é",
        "e\u0301",
        "A",
        "a",
        "~",
        "%00",
    ]
    assert layered(lab, tar(*(file(name, name.encode()) for name in odd))) == {name: name.encode() for name in odd}


def test_names_that_are_no_utf_8(lab):
    made = tar(file("\udcff\udcfe", b"1"), format=tarfile.GNU_FORMAT, encoding="utf-8", errors="surrogateescape")
    assert layered(lab, made) == {"\udcff\udcfe": b"1"}


def test_attributes(lab):
    """Owners of 32 bits, times before 1970, setuid bits, capabilities, attributes that only some disks have."""
    xattrs = {"SCHILY.xattr.security.capability": "\x01\x00\x00\x02", "SCHILY.xattr.user.a": "1"}
    ignored = {"LIBARCHIVE.xattr.user.b": "Mg==", "SCHILY.fflags": "nodump", "atime": "1.5", "ctime": "2.5"}
    made = tar(file("a", b"1", mode=0o6755, uid=2**32 - 2, gid=10**6, mtime=-1.5, pax_headers={**xattrs, **ignored}))
    entry = load(lab, packed(docker_archive(made))).tree()["a"]
    assert (entry.mode, entry.uid, entry.gid, entry.mtime) == (0o6755, 2**32 - 2, 10**6, -2)
    assert entry.xattrs == {"security.capability": b"\1\0\0\2", "user.a": b"1"}


def test_devices_and_pipes(lab):
    made = tar(
        member("null", tarfile.CHRTYPE, devmajor=1, devminor=3), member("sda", tarfile.BLKTYPE, devmajor=8),
        member("pipe", tarfile.FIFOTYPE),
    )  # fmt: skip
    tree = load(lab, packed(docker_archive(made))).tree()
    assert [(tree[name].kind, tree[name].device) for name in ("null", "sda", "pipe")] == [
        ("char", (1, 3)), ("block", (8, 0)), ("fifo", (0, 0)),
    ]  # fmt: skip


def test_a_hundred_and_twenty_seven_layers(lab):
    """As many as docker stacks."""
    image = load(lab, packed(docker_archive(*(tar(file("n", b"%d" % n), file(f"f{n}", b"")) for n in range(127)))))
    assert image.read("n") == b"126" and len(image.tree()) == 1 + 127 + 1
