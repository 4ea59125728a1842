"""Odd archives, loaded by Docker Engine and by imagelab: the same exit code, the same IDs, names, sizes and files.

The archives are made here, each of a kind that some tool is known to write or that somebody could send; whatever Docker
answers is right. And what `save` writes of compressed layers is read by Docker, skopeo, umoci and podman.
"""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import os
import subprocess
import tarfile
from pathlib import Path

import pytest
import zstandard

from imagelab import Lab
from judges.tools import CommandLine, Tool, emptied
from judges.trees import differences, of_disk, of_image, without_directory_times
from unit.archive.test_load_real import CLIMBING, NAMES, PLACES, WHITEOUTS, docker_25, family, respelled
from unit.archives import (
    Files,
    config,
    digest,
    docker_archive,
    dump,
    file,
    folder,
    hard_link,
    packed,
    symlink,
    tar,
)

BASE = tar(folder("etc"), file("etc/a", b"A"), file("top", b"T"))
ONE, TWO = tar(file("one", b"1")), tar(file("two", b"2"))
WHOLE = tar(folder("etc"), file("etc/a", b"A"))
CUT = WHOLE[: WHOLE.rindex(b"A") + 1]


def lower() -> Files:
    item = {"Config": "c.json", "RepoTags": ["app:1"], "Layers": ["l.tar"]}
    made = dump(respelled(json.loads(config(digest(ONE))), str.lower))
    return {"c.json": made, "l.tar": ONE, "manifest.json": dump([respelled(item, str.lower)])}


def of_layers(*layers: bytes, **more: object) -> bytes:
    return packed(docker_archive(*layers, **more))


ARCHIVES: dict[str, bytes] = {
    "docker 25, an image in one table": packed(docker_25(("one:1", [ONE, TWO], [ONE, TWO]), (None, [TWO], None))),
    "docker 25, untagged": packed(docker_25((None, [ONE], None))),
    "docker 25, layers swapped in one table": packed(docker_25(("one:1", [ONE, TWO], [TWO, ONE]))),
    "lower-case keys": packed(lower()),
    **{f"xz and bzip2 outside, {pack.__module__}": pack(of_layers(BASE)) for pack in (lzma.compress, bz2.compress)},
    **{
        f"inside, {pack.__module__}": of_layers(pack(BASE), config_bytes=config(digest(BASE)))
        for pack in (lzma.compress, bz2.compress, gzip.compress)
    },
    "no padding": of_layers(CUT),
    "no padding, in gzip": of_layers(gzip.compress(CUT), config_bytes=config(digest(CUT))),
    "data that ends too early": of_layers(tar(file("a", b"x" * 600))[: 512 + 599]),
    "a layer without a byte": of_layers(BASE, b""),
    "no times": of_layers(ONE, config_bytes=config(digest(ONE), created=None, history=None)),
    "a history of fewer layers": of_layers(ONE, TWO, config_bytes=config(digest(ONE), digest(TWO), history=[{}])),
    "a history of more layers": of_layers(ONE, config_bytes=config(digest(ONE), history=[{}, {}])),
    "a parent": packed(family(parent_tags=["parent:1"])),
    "a parent that is not there": packed(family(parent=digest(b"else"))),
    "a parent that cannot be it": packed(family(child=config(digest(ONE), digest(TWO), history=[{}, {}]))),
    "no image": packed({"manifest.json": b"[]"}),
    "a config under another's name": packed({
        f"{'a' * 64}.json": config(digest(ONE)), "l.tar": ONE,
        "manifest.json": dump([{"Config": f"{'a' * 64}.json", "RepoTags": ["app:1"], "Layers": ["l.tar"]}])}),
    **{f"a name: {what}": of_layers(tar(folder("etc"), file("etc/a", b"A"), file("top", b"T"), *members))
       for what, (members, _) in NAMES.items() if "again" not in what},  # Docker's tar-split takes no name twice
    **{f"a whiteout: {what}": of_layers(BASE, tar(file(name, b""))) for what, (name, _) in WHITEOUTS.items()},
    "links that climb": of_layers(BASE, tar(*(symlink(name, target) for name, target in CLIMBING.items()))),
    "a file through a link that climbs": of_layers(tar(folder("a"), symlink("up", "../../a")), tar(file("up/new"))),
    "a hard link to nowhere": of_layers(tar(hard_link("h", "../../etc/passwd"))),
    "a file in the place of the root": of_layers(tar(file("a/.."))),
    **{f"a place: {what}": tar(file("c.json", config(digest(BASE))), *members) for what, members in PLACES.items()},
    **{f"a layer at {place!r}": packed({
        "c.json": config(digest(BASE)), "l.tar": BASE,
        "manifest.json": dump([{"Config": "c.json", "RepoTags": ["app:1"], "Layers": [place]}])})
       for place in ("../l.tar", "/../l.tar", "x/../../l.tar", "", "/l.tar", "./x/../l.tar")},
}  # fmt: skip


def exported(data: bytes) -> dict[str, object]:
    """The files of `docker export` or `imagelab export`, without those that Docker mounts over."""
    found: dict[str, object] = {}
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        for info in archive:
            name = info.name.strip("/")
            if name.split("/")[0] in ("dev", "proc", "sys", ".dockerenv", "etc", "") and name != "etc/a":
                continue
            content = archive.extractfile(info).read() if info.isreg() else None
            found[name] = (info.type, info.linkname, content)
    return found


LISTED = "{{.Repository}}:{{.Tag}} {{.ID}} {{.Size}}"


@pytest.mark.parametrize("what", ARCHIVES)
def test_docker_and_imagelab_load_the_same(docker, tmp_path, what):
    emptied(docker)
    (tmp_path / "x.tar").write_bytes(ARCHIVES[what])
    imagelab = CommandLine("imagelab", "--home", tmp_path / "home")
    theirs, ours = (who.run("load", "--quiet", "--input", tmp_path / "x.tar") for who in (docker, imagelab))
    assert ours.returncode == theirs.returncode, (theirs.stderr, ours.stderr)
    if ours.returncode:
        assert imagelab("images", "--quiet", "--all") == ""
        return
    listed = [sorted(who("images", "--no-trunc", "--format", LISTED).splitlines()) for who in (docker, imagelab)]
    assert listed[1] == listed[0]
    for image in {line.split()[1] for line in listed[0]}:
        parents = [json.loads(who("inspect", image))[0].get("Parent") or "" for who in (docker, imagelab)]
        assert parents[1] == parents[0]
        histories = [who("history", "--no-trunc", "--format", "{{.ID}} {{.Size}}", image) for who in (docker, imagelab)]
        assert histories[1] == histories[0]
        container = docker("create", "--network", "none", image, "x").strip()
        there = exported(docker.run("export", container).stdout)
        docker("rm", container)
        here = Lab(tmp_path / "home").create(image, "x")
        out = io.BytesIO()
        here.export(out)
        assert exported(out.getvalue()) == there


# Layers that are kept compressed ----------------------------------------------------------------------------------

FOLDERS = [
    folder("d", mode=0o750, mtime=9),
    file("d/a", b"a" * 90_000, mtime=9, uid=5),
    symlink("up", "../../d", mtime=9),
]
LAYERS = [tar(*FOLDERS), tar(file("d/b", b"b", mtime=9), file("d/.wh.a", b""))]


@pytest.fixture(scope="module", params=["zstd", "gzip", "xz"])
def compressed(request, tmp_path_factory):
    """A lab with an image whose layers came compressed, and the archive that it saves of it."""
    pack = {"zstd": zstandard.compress, "gzip": gzip.compress, "xz": lzma.compress}[request.param]
    where = tmp_path_factory.mktemp(request.param)
    lab = Lab(where / "home")
    made = docker_archive(*map(pack, LAYERS), config_bytes=config(*map(digest, LAYERS)), tags=["app:1", "team/app:2"])
    lab.load(io.BytesIO(packed(made)))
    lab.save(["app:1", "team/app:2"], where / "x.tar")
    return lab, where / "x.tar"


def test_docker_reads_plain_layers(docker, compressed):
    """Docker 20.10 reads no zstd: it says «unexpected EOF» to an archive of such layers."""
    lab, archive = compressed
    emptied(docker)
    docker("load", "--input", archive)
    found = json.loads(docker("image", "inspect", "app:1"))[0]
    assert found["Id"] == lab.image("app:1").id and sorted(found["RepoTags"]) == ["app:1", "team/app:2"]
    assert found["Size"] == lab.image("app:1").size


@pytest.mark.parametrize("source", ["docker-archive:{}", "docker-archive:{}:app:1", "oci-archive:{}:1"])
def test_skopeo_reads_both_halves(skopeo, compressed, tmp_path, source):
    lab, archive = compressed
    image = lab.image("app:1")
    skopeo("copy", source.format(archive), f"oci:{tmp_path / 'out'}:x")
    [loaded] = Lab(tmp_path / "home").load(tmp_path / "out")
    assert loaded.image.diff_ids == image.diff_ids
    if source.startswith("oci"):  # a copy from a docker-archive writes the config anew
        assert loaded.image.id == image.id
        assert skopeo("inspect", "--format", "{{.Digest}}", source.format(archive)).strip() == image.digest


def test_umoci_unpacks_it(umoci, compressed, tmp_path, root):
    """By index.json; umoci 0.4.7 has no zstd, so there it must say so of the layer."""
    lab, archive = compressed
    with tarfile.open(archive) as opened:
        opened.extractall(tmp_path / "layout", filter="data")
    done = umoci.run("unpack", "--image", f"{tmp_path / 'layout'}:1", tmp_path / "bundle")
    if lab.image("app:1").manifest["layers"][0]["mediaType"].endswith("zstd"):
        assert done.returncode and b"not correct mediatype" in done.stderr, done.stderr
        return
    assert done.returncode == 0, done.stderr
    ours, theirs = of_image(lab.image("app:1").tree()), of_disk(tmp_path / "bundle" / "rootfs")
    assert not differences(without_directory_times(theirs), without_directory_times(ours))


def named_by(podman: Tool, archive: Path) -> list[str]:
    podman("rmi", "--all", "--force")
    podman("load", "--input", archive)
    return sorted(podman("images", "--format", "{{.Repository}}:{{.Tag}}").split())


def test_podman_names_it_as_it_names_docker_s(docker, podman, compressed, tmp_path):
    """One name is read from index.json, whole; of several podman 4.3 reads manifest.json, where docker's are short."""
    lab, archive = compressed
    emptied(docker)
    docker("load", "--input", archive)
    docker("save", "--output", tmp_path / "theirs.tar", "app:1", "team/app:2")
    assert named_by(podman, archive) == named_by(podman, tmp_path / "theirs.tar")
    lab.save("app:1", tmp_path / "one.tar")
    assert named_by(podman, tmp_path / "one.tar") == ["docker.io/library/app:1"]


def repo_tags(archive: Path) -> list[list[str] | None]:
    with tarfile.open(archive) as opened:
        return [item["RepoTags"] for item in json.load(opened.extractfile("manifest.json"))]


def test_repo_tags_are_dockers(docker, tmp_path):
    """`docker save` of what it has just loaded from us names everything as we did."""
    emptied(docker)
    lab = Lab(tmp_path / "home")
    image = lab.append(None, {"a": "1"}, tag="app:1")
    for name in ("app:latest", "team/app:2", "example.com/a/b:3", "localhost:5000/c:4"):
        lab.tag(image, name)
    names = [name.familiar for name in image.names]
    lab.save(names, tmp_path / "ours.tar")
    docker("load", "--input", tmp_path / "ours.tar")
    docker("save", "--output", tmp_path / "theirs.tar", *names)
    [ours], [theirs] = repo_tags(tmp_path / "ours.tar"), repo_tags(tmp_path / "theirs.tar")
    assert sorted(ours) == sorted(theirs) == sorted(names)


def test_a_build_with_a_link_that_climbs_goes_to_docker_and_back(docker, tmp_path):
    """moby#11394: `COPY` of such a link, in Docker and here; each loads what the other saves."""
    context = tmp_path / "context"
    context.mkdir()
    os.symlink("../../../shared/cfg", context / "cfg")
    (context / "Dockerfile").write_text("FROM scratch\nCOPY . /app/\n")
    emptied(docker)
    subprocess.run(
        [*docker.command, "build", "--quiet", "--tag", "theirs:1", context], check=True, capture_output=True,
        env={"DOCKER_BUILDKIT": "0", "PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    docker("save", "--output", tmp_path / "theirs.tar", "theirs:1")
    lab = Lab(tmp_path / "home")
    [loaded] = lab.load(tmp_path / "theirs.tar")
    ours = lab.build(context, tag="ours:1").image
    assert loaded.image.tree()["app/cfg"].link == ours.tree()["app/cfg"].link == "../../../shared/cfg"
    lab.save("ours:1", tmp_path / "ours.tar")
    docker("load", "--input", tmp_path / "ours.tar")
    assert json.loads(docker("image", "inspect", "ours:1"))[0]["Id"] == ours.id
