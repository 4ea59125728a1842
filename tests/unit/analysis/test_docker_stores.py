"""Docker's two stores: which name is the ID in each, and what its SIZE counts."""

from __future__ import annotations

from imagelab import Entry
from imagelab.analysis import docker_stores
from imagelab.oci import mutate


def test_the_classic_store_goes_by_the_config_and_counts_bytes_in_files(lab):
    image = lab.append(None, {"a": "x" * 13, "b": "y" * 5000})
    shown = docker_stores.classic(image)
    assert (shown.id, shown.size) == (image.id, 5013)
    assert docker_stores.classic(mutate.compressed(image)) == shown, "compression is nothing to it"


def test_the_containerd_store_goes_by_the_manifest_and_counts_both(lab):
    """The numbers are those of containerd 1.6 with overlayfs on ext4, for these very layers."""
    image = lab.append(None, {"app/a.txt": "x" * 13, "app/big": "y" * 5000})
    image = lab.append(image, {"app/a.txt": None, "app/ln": Entry.symlink("big"), "z": "1"})
    assert [layer.size for layer in image.layers] == [8192, 3584]
    shown = docker_stores.containerd(image)
    assert shown.id == image.digest
    assert docker_stores.content_size(image) == 8192 + 3584 + len(image.config_bytes) + len(image.manifest_bytes)
    assert docker_stores.unpacked_size(image) == 20480 + 12288
    assert shown.size == docker_stores.content_size(image) + 32768
    packed = docker_stores.containerd(mutate.compressed(image))
    assert packed.id != shown.id and packed.size < shown.size


def test_a_hard_link_takes_its_blocks_once(lab):
    same = Entry.file(b"x" * 9000)
    assert docker_stores.unpacked_size(lab.append(None, {"a": same, "b": same})) == 4096 * (1 + 3)


def test_an_empty_image_takes_only_its_json(lab):
    assert docker_stores.containerd(lab.scratch).size == len(lab.scratch.config_bytes) + len(lab.scratch.manifest_bytes)


def test_the_usage_of_two_images_counts_what_they_share_once(lab):
    base = lab.append(None, {"base": "x" * 5000})
    one, two = lab.append(base, {"a": "1"}), lab.append(base, {"b": "2"})
    sizes = [docker_stores.containerd(image).size for image in (one, two)]
    shared = base.layers[0].size + 4096 * 3
    nobody = docker_stores.containerd_usage([one, two, one])
    assert [(row.size, row.shared, row.unique) for row in nobody.images] == [(n, shared, n - shared) for n in sizes]
    assert (nobody.size, nobody.active, nobody.reclaimable) == (sum(sizes) - shared, 0, sum(sizes) - 2 * shared)
    used = docker_stores.containerd_usage([one, two], frozenset({one.digest}))
    assert (used.size, used.active, used.reclaimable) == (nobody.size, 1, sizes[1] - shared)
    assert docker_stores.containerd_usage([]).size == 0


def test_the_usage_of_one_config_under_two_manifests_is_that_of_two_images(lab):
    image = lab.append(None, {"a": "x" * 5000})
    packed = mutate.compressed(image)
    usage = docker_stores.containerd_usage([image, packed])
    assert len(usage.images) == 2
    new = packed.layers[0].size + len(packed.manifest_bytes)
    assert usage.size == docker_stores.containerd(image).size + new, "they share the config and the unpacked layer"
