"""What `docker_stores` computes for Docker's containerd store is what containerd itself has of the same archive."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest

from imagelab import Entry, Lab
from imagelab.analysis import docker_stores
from imagelab.oci import mutate
from judges import tools
from judges.tools import Tool

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def containerd(root: None) -> Iterator[Tool]:
    """A `ctr` that talks to a containerd of our own, empty, gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="imagelab-ctr-", dir="/tmp") as folder:
        config = Path(folder, "config.toml")
        config.write_text('version = 2\ndisabled_plugins = ["io.containerd.grpc.v1.cri"]\n')
        command = [tools.find("setpriv"), "--pdeathsig", "TERM", tools.find("containerd"), "--config", config]
        command += ["--root", f"{folder}/root", "--state", f"{folder}/state", "--address", f"{folder}/socket"]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        try:
            assert process.stderr is not None
            for line in process.stderr:  # it says when it serves
                if b"successfully booted" in line:
                    break
            else:
                pytest.fail("containerd ended", pytrace=False)
            yield Tool(tools.find("ctr"), "--address", f"{folder}/socket")
        finally:
            process.terminate()
            process.communicate(timeout=60)


@pytest.fixture
def images():
    """The same image twice in one lab, its layers as they are and wrapped in gzip."""
    lab = Lab.temporary(epoch=0)
    image = lab.append(None, {"app/a.txt": "x" * 13, "app/big": b"y" * 500_000, "app/ln": Entry.symlink("big")})
    image = lab.append(image, {"app/a.txt": None, "z": "1"}, "shop:1.0")
    lab.tag(lab.add(mutate.compressed(image)), "shop:gz")
    return lab


def test_containerd_has_the_id_and_the_size(containerd, images, tmp_path):
    images.save(["shop:1.0", "shop:gz"], tmp_path / "shop.tar")
    containerd("images", "import", "--no-unpack", tmp_path / "shop.tar")
    listed = {row.split()[0]: row.split() for row in containerd("images", "ls").splitlines()[1:]}
    for name in ("shop:1.0", "shop:gz"):
        image = images.image(name)
        row = listed[f"docker.io/library/{name}"]
        assert row[2] == docker_stores.containerd(image).id == image.digest
        number, unit = float(row[3]), row[4]
        scale = {"B": 1, "KiB": 1 << 10}[unit]
        assert number == pytest.approx(docker_stores.content_size(image) / scale, abs=0.06)


def test_containerd_calls_an_image_of_two_platforms_by_the_digest_of_its_index(containerd, tmp_path):
    """The folder that lesson 05 makes in "More: an index in a folder", as a tar."""
    notebook = nbformat.read(ROOT / "notebooks" / "05-digests.ipynb", as_version=4)
    code = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    start = next(number for number, source in enumerate(code) if 'scene("05.11")' in source)
    names: dict[str, object] = {}
    for source in (code[0], *code[start : start + 2]):
        exec(source, names)
    shutil.make_archive(str(tmp_path / "both"), "tar", names["both"])
    containerd("images", "import", "--no-unpack", "--all-platforms", tmp_path / "both.tar")
    row = next(row.split() for row in containerd("images", "ls").splitlines() if "shop:both" in row)
    assert row[2] == f"sha256:{names['digest']}"
    assert "linux/amd64,linux/arm64" in row


def test_containerd_keeps_what_it_unpacks_under_the_chain_ids(containerd, images, tmp_path):
    image = images.image("shop:1.0")
    images.save("shop:1.0", tmp_path / "shop.tar")
    containerd("--namespace", "unpacked", "images", "import", "--snapshotter", "overlayfs", tmp_path / "shop.tar")
    usage = containerd("--namespace", "unpacked", "snapshots", "--snapshotter", "overlayfs", "usage", "-b")
    sizes = {row.split()[0]: int(row.split()[1]) for row in usage.splitlines()[1:]}
    assert set(sizes) == set(image.chain_ids)
    if on_blocks_of_4096():
        assert sum(sizes.values()) == docker_stores.unpacked_size(image)


def test_containerd_keeps_each_blob_and_each_unpacked_layer_of_two_images_once(containerd, images, tmp_path):
    """The sum that `docker system df` of Docker 29 makes (moby, daemon/containerd/service.go: ImageDiskUsage)."""
    images.append("shop:1.0", {"more": b"z" * 9000}, "shop:2.0")
    names = ["shop:1.0", "shop:2.0", "shop:gz"]
    images.save(names, tmp_path / "shop.tar")
    ctr = ["--namespace", "usage"]
    containerd(*ctr, "images", "import", "--snapshotter", "overlayfs", tmp_path / "shop.tar")
    usage = containerd(*ctr, "snapshots", "--snapshotter", "overlayfs", "usage", "-b")
    unpacked = {row.split()[0]: int(row.split()[1]) for row in usage.splitlines()[1:]}
    shop = [images.image(name) for name in names]
    assert set(unpacked) == {chain_id for image in shop for chain_id in image.chain_ids}
    blobs = {digest for image in shop for digest in (image.id, image.digest, *(one.digest for one in image.layers))}
    kept = {row.split()[0] for row in containerd(*ctr, "content", "ls").splitlines()[1:]}
    assert blobs <= kept, "it keeps the archive's own index as well"
    content = sum(len(containerd.run(*ctr, "content", "get", digest).stdout) for digest in blobs)
    if on_blocks_of_4096():
        assert docker_stores.containerd_usage(shop).size == content + sum(unpacked.values())


def on_blocks_of_4096() -> bool:
    """How many blocks a file fills is the disk's own affair: whether containerd's folder is on ext4, as usual."""
    kind = subprocess.run(["stat", "-f", "-c", "%T %S", "/tmp"], capture_output=True, text=True, check=True).stdout
    return kind.split() == ["ext2/ext3", "4096"]
