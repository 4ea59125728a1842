"""Every judge reads every image: the same IDs, and the same file system, as imagelab says."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

import pytest

from imagelab import Lab
from judges.images import CASES, TAGS
from judges.trees import differences, of_disk, of_image, of_tar, without_directory_times

each = pytest.mark.parametrize("name", CASES)

# What `docker export` adds to a container's files: mount points and its own marks.
DOCKERS_OWN = {".dockerenv", "dev", "etc", "proc", "sys"}


@each
def test_docker_loads_the_same_image(docker, built, name):
    """`docker load` computes the image ID and every diffID anew, so equality proves all of them."""
    made = built(name)
    printed = docker("load", "--input", made.archive)
    assert sorted(printed.splitlines()) == sorted(f"Loaded image: {name}" for name in made.names)
    for tag in made.names:
        found = json.loads(docker("image", "inspect", tag))[0]
        assert found["Id"] == made.image.id
        assert (found["RootFS"].get("Layers") or []) == list(made.image.diff_ids)
        assert found["Size"] == made.image.size


@each
def test_docker_sees_the_same_files(docker, built, name, tmp_path):
    made = built(name)
    docker("load", "--input", made.archive)
    container = docker("create", "--network", "none", made.names[0], "nothing").strip()
    docker("export", "--output", tmp_path / "root.tar", container)
    docker("rm", "--volumes", container)
    ours = of_image(made.image.tree())
    theirs = of_tar(tmp_path / "root.tar")
    added = {path for path in theirs if path.split("/")[0] in DOCKERS_OWN and path not in ours}
    settings = made.image.config.get("config") or {}
    for folder in [settings.get("WorkingDir", ""), *(settings.get("Volumes") or {})]:  # docker makes these
        added |= {
            folder.strip("/"),
            *(str(parent) for parent in Path(folder.strip("/")).parents),
        } - ours.keys()
    theirs = {path: entry for path, entry in theirs.items() if path not in added}
    assert not differences(without_directory_times(theirs), without_directory_times(ours))


@each
def test_podman_loads_the_same_image(podman, built, name):
    made = built(name)
    podman("load", "--input", made.archive)
    for tag in made.names:
        assert f"sha256:{podman('image', 'inspect', '--format', '{{.Id}}', tag).strip()}" == made.image.id
    podman("rmi", "--force", made.image.id)


@each
def test_skopeo_reads_the_archive_as_docker_archive(skopeo, built, name, tmp_path):
    made = built(name)
    for number, tag in enumerate(made.names):
        skopeo("copy", f"docker-archive:{made.archive}:{tag}", f"dir:{tmp_path / str(number)}")
        manifest = json.loads((tmp_path / str(number) / "manifest.json").read_bytes())
        assert manifest["config"]["digest"] == made.image.id


@each
def test_skopeo_reads_the_archive_as_oci_archive(skopeo, built, name):
    """The manifest that skopeo reads is ours byte for byte, so its digest is the image digest."""
    made = built(name)
    if len(made.names) == 1:
        assert skopeo("inspect", "--raw", f"oci-archive:{made.archive}").encode() == made.image.manifest_bytes
    for tag in made.names:
        raw = skopeo("inspect", "--raw", f"oci-archive:{made.archive}:{tag.rpartition(':')[2]}")
        assert raw.encode() == made.image.manifest_bytes


@each
def test_skopeo_reads_the_store_in_place(skopeo, built, name, tmp_path):
    made = built(name)
    for tag in made.names:
        layout = f"oci:{made.lab.home}:{tag}"
        seen = json.loads(skopeo("inspect", layout))
        assert seen["Digest"] == made.image.digest
        assert seen["Layers"] == [layer.digest for layer in made.image.layers]
    skopeo("copy", "--preserve-digests", layout, f"oci:{tmp_path / 'copy'}:x")  # reads every blob and checks its digest
    assert skopeo("inspect", "--raw", f"oci:{tmp_path / 'copy'}:x").encode() == made.image.manifest_bytes


@each
def test_umoci_reads_the_store_in_place(umoci, built, name):
    made = built(name)
    assert set(made.names) <= set(umoci("ls", "--layout", made.lab.home).split())
    stat = json.loads(umoci("stat", "--image", f"{made.lab.home}:{made.names[0]}", "--json"))
    steps = made.image.steps
    assert [entry.get("created_by", "") for entry in stat["history"]] == [step.created_by for step in steps]
    assert [(entry.get("layer") or {}).get("digest") for entry in stat["history"]] == [
        step.layer.digest if step.layer else None for step in steps
    ]


@each
def test_umoci_unpacks_the_same_tree(root, umoci, built, name, tmp_path):
    made = built(name)
    umoci("unpack", "--image", f"{made.lab.home}:{made.names[0]}", tmp_path / "bundle")
    ours = of_image(made.image.tree())
    assert not differences(
        without_directory_times(of_disk(tmp_path / "bundle" / "rootfs")), without_directory_times(ours)
    )


@each
def test_tar_and_tarfile_read_every_layer(gnu_tar, built, name, tmp_path):
    made = built(name)
    for number, layer in enumerate(made.image.layers):
        path = tmp_path / f"{number}.tar"
        with layer.open() as source:
            path.write_bytes(source.read())
        listed = gnu_tar("-tvf", path, "--quoting-style=escape").splitlines()
        with tarfile.open(path, "r:", errors="surrogateescape") as archive:
            names = archive.getnames()
        assert len(listed) == len(names)
        if name != "a-foreign-tar":
            assert len(names) == len(set(names)), "no path twice in one layer"


@each
def test_tar_extracts_the_first_layer_as_the_tree(root, gnu_tar, built, name, tmp_path):
    """The first layer removes nothing, so what tar unpacks is the file system after it."""
    made = built(name)
    if not made.image.layers:
        assert name == "zero-layers"
        return
    layer = made.image.layers[0]
    with layer.open() as source:
        (tmp_path / "layer.tar").write_bytes(source.read())
    (tmp_path / "root").mkdir()
    gnu_tar(
        "-xpf",
        tmp_path / "layer.tar",
        "-C",
        tmp_path / "root",
        "--numeric-owner",
        "--xattrs",
        "--xattrs-include=*",
        "--delay-directory-restore",
    )
    first = type(made.image.tree())().apply(layer.changes())
    assert not differences(of_disk(tmp_path / "root"), of_image(first))


def test_several_images_in_one_archive(docker, podman, skopeo, tmp_path):
    """Images that share layers, one of them with two names: each is found under each of its names."""
    lab = Lab(tmp_path / "home", epoch=1_700_000_000)
    base = lab.append(lab.scratch, {"base": "b"}, tag="shared-base:1")
    wanted = {name: lab.append(base, {name: name}, tag=name) for name in ("shared-a:1", "team/shared-b:2")}
    lab.tag("shared-a:1", "shared-a:again")
    wanted |= {"shared-base:1": base, "shared-a:again": wanted["shared-a:1"]}
    lab.save(list(wanted), tmp_path / "all.tar")
    docker("load", "--input", tmp_path / "all.tar")
    podman("load", "--input", tmp_path / "all.tar")
    for name, image in wanted.items():
        assert docker("image", "inspect", "--format", "{{.Id}}", name).strip() == image.id
        assert f"sha256:{podman('image', 'inspect', '--format', '{{.Id}}', name).strip()}" == image.id
        raw = json.loads(skopeo("inspect", "--raw", f"docker-archive:{tmp_path / 'all.tar'}:{name}"))
        assert raw["config"]["digest"] == image.id


def test_there_are_cases_enough():
    assert len(CASES) >= 10
    assert set(TAGS) <= set(CASES)
