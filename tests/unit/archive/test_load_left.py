"""What lies in an archive beside images: it is left and reported; and one image can be chosen."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from imagelab import Lab
from imagelab.errors import Conflict, Invalid, LabError, NotFound, Unsupported
from unit.archives import (
    OCI_CONFIG,
    OCI_INDEX,
    OCI_LAYER,
    OCI_MANIFEST,
    Files,
    blob,
    both,
    config,
    descriptor,
    digest,
    docker_archive,
    dump,
    file,
    folder,
    index,
    manifest,
    named,
    oci_layout,
    packed,
    snapshot,
    tar,
    written,
)

LAYERS = {name: tar(file(name, name.encode())) for name in ("amd64", "arm64", "other")}
CONFIGS = {name: config(digest(layer), architecture=name) for name, layer in LAYERS.items()}
IMAGES = {name: manifest(CONFIGS[name], [LAYERS[name]]) for name in LAYERS}
PAYLOAD = b'{"critical":{}}'
SIGNATURE = manifest(  # what cosign writes: an image's config, and layers that are no tars
    config(digest(PAYLOAD)), [], layers=[descriptor(PAYLOAD, "application/vnd.dev.cosign.simplesigning.v1+json")]
)
EMPTY = b"{}"
ARTIFACT = manifest(
    EMPTY, [], artifactType="application/vnd.example", config=descriptor(EMPTY, "application/vnd.oci.empty.v1+json"),
    layers=[descriptor(PAYLOAD, "application/spdx+json")],
)  # fmt: skip
HELM = manifest(
    EMPTY, [], config=descriptor(EMPTY, "application/vnd.cncf.helm.config.v1+json"),
    layers=[descriptor(PAYLOAD, "application/vnd.cncf.helm.chart.content.v1.tar+gzip")],
)  # fmt: skip


def tagged(data: bytes, tag: str | None, media_type: str = OCI_MANIFEST, **more: object) -> dict:
    """A descriptor as skopeo writes it: the tag alone."""
    annotations = {"annotations": {"org.opencontainers.image.ref.name": tag}} if tag else {}
    return descriptor(data, media_type, **annotations, **more)


def layout(*listed: dict, **blobs: bytes) -> Files:
    """A layout whose index.json lists these, with every blob that this module knows, but for those given as b""."""
    known = [*LAYERS.values(), *CONFIGS.values(), *IMAGES.values(), PAYLOAD, config(digest(PAYLOAD)), SIGNATURE, EMPTY]
    files = {blob(data): data for data in [*known, ARTIFACT, HELM, *blobs.values()]}
    return {**files, "oci-layout": b'{"imageLayoutVersion":"1.0.0"}', "index.json": index(*listed)}


GOOD = tagged(IMAGES["amd64"], "1.0")
BESIDE = {
    "a cosign signature": (tagged(SIGNATURE, "sha256-abc.sig"), "application/vnd.dev.cosign.simplesigning.v1+json"),
    "an artifact": (tagged(ARTIFACT, "sbom"), "application/vnd.oci.empty.v1+json"),
    "a Helm chart": (tagged(HELM, "chart"), "application/vnd.cncf.helm.config.v1+json"),
    "a manifest that is not there": ({**GOOD, "digest": digest(b"absent")}, "is not there"),
    "an image by SHA-512": ({**GOOD, "digest": "sha512:" + "a" * 128}, "SHA-512"),
    "a layer in the place of a manifest": (
        tagged(LAYERS["amd64"], "layer", OCI_LAYER), "its media type is 'application/vnd.oci.image.layer.v1.tar'"),
    "a schema 1 manifest": (
        tagged(PAYLOAD, "old", "application/vnd.docker.distribution.manifest.v1+prettyjws"), "v1+prettyjws"),
    "an attestation": (
        tagged(SIGNATURE, None, platform={"os": "unknown", "architecture": "unknown"}), "simplesigning"),
}  # fmt: skip


@pytest.mark.parametrize("what", BESIDE)
@pytest.mark.parametrize("form", ["tar", "folder"])
def test_what_is_no_image_is_left(lab, tmp_path, what, form):
    """The image beside it is loaded, before it or after it; and the result says what was left, and why."""
    other, why = BESIDE[what]
    for listed in ((GOOD, other), (other, GOOD)):
        files = layout(*listed)
        if form == "folder":
            loaded = lab.load(written(files, tmp_path / f"app{listed[0] is GOOD}"))
        else:
            (tmp_path / "app.tar").write_bytes(packed(files))
            loaded = lab.load(tmp_path / "app.tar")
        assert [one.image.id for one in loaded] == [digest(CONFIGS["amd64"])]
        [left] = loaded.left
        assert why in left.why and left.what and str(left) == f"{left.what}: {left.why}"
    assert lab.verify() == []
    kept = {path.name for path in (lab.home / "blobs" / "sha256").iterdir()}
    assert kept == {digest(data)[7:] for data in (IMAGES["amd64"], CONFIGS["amd64"], LAYERS["amd64"])}


def test_nothing_is_left_of_most_archives(lab):
    for files in (docker_archive(LAYERS["other"]), oci_layout(LAYERS["other"]), both(LAYERS["other"])):
        assert lab.load(io.BytesIO(packed(files))).left == ()


@pytest.mark.parametrize("what", BESIDE)
def test_alone_it_is_an_error(lab, what):
    other, why = BESIDE[what]
    before = snapshot(lab.home)
    with pytest.raises(Invalid) as caught:
        lab.load(io.BytesIO(packed(layout(other))))
    assert why.removeprefix("its ") in str(caught.value)
    assert snapshot(lab.home) == before


DAMAGE = {
    "a manifest that is another": ({blob(IMAGES["other"]): IMAGES["other"] + b" "}, "says that its digest is"),
    "a config that is another": ({blob(CONFIGS["other"]): CONFIGS["other"] + b" "}, "says that its digest is"),
    "a layer that is another": ({blob(LAYERS["other"]): LAYERS["other"] + bytes(512)}, "says that its digest is"),
}


@pytest.mark.parametrize("what", DAMAGE)
def test_damage_beside_an_image_is_an_error(lab, what):
    """A blob that is not what its name says was damaged on its way, and who knows what else with it."""
    files, why = DAMAGE[what]
    before = snapshot(lab.home)
    with pytest.raises(Invalid, match=why):
        lab.load(io.BytesIO(packed({**layout(GOOD, tagged(IMAGES["other"], "2")), **files})))
    assert snapshot(lab.home) == before


# Several platforms ----------------------------------------------------------------------------------------------


def for_platform(name: str, **changes: object) -> dict:
    return {**descriptor(IMAGES[name], OCI_MANIFEST, platform={"os": "linux", "architecture": name}), **changes}


def of_index(*inner: dict, without: tuple[bytes, ...] = ()) -> bytes:
    table = index(*inner)
    files = layout(tagged(table, "1.0", OCI_INDEX), table=table)
    return packed({name: data for name, data in files.items() if name not in map(blob, without)})


@pytest.fixture
def amd64(monkeypatch):
    monkeypatch.setattr("platform.machine", lambda: "x86_64")


def said(lab: Lab, data: bytes) -> tuple[str, list[str]]:
    """The architecture of the image that was loaded, and what was left."""
    loaded = lab.load(io.BytesIO(data))
    [one] = loaded
    return one.image.architecture, [str(left) for left in loaded.left]


def test_the_other_platforms_are_left(lab, amd64):
    data = of_index(for_platform("arm64"), for_platform("amd64"), for_platform("other"))
    why = "of several platforms one is loaded, here linux/amd64"
    assert said(lab, data) == ("amd64", [f"1.0 for linux/arm64, linux/other: {why}"])


def test_platforms_that_were_never_there_are_not_spoken_of(lab, amd64):
    """docker 29 saves the platform that it has, and the index of all."""
    absent = for_platform("other", digest=digest(b"absent"))
    assert said(lab, of_index(absent, for_platform("arm64"))) == ("arm64", [])


@pytest.mark.parametrize("missing", ["layer", "config"])
def test_an_incomplete_platform(lab, amd64, missing):
    """This machine's is not whole: the next one is loaded."""
    gone = LAYERS["amd64"] if missing == "layer" else CONFIGS["amd64"]
    architecture, [left] = said(lab, of_index(for_platform("amd64"), for_platform("arm64"), without=(gone,)))
    assert architecture == "arm64"
    assert left.startswith("1.0 for linux/amd64: ") and blob(gone) in left and "is not there" in left


def test_an_attestation_in_an_index(lab, amd64):
    of_buildkit = descriptor(SIGNATURE, OCI_MANIFEST, platform={"os": "unknown", "architecture": "unknown"})
    architecture, [left] = said(lab, of_index(for_platform("amd64"), of_buildkit))
    assert architecture == "amd64"
    assert left == f"{digest(SIGNATURE)[:19]} beside 1.0: it is an attestation (SBOM, provenance), not an image"


def test_linux_comes_before_another_system(lab, amd64):
    windows = {**for_platform("other"), "platform": {"os": "windows", "architecture": "amd64"}}
    assert said(lab, of_index(windows, for_platform("amd64")))[0] == "amd64"


def test_no_platform_is_whole(lab, amd64):
    with pytest.raises(Invalid, match=r"layer 1 should be at .* and is not there"):
        lab.load(io.BytesIO(of_index(for_platform("amd64"), without=(LAYERS["amd64"],))))


def test_indexes_that_list_one_another_many_times_over(lab):
    """Each is looked at once: five levels of a hundred entries are not ten thousand million images."""
    tables, inner = [], for_platform("other", digest=digest(b"absent"))
    for _ in range(4):
        tables.append(index(*[inner] * 100))
        inner = tagged(tables[-1], None, OCI_INDEX)
    files = layout(GOOD, *[inner] * 100, **{str(n): table for n, table in enumerate(tables)})
    loaded = lab.load(io.BytesIO(packed(files)))
    assert [one.image.id for one in loaded] == [digest(CONFIGS["amd64"])]
    item = {"Config": blob(CONFIGS["amd64"]), "RepoTags": None, "Layers": [blob(LAYERS["amd64"])]}
    loaded = lab.load(io.BytesIO(packed({**files, "manifest.json": dump([item])})))
    assert [one.image.id for one in loaded] == [digest(CONFIGS["amd64"])]


# One image of several -------------------------------------------------------------------------------------------

SEVERAL = layout(
    tagged(IMAGES["amd64"], "1.0"), tagged(IMAGES["arm64"], "2.0"), tagged(IMAGES["amd64"], "latest"),
    named(IMAGES["other"], "docker.io/library/other:3"), tagged(SIGNATURE, "sig"),
)  # fmt: skip


@pytest.mark.parametrize(
    "ref, image, names",
    [
        ("1.0", "amd64", ["app:1.0"]),
        ("2.0", "arm64", ["app:2.0"]),
        ("latest", "amd64", ["app:latest"]),
        ("app", "amd64", ["app:latest"]),
        ("app:2.0", "arm64", ["app:2.0"]),
        ("docker.io/library/app:2.0", "arm64", ["app:2.0"]),
        ("other:3", "other", ["other:3"]),
        ("3", "other", ["other:3"]),
        (digest(IMAGES["amd64"]), "amd64", ["app:1.0", "app:latest"]),
        (digest(CONFIGS["arm64"]), "arm64", ["app:2.0"]),
        (digest(CONFIGS["arm64"])[7:], "arm64", ["app:2.0"]),
    ],
)
def test_one_image_is_chosen(lab, tmp_path, ref, image, names):
    """As `skopeo … oci:app:1.0`: that image, under that name, and nothing else is kept."""
    loaded = lab.load(written(SEVERAL, tmp_path / "app"), ref=ref)
    [one] = loaded
    assert one.image.id == digest(CONFIGS[image]) and loaded.left == ()
    assert [name.familiar for name in one.names] == names
    assert len(list((lab.home / "blobs" / "sha256").iterdir())) == 3


def test_one_image_of_docker_s_archive(lab):
    configs = [config(digest(layer)) for layer in (LAYERS["amd64"], LAYERS["other"])]
    items = [
        {"Config": "0.json", "RepoTags": ["app:1", "app:2"], "Layers": ["0.tar"]},
        {"Config": "1.json", "RepoTags": ["web:1"], "Layers": ["1.tar"]},
    ]
    made = {"0.json": configs[0], "1.json": configs[1], "0.tar": LAYERS["amd64"], "1.tar": LAYERS["other"]}
    data = packed({**made, "manifest.json": dump(items)})
    for ref, number, names in (("app:2", 0, ["app:2"]), ("web:1", 1, ["web:1"]), ("2", 0, ["app:2"])):
        [one] = Lab.temporary().load(io.BytesIO(data), ref=ref)
        assert one.image.id == digest(configs[number]) and [name.familiar for name in one.names] == names
    with pytest.raises(Conflict, match="2 images in the archive are called '1': choose one of app:1 or app:2, web:1"):
        lab.load(io.BytesIO(data), ref="1")


@pytest.mark.parametrize(
    "ref, error, phrase",
    [
        ("nope", NotFound, "there is no image 'nope' in the archive: it holds app:1.0 or app:latest, app:2.0, other:3"),
        ("NOT A NAME", NotFound, "there is no image 'NOT A NAME'"),
        ("", NotFound, "there is no image ''"),
        ("sig", Unsupported, "'sig' cannot be loaded: the manifest's layer 1 has the media type"),
    ],
)
def test_what_cannot_be_chosen(lab, tmp_path, ref, error, phrase):
    before = snapshot(lab.home)
    with pytest.raises(error) as caught:
        lab.load(written(SEVERAL, tmp_path / "app"), ref=ref)
    assert phrase in str(caught.value)
    assert snapshot(lab.home) == before


def test_an_image_beside_one_that_is_bad(lab, tmp_path):
    """The one that was chosen need not wait for another whose layers do not fit."""
    bad = manifest(config(digest(b"else")), [LAYERS["other"]])
    files = layout(GOOD, tagged(bad, "bad"), bad=bad, bad_config=config(digest(b"else")))
    where = written(files, tmp_path / "app")
    with pytest.raises(Invalid, match="but the config says"):
        lab.load(where)
    [one] = lab.load(where, ref="1.0")
    assert one.image.id == digest(CONFIGS["amd64"])


# A layout that is not at the top --------------------------------------------------------------------------------


@pytest.mark.parametrize("top", ["mylayout", "a/b", "."])
def test_a_tar_of_a_layout_s_folder(lab, top):
    """`tar -cf x.tar mylayout`: skopeo and docker refuse it too; the error says where the layout is, and what to do."""
    data = tar(folder(top), *(file(f"{top}/{name}", data) for name, data in oci_layout(LAYERS["other"]).items()))
    if top == ".":
        assert len(lab.load(io.BytesIO(data))) == 1
        return
    with pytest.raises(LabError) as caught:
        lab.load(io.BytesIO(data))
    assert str(caught.value).startswith(f"the OCI layout is in '{top}/', and not at the top of the archive")
    assert f"tar -C {top} -cf FILE ." in str(caught.value)


def test_a_tar_of_a_folder_with_docker_s_archive(lab):
    data = tar(*(file(f"x/{name}", data) for name, data in docker_archive(LAYERS["other"]).items()))
    with pytest.raises(LabError, match=r"manifest\.json is in 'x/', and not at the top of the archive: pack"):
        lab.load(io.BytesIO(data))


def test_a_folder_that_holds_a_layout(lab, tmp_path):
    written(oci_layout(LAYERS["other"]), tmp_path / "mylayout")
    with pytest.raises(LabError) as caught:
        lab.load(tmp_path)
    assert str(caught.value).endswith(f"; there is a layout in '{tmp_path}/mylayout': load that folder")


def test_a_folder_that_was_an_archive_of_docker(lab, tmp_path):
    written(docker_archive(LAYERS["other"]), tmp_path)
    with pytest.raises(LabError, match=f"pack it again .tar -C {tmp_path} -cf FILE .."):
        lab.load(tmp_path)


def test_the_name_of_a_folder_that_is_here(lab, tmp_path, monkeypatch):
    """`load -i .`: the tags get the folder's own name."""
    where: Path = written(layout(GOOD), tmp_path / "app")
    monkeypatch.chdir(where)
    [one] = lab.load(".")
    assert [name.familiar for name in one.names] == ["app:1.0"]


def test_an_image_s_config_with_another_media_type(lab):
    """The type of the config decides: a manifest of docker's, and what only looks like one."""
    outer = json.loads(IMAGES["amd64"])
    outer["config"]["mediaType"] = "application/octet-stream"
    data = dump(outer)
    loaded = lab.load(io.BytesIO(packed(layout(GOOD, tagged(data, "x"), x=data))))
    assert len(loaded) == 1 and "application/octet-stream" in loaded.left[0].why
    assert OCI_CONFIG in IMAGES["amd64"].decode()
