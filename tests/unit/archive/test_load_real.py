"""Archives that other tools write and Docker loads: each gives the image, the names and the words that Docker gives.

What Docker makes of each was tried on Docker Engine 20.10 (vfs) unless a test names another; where the versions differ,
the test says which one it follows. The bytes come from Python's tarfile, gzip, bz2 and lzma, and nothing of imagelab.
"""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import tarfile
from collections.abc import Callable

import pytest
import zstandard

from imagelab import Lab
from imagelab.archive.load import LoadedImages
from imagelab.errors import Invalid
from imagelab.host.disk import unpack
from imagelab.oci.image import Image
from unit.archives import (
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
    named,
    oci_layout,
    packed,
    snapshot,
    symlink,
    tar,
)

BASE = tar(folder("etc"), file("etc/a", b"A"), file("top", b"T"))
ONE, TWO = tar(file("one", b"1")), tar(file("two", b"2"))


def load(lab: Lab, data: bytes) -> LoadedImages:
    """Load an archive, check all that was kept, and that a Lab elsewhere loads what this one saves of it."""
    loaded = lab.load(io.BytesIO(data))
    assert lab.verify() == []
    for one in loaded:
        out = io.BytesIO()
        lab.save(one.image, out)
        [again] = Lab.temporary().load(io.BytesIO(out.getvalue()))
        assert again.image.id == one.image.id and again.image.digest == one.image.digest
    return loaded


def files(image: Image) -> dict[str, bytes | str]:
    return {
        path: entry.read() if entry.kind == "file" else entry.link if entry.kind == "symlink" else entry.kind
        for path, entry in image.tree().items()
        if path
    }


def layered(lab: Lab, *layers: bytes) -> dict[str, bytes | str]:
    [loaded] = load(lab, packed(docker_archive(*layers)))
    return files(loaded.image)


def familiar(loaded: LoadedImages) -> list[list[str]]:
    return [[name.familiar for name in one.names] for one in loaded]


# Two tables of contents -----------------------------------------------------------------------------------------


def docker_25(*images: tuple[str | None, list[bytes], list[bytes] | None]) -> Files:
    """What Docker 25.0 wrote: (tag, layers, layers that the OCI manifest lists, or None for no entry in index.json)."""
    made: Files = {"oci-layout": b'{"imageLayoutVersion":"1.0.0"}'}
    items, listed = [], []
    for tag, layers, said in images:
        settings = config(*map(digest, layers))
        outer = manifest(settings, said or [])
        made |= {blob(data): data for data in (settings, *layers)}
        items.append({"Config": blob(settings), "RepoTags": [tag] if tag else None, "Layers": [*map(blob, layers)]})
        if said is not None:
            made[blob(outer)] = outer
            listed.append(named(outer, f"docker.io/library/{tag}" if tag else None))
    return {**made, "manifest.json": dump(items), "index.json": dump({"schemaVersion": 2, "manifests": listed or None})}


def test_an_image_that_only_manifest_json_lists(lab):
    """`docker save NAME ID` of Docker 25.0: the untagged image is missing in index.json."""
    loaded = load(lab, packed(docker_25(("one:1", [ONE, TWO], [ONE, TWO]), (None, [TWO], None))))
    assert familiar(loaded) == [["one:1"], []]
    assert [one.image.id for one in loaded] == [digest(config(digest(ONE), digest(TWO))), digest(config(digest(TWO)))]
    assert loaded[0].image.manifest_bytes == manifest(loaded[0].image.config_bytes, [ONE, TWO]), "kept as it came"
    assert loaded.left == ()


def test_manifests_that_are_null(lab):
    """An untagged image alone: Go writes an empty list as null."""
    [loaded] = load(lab, packed(docker_25((None, [ONE], None))))
    assert files(loaded.image) == {"one": b"1"}


def test_layers_in_the_wrong_order_in_one_of_the_tables(lab):
    """Docker 25.0.0: manifest.json is right, so its image is loaded, under a manifest that says so."""
    loaded = load(lab, packed(docker_25(("one:1", [ONE, TWO], [TWO, ONE]))))
    assert familiar(loaded) == [["one:1"]]
    assert loaded[0].image.diff_ids == (digest(ONE), digest(TWO))
    [left] = loaded.left
    assert str(left) == ("one:1: in index.json: the layers of its manifest are not those of its config, in that order")


@pytest.mark.parametrize(
    "damage, phrase",
    [
        ({"index.json": b"{"}, "index.json: manifest.json alone was read: index.json is not JSON"),
        ({"index.json": b"[]"}, "but not an object"),
        ({"oci-layout": b'{"imageLayoutVersion":"2"}'}, "only 1.0.0 is known"),
        ({blob(manifest(config(digest(ONE)), [ONE])): b"{}"}, "says that its digest is"),
        ({blob(manifest(config(digest(ONE)), [ONE])): None}, "is not there"),
    ],
    ids=["no JSON", "a list", "another version", "a damaged manifest", "no manifest"],
)
def test_damage_in_index_json_beside_manifest_json(lab, damage, phrase):
    """Docker before 29 does not read index.json; here it is reported, and the image loaded under a new manifest."""
    made = {name: data for name, data in {**both(ONE), **damage}.items() if data is not None}
    loaded = load(lab, packed(made))
    assert familiar(loaded) == [["app:1"]] and loaded[0].image.id == digest(config(digest(ONE)))
    assert phrase in str(loaded.left[0])


def test_an_image_that_only_index_json_lists(lab):
    """Docker before 29 goes by manifest.json and loads one image; so does imagelab, and says what it left."""
    other = oci_layout(TWO, name="docker.io/library/other:1")
    first, second = (json.loads(made["index.json"])["manifests"] for made in (both(ONE), other))
    loaded = load(lab, packed({**other, **both(ONE), "index.json": index(*first, *second)}))
    assert familiar(loaded) == [["app:1"]]
    assert [str(left) for left in loaded.left] == [
        "other:1: in index.json: manifest.json, which docker goes by, does not list it"
    ]


def test_names_of_both_tables(lab):
    made = both(ONE)
    outer = manifest(config(digest(ONE)), [ONE])
    made["index.json"] = index(named(outer, "docker.io/library/app:1"), named(outer, "example.com/team/app:2"))
    assert familiar(load(lab, packed(made))) == [["app:1", "example.com/team/app:2"]]


def test_plain_layers_in_one_table_and_compressed_in_the_other(lab):
    """As `save` writes them: the manifest and its blobs are kept, and manifest.json's plain tars are not needed."""
    wrapped = gzip.compress(ONE)
    settings = config(digest(ONE))
    made = oci_layout(wrapped, config_bytes=settings)
    item = {"Config": blob(settings), "RepoTags": ["app:1"], "Layers": [blob(ONE)]}
    [loaded] = load(lab, packed({**made, blob(ONE): ONE, "manifest.json": dump([item])}))
    assert loaded.image.manifest_bytes == manifest(settings, [wrapped])
    assert not lab.store.blobs.path(loaded.image.diff_ids[0]).exists()


def test_an_archive_of_no_images(lab):
    """`[]`: docker loads nothing, and does not mind."""
    assert load(lab, packed({"manifest.json": b"[]"})) == []


# Keys of any case -----------------------------------------------------------------------------------------------


def respelled(value: object, spell: Callable[[str], str]) -> object:
    """JSON with other spellings of its keys; those of Labels and annotations are data."""
    if isinstance(value, list):
        return [respelled(item, spell) for item in value]
    if not isinstance(value, dict):
        return value
    data = ("Labels", "annotations", "ExposedPorts", "Volumes")
    return {spell(key): item if key in data else respelled(item, spell) for key, item in value.items()}


SETTINGS = {"Cmd": ["x"], "Env": ["A=1"], "Labels": {"Foo": "1", "foo": "2"}, "WorkingDir": "/w",
            "Healthcheck": {"Test": ["NONE"]}, "ExposedPorts": {"80/tcp": {}}}  # fmt: skip


@pytest.mark.parametrize("spell", [str.lower, str.upper, str.swapcase], ids=["lower", "upper", "swapped"])
def test_keys_of_any_case(lab, spell):
    """jib 1.x wrote config, repoTags, layers. The bytes are kept: another spelling is another image ID."""
    settings = dump(respelled(json.loads(config(digest(ONE), config=SETTINGS)), spell))
    item = respelled({"Config": "c.json", "RepoTags": ["app:1"], "Layers": ["l.tar"]}, spell)
    [loaded] = load(lab, packed({"c.json": settings, "l.tar": ONE, "manifest.json": dump([item])}))
    image = loaded.image
    assert image.id == digest(settings) and image.config["config"] == SETTINGS
    assert image.created == "2020-02-02T02:02:02.020202Z" and image.architecture == "amd64"
    assert [step.created_by for step in image.steps] == ["step 0"]


@pytest.mark.parametrize("spell", [str.lower, str.upper], ids=["lower", "upper"])
def test_keys_of_any_case_in_a_layout(lab, spell):
    settings = dump(respelled(json.loads(config(digest(ONE), config=SETTINGS)), spell))
    outer = dump(respelled(json.loads(manifest(settings, [ONE])), spell))
    table = dump(respelled(json.loads(index(named(outer, "docker.io/library/app:1"))), spell))
    made = {"oci-layout": dump({spell("imageLayoutVersion"): "1.0.0"}), "index.json": table}
    loaded = load(lab, packed({**made, **{blob(data): data for data in (settings, outer, ONE)}}))
    assert loaded[0].image.manifest_bytes == outer and familiar(loaded) == [["app:1"]]
    lab.rmi("app:1")
    assert not any(True for _ in lab.store.blobs), "and removal finds all of its blobs"


def test_garbage_collection_knows_keys_of_any_case(lab):
    settings = config(digest(ONE))
    outer = dump(respelled(json.loads(manifest(settings, [ONE])), str.upper))
    made = oci_layout(ONE, manifest_bytes=outer)
    [loaded] = lab.load(io.BytesIO(packed(made)))
    lab.gc()
    assert lab.verify() == [] and files(loaded.image) == {"one": b"1"}


@pytest.mark.parametrize(
    "first, second", [("Config", "config"), ("config", "Config"), ("CONFIG", "config")], ids=lambda key: str(key)
)
def test_two_keys_for_one_field(lab, first, second):
    """Go sets the field twice: the later key counts, however it is spelled."""
    item = f'[{{"{first}": "bad.json", "{second}": "c.json", "RepoTags": ["app:1"], "Layers": ["l.tar"]}}]'
    made = {"bad.json": config(digest(ONE), author="bad"), "c.json": config(digest(ONE)), "l.tar": ONE}
    [loaded] = load(lab, packed({**made, "manifest.json": item.encode()}))
    assert loaded.image.id == digest(config(digest(ONE)))


def test_letters_that_go_folds(lab):
    """To Go ſ is an s, as strings.EqualFold has it."""
    item = '[{"Config": "c.json", "RepoTag\u017f": ["app:1"], "Layer\u017f": ["l.tar"]}]'
    made = {"c.json": config(digest(ONE)), "l.tar": ONE, "manifest.json": item.encode()}
    assert familiar(load(lab, packed(made))) == [["app:1"]]


def test_unknown_keys_stay_as_they_are(lab):
    [loaded] = load(lab, packed(docker_archive(ONE, config_bytes=config(digest(ONE), **{"X-Mine": {"Cmd": 1}}))))
    assert loaded.image.config["X-Mine"] == {"Cmd": 1}


# Names in a layer -----------------------------------------------------------------------------------------------

ROOT = {"etc": "dir", "etc/a": b"A", "top": b"T"}
NAMES: dict[str, tuple[list[Member], dict[str, bytes | str]]] = {
    "kaniko's root directory": ([folder("/")], {}),
    "a root directory by '..'": ([folder("etc/..")], {}),
    "a directory called '..'": ([folder("..")], {}),
    "imgutil's absolute name": ([file("/etc/name", b"q")], {"etc/name": b"q"}),
    "two slashes": ([file("//etc//name", b"q")], {"etc/name": b"q"}),
    "'..' inside": ([file("etc/../b", b"q")], {"b": b"q"}),
    "'..' inside, of a directory that is not there": ([file("x/y/../z", b"q")], {"x": "dir", "x/z": b"q"}),
    "'..' at the top": ([file("../evil", b"q")], {"evil": b"q"}),
    "'..' above the root": ([file("etc/../../../evil", b"q")], {"evil": b"q"}),
    "'..' from the root": ([file("/../evil", b"q")], {"evil": b"q"}),
    "a name that comes again in another spelling": ([file("/etc/../top", b"new")], {"top": b"new"}),
    "a file over a directory, in another spelling": ([file("/etc", b"q")], {"etc": b"q", "etc/a": None}),
    "a hard link from the root": ([hard_link("h", "/top")], {"h": b"T"}),
    "a hard link with '..'": ([hard_link("h", "etc/../top")], {"h": b"T"}),
    "a hard link above the root": ([hard_link("../h", "../../top")], {"h": b"T"}),
    "a symbolic link under an absolute name": ([symlink("/etc/l", "/top")], {"etc/l": "/top"}),
}  # fmt: skip


@pytest.mark.parametrize("what", NAMES)
def test_names_are_made_relative(lab, tmp_path, what):
    """Docker unpacks in a chroot: `/` and `..` end at the layer's root, and nothing is ever outside."""
    members, expected = NAMES[what]
    wanted = {path: value for path, value in {**ROOT, **expected}.items() if value is not None}
    [loaded] = load(lab, packed(docker_archive(tar(folder("etc"), file("etc/a", b"A"), file("top", b"T"), *members))))
    assert files(loaded.image) == wanted
    unpack(loaded.image.tree(), tmp_path / "deep" / "root")
    assert {path.name for path in tmp_path.iterdir()} == {"deep"}
    assert {path.name for path in (tmp_path / "deep").iterdir()} == {"root"}
    assert set(snapshot(tmp_path / "deep" / "root")) == set(wanted)


WHITEOUTS = {
    "absolute": ("/.wh.top", {"etc", "etc/a"}),
    "with '..'": ("etc/../.wh.top", {"etc", "etc/a"}),
    "above the root": ("../../.wh.top", {"etc", "etc/a"}),
    "opaque, absolute": ("/etc/.wh..wh..opq", {"etc", "top"}),
    "opaque, with '..'": ("../etc/.wh..wh..opq", {"etc", "top"}),
    "'..' takes a whiteout's name away": (".wh.top/../new", {"etc", "etc/a", "new", "top"}),
}


@pytest.mark.parametrize("what", WHITEOUTS)
def test_whiteouts_by_odd_names(lab, what):
    name, left = WHITEOUTS[what]
    assert set(layered(lab, BASE, tar(file(name, b"")))) == left


def test_a_lesson_on_names_below(lab):
    """What an odd name means in one layer, the plain name means in the next."""
    assert layered(lab, tar(file("/etc/x", b"1")), tar(file("etc/.wh.x", b""))) == {"etc": "dir"}


# Links that climb above the root --------------------------------------------------------------------------------

CLIMBING = {"etc/up": "../../../etc/a", "up": "..", "etc/mid": "b/../../../c", "far": "../" * 300 + "etc/a"}


def test_links_that_climb_above_the_root_are_kept(lab):
    """The kernel stops at '/', so such a link is legal and leads inside."""
    [loaded] = load(lab, packed(docker_archive(BASE, tar(*(symlink(name, to) for name, to in CLIMBING.items())))))
    assert files(loaded.image) == {**ROOT, **CLIMBING}
    assert loaded.image.read("etc/up") == loaded.image.read("far") == b"A"
    assert loaded.image.read("up/etc/a") == b"A"


def test_layers_that_go_through_such_a_link(lab):
    below = tar(folder("a"), file("a/f", b"AF"), symlink("up", "../../a"))
    assert layered(lab, below, tar(file("up/new", b"1")))["a/new"] == b"1"
    assert layered(lab, below, tar(hard_link("h", "up/f")))["h"] == b"AF"
    assert "a/f" not in layered(lab, below, tar(file("up/.wh.f", b"")))


# Compression ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pack", [lzma.compress, bz2.compress], ids=["xz", "bzip2"])
def test_xz_and_bzip2_outside(lab, pack):
    """podman's own test archives are .tar.xz."""
    for make in (docker_archive, oci_layout, both):
        assert familiar(load(lab, pack(packed(make(BASE))))) == [["app:1"]]


@pytest.mark.parametrize("pack", [lzma.compress, bz2.compress], ids=["xz", "bzip2"])
def test_xz_and_bzip2_inside(lab, pack):
    """There is no media type for such a layer: it is kept uncompressed, so that registries and other tools take it."""
    [loaded] = load(lab, packed(docker_archive(pack(BASE), config_bytes=config(digest(BASE)))))
    assert loaded.image.id == digest(config(digest(BASE))) and files(loaded.image) == ROOT
    [layer] = loaded.image.layers
    assert layer.descriptor == {"mediaType": OCI_LAYER, "digest": digest(BASE), "size": len(BASE)}
    kept = {path.name for path in (lab.home / "blobs" / "sha256").iterdir()}
    assert kept == {loaded.image.id[7:], loaded.image.digest[7:], digest(BASE)[7:]}


@pytest.mark.parametrize("pack", [lzma.compress, bz2.compress], ids=["xz", "bzip2"])
def test_xz_and_bzip2_under_a_manifest(lab, pack):
    """A manifest that names such a blob keeps it: the manifest's digest is the image's."""
    layer = pack(BASE)
    settings = config(digest(BASE))
    outer = manifest(settings, [], layers=[descriptor(layer, OCI_LAYER)])
    [loaded] = load(lab, packed(oci_layout(layer, config_bytes=settings, manifest_bytes=outer)))
    assert loaded.image.manifest_bytes == outer and loaded.image.layers[0].blob().read() == layer
    assert files(loaded.image) == ROOT and loaded.image.layers[0].read("top") == b"T"


@pytest.mark.parametrize("pack", [lzma.compress, bz2.compress], ids=["xz", "bzip2"])
def test_a_tar_in_xz_or_bzip2_to_import_or_append(lab, tmp_path, pack):
    (tmp_path / "root.tar.x").write_bytes(pack(BASE))
    image = lab.import_(tmp_path / "root.tar.x", "root:1")
    assert files(image) == ROOT and not image.layers[0].compressed
    assert files(lab.append(None, tmp_path / "root.tar.x")) == ROOT
    assert lab.verify() == []


# Ends of tars ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cut", [0, 1, 511], ids=["no padding", "a byte of it", "all but one"])
@pytest.mark.parametrize("pack", [bytes, gzip.compress, zstandard.compress], ids=["plain", "gzip", "zstd"])
def test_a_last_entry_without_its_padding(lab, cut, pack):
    """`umoci insert` wrote such layers: the data is whole; its padding and the end of the tar are missing."""
    whole = tar(folder("etc"), file("etc/a", b"A"))
    layer = whole[: whole.rindex(b"A") + 1 + cut]
    [loaded] = load(lab, packed(docker_archive(pack(layer), config_bytes=config(digest(layer)))))
    assert loaded.image.diff_ids == (digest(layer),) and files(loaded.image) == {"etc": "dir", "etc/a": b"A"}


def test_an_archive_without_the_padding_of_its_last_file(lab):
    data = packed(docker_archive(BASE))
    assert familiar(load(lab, data.rstrip(b"\0"))) == [["app:1"]]


def test_a_last_entry_without_all_of_its_data(lab):
    whole = tar(file("a", b"x" * 600))
    for cut in (512, 513, 512 + 599):
        with pytest.raises(Invalid, match="truncated"):
            lab.load(io.BytesIO(packed(docker_archive(whole[:cut]))))


@pytest.mark.parametrize("pack", [bytes, gzip.compress, zstandard.compress, lzma.compress, bz2.compress])
def test_a_layer_without_a_byte(lab, pack):
    """Its diffID is the digest of nothing; docker takes it for an empty layer."""
    layers = [BASE, pack(b"")]
    [loaded] = load(lab, packed(docker_archive(*layers, config_bytes=config(digest(BASE), digest(b"")))))
    assert files(loaded.image) == ROOT and loaded.image.layers[1].files_size == 0
    assert loaded.image.diff_ids[1] == digest(b"")


def test_an_empty_file_to_import(lab, tmp_path):
    """`docker import` of an empty file: an image of one empty layer."""
    (tmp_path / "nothing.tar").touch()
    assert files(lab.import_(tmp_path / "nothing.tar")) == {}


def test_an_empty_archive_is_none(lab):
    with pytest.raises(Invalid, match="holds no image"):
        lab.load(io.BytesIO(b""))


# Names of files in the archive ----------------------------------------------------------------------------------


def listing(layer: str, name: str = "c.json") -> bytes:
    return dump([{"Config": name, "RepoTags": ["app:1"], "Layers": [layer]}])


PLACES: dict[str, list[Member]] = {
    "an absolute layer": [file("l.tar", BASE), file("manifest.json", listing("/l.tar"))],
    "'..' that stays inside": [file("l.tar", BASE), file("manifest.json", listing("x/../l.tar"))],
    "a file with an absolute name": [file("/l.tar", BASE), file("manifest.json", listing("l.tar"))],
    "a file above the top": [file("../../l.tar", BASE), file("manifest.json", listing("l.tar"))],
    "an absolute manifest.json": [file("l.tar", BASE), file("/manifest.json", listing("l.tar"))],
    "a link to a folder": [
        folder("real"), file("real/l.tar", BASE), symlink("d", "real"), file("manifest.json", listing("d/l.tar"))],
    "an absolute link to a folder": [
        folder("real"), file("real/l.tar", BASE), symlink("d", "/real"), file("manifest.json", listing("d/l.tar"))],
    "a climbing link to a folder": [
        folder("real"), file("real/l.tar", BASE), symlink("d", "../real"), file("manifest.json", listing("d/l.tar"))],
    "a file that was written through a link": [
        folder("real"), symlink("d", "real"), file("d/l.tar", BASE), file("manifest.json", listing("real/l.tar"))],
    "a link in the place of manifest.json": [
        file("l.tar", BASE), file("m.json", listing("l.tar")), symlink("manifest.json", "m.json")],
    "evil beside it": [
        file("l.tar", BASE), file("../evil"), file("../\n\x1b[2J"), file("manifest.json", listing("l.tar"))],
}  # fmt: skip


@pytest.mark.parametrize("what", PLACES)
def test_where_the_files_are(lab, what):
    """Docker unpacks the archive with its top as the root, and looks for the files the same way."""
    [loaded] = load(lab, tar(file("c.json", config(digest(BASE))), *PLACES[what]))
    assert files(loaded.image) == ROOT


def test_links_in_a_circle(lab):
    made = [symlink("d", "e"), symlink("e", "d"), file("c.json", config(digest(BASE))),
            file("manifest.json", listing("d/l.tar"))]  # fmt: skip
    with pytest.raises(Invalid, match="is not there"):
        lab.load(io.BytesIO(tar(*made)))


def test_a_walk_through_many_links_counts(lab):
    """Each name of the archive may lead through links by the thousand; that takes time, and so it is limited."""
    maze = [symlink(f"d{number}", f"d{number + 1}/" + "./" * 200) for number in range(30)]
    made = [*maze, folder("d30"), *(file(f"d0/{number}", b"") for number in range(400))]
    with pytest.raises(Invalid, match="more than 6,000 entries"):
        lab.load(io.BytesIO(tar(*made)), limit_entries=6000)


def test_a_config_under_the_name_of_another(lab):
    """go-containerregistry has one: docker does not look at the name, for the image ID comes from the bytes."""
    made = config(digest(BASE))
    name = digest(b"else")[7:] + ".json"
    loaded = load(lab, packed({name: made, "l.tar": BASE, "manifest.json": listing("l.tar", name)}))
    assert loaded[0].image.id == digest(made)
    [left] = loaded.left
    assert name in left.what and "which is the image ID" in left.why


# Parents --------------------------------------------------------------------------------------------------------

CHILD = config(digest(ONE), digest(TWO))
PARENT = config(digest(ONE))


def family(*, parent: object = digest(PARENT), child: bytes = CHILD, parent_tags: list[str] | None = None) -> Files:
    items = [
        {"Config": "child.json", "RepoTags": ["child:1"], "Layers": ["1.tar", "2.tar"], "Parent": parent},
        {"Config": "parent.json", "RepoTags": parent_tags, "Layers": ["1.tar"]},
    ]
    made = {"child.json": child, "parent.json": PARENT, "1.tar": ONE, "2.tar": TWO}
    return {**made, "manifest.json": dump(items)}


def test_a_parent_in_the_archive(lab):
    """As `docker save` of an image and its parent writes it, in any order: the history knows the parent's ID."""
    child, parent = load(lab, packed(family()))
    assert child.image.parent == parent.image and parent.image.parent is None
    assert [step.image_id for step in child.image.steps] == [parent.image.id, child.image.id]
    assert [image.id for image in lab.images()] == [child.image.id], "an intermediate image is not listed"


def test_a_parent_of_images_that_are_here_already(lab):
    lab.load(io.BytesIO(packed(family(parent=None))))
    assert lab.image("child:1").parent is None
    lab.load(io.BytesIO(packed(family())))
    assert lab.image("child:1").parent == lab.image(digest(PARENT))


@pytest.mark.parametrize("parent", [digest(b"else"), digest(PARENT)[7:], digest(CHILD), "", None])
def test_a_parent_that_docker_passes_over(lab, parent):
    """One that is not in the archive, is no whole ID, or is the image itself."""
    child, _ = load(lab, packed(family(parent=parent)))
    assert child.image.parent is None


def test_parents_in_a_circle(lab):
    """Without histories docker takes any parent. A circle would have no end; the parent must have fewer layers."""
    configs = [config(digest(ONE), history=None), config(digest(ONE), history=None, author="me")]
    items = [
        {"Config": f"{n}.json", "RepoTags": [f"app:{n}"], "Layers": ["1.tar"], "Parent": digest(configs[1 - n])}
        for n in range(2)
    ]
    made = {"0.json": configs[0], "1.json": configs[1], "1.tar": ONE, "manifest.json": dump(items)}
    assert [one.image.parent for one in load(lab, packed(made))] == [None, None]


def test_save_writes_the_parent_too(lab):
    lab.load(io.BytesIO(packed(family(parent_tags=["parent:1"]))))
    out = io.BytesIO()
    lab.save(["child:1", "parent:1"], out)
    with tarfile.open(fileobj=io.BytesIO(out.getvalue())) as archive:
        items = json.load(archive.extractfile("manifest.json"))
    assert [item.get("Parent") for item in items] == [digest(PARENT), None]
    other = Lab.temporary()
    other.load(io.BytesIO(out.getvalue()))
    assert other.image("child:1").parent == other.image("parent:1")


# Histories ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("history", [[{"created_by": "one"}], [{"empty_layer": True}], [], None])
def test_a_history_of_fewer_layers(lab, history):
    """Docker takes it; every layer still has a step here, and what is put on top gets a record of its own layer."""
    [loaded] = load(
        lab, packed(docker_archive(ONE, TWO, config_bytes=config(digest(ONE), digest(TWO), history=history)))
    )
    image = loaded.image
    assert [step.layer for step in image.steps if step.layer] == list(image.layers)
    more = image.append({"three": "3"}, "add three")
    assert more.steps[-1].created_by == "add three" and more.steps[-1].layer == more.layers[-1]
