"""Archives that do not add up: each is refused in one line that says what is wrong, and the store is as it was.

"As it was" is exact: every path and every byte of the store's folder, before and after.
"""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import os
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import zstandard
from hypothesis import example, given, settings
from hypothesis import strategies as st

from imagelab import Lab
from imagelab.errors import LabError
from imagelab.host.disk import unpack
from unit.archives import (
    BLOCK,
    FORMATS,
    OCI_CONFIG,
    OCI_INDEX,
    OCI_LAYER,
    OCI_MANIFEST,
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
    snapshot,
    symlink,
    tar,
    tight,
    written,
)

GOOD = tar(folder("etc"), file("etc/motd", b"hello\n" * 100))
ELSE = digest(b"something else")
A_CONFIG = config(digest(GOOD))


@pytest.fixture(scope="module")
def furnished() -> Lab:
    """A lab that has something to lose: the same base layer, and the name that the archives want.

    One for all tests, since each leaves it as it was, or fails.
    """
    lab = Lab.temporary(epoch=0)
    lab.append(None, {"old": b"old"}, tag="app:1")
    lab.load(io.BytesIO(packed(docker_archive(GOOD, tags=["other:1"]))))
    return lab


def refused(lab: Lab, archive: bytes | Path, phrase: str, **limits: int) -> None:
    """Load it: a LabError in one readable line that holds the phrase, and not a byte of the store changed."""
    before = snapshot(lab.home)
    with pytest.raises(LabError) as caught:
        lab.load(archive if isinstance(archive, Path) else io.BytesIO(archive), **limits)
    printed = str(caught.value)
    assert phrase in printed
    assert printed.isprintable() and 10 < len(printed) < 600, "one line, for people"
    assert snapshot(lab.home) == before
    assert lab.verify() == []


# What a layer may not hold --------------------------------------------------------------------------------------

LAYERS: dict[str, tuple[bytes | list[bytes], str]] = {
    "a name with NUL": (tar(file("x", pax_headers={"path": "a\0b"})), "NUL"),
    "a name longer than Linux takes": (tar(file("n/" * 2500 + "n")), "Linux takes 4096"),
    "too many directories in one path": (tar(file("n/" * 600 + "n")), "directories deep"),
    "a file where the root should be": (tar(file(".")), "root directory is described as something else"),
    "a file where '..' leads to the root": (tar(file("a/..")), "root directory is described as something else"),
    "a file called '/'": (tar(file("/")), "root directory is described as something else"),
    "a symlink where the root should be": (tar(symlink("./", "/")), "root directory"),
    "a symlink above the root": (tar(symlink("..", "/")), "root directory"),
    "a symlink to nothing": (tar(symlink("out", "")), "empty or damaged target"),
    "a symlink with NUL": (tar(symlink("a", "x", pax_headers={"linkpath": "b\0c"})), "empty or damaged target"),
    "a hard link to nowhere": (tar(hard_link("a", "nowhere")), "is no file of this image"),
    "a hard link out of the root": (tar(hard_link("a", "../../etc/passwd")), "'etc/passwd', which is no file of this"),
    "a hard link to a directory": (tar(folder("d"), hard_link("a", "d")), "only files can have two names"),
    "a hard link to a directory below": ([tar(folder("d")), tar(hard_link("a", "d"))], "no file of this image"),
    "a hard link to the root": (tar(folder("."), hard_link("a", ".")), "directory"),
    "a hard link to above the root": (tar(folder("/"), hard_link("a", "../..")), "directory"),
    "a hard link to itself": (tar(hard_link("a", "a")), "no file of this image"),
    "hard links in a circle": (tar(hard_link("a", "b"), hard_link("b", "a")), "no file of this image"),
    "a hard link to what was removed": ([tar(file("a")), tar(file(".wh.a", b"")), tar(hard_link("b", "a"))], "'a'"),
    "a whiteout of nothing": (tar(file(".wh.", b"")), "names nothing that could be removed"),
    "a whiteout of '.'": (tar(file("etc/.wh..", b"")), "names nothing that could be removed"),
    "a whiteout of '..'": (tar(file("etc/.wh...", b"")), "names nothing that could be removed"),
    "a whiteout of the root": (tar(file("etc/../.wh.", b"")), "names nothing that could be removed"),
    "a file in a whiteout": (tar(file("a/.wh.b/c")), "a directory whose name means a removal"),
    "a file in a file": (tar(file("a"), file("a/b")), "is a file, not a directory"),
    "a file in a file below": ([tar(file("a")), tar(file("a/b/c"))], "is a file, not a directory"),
    "a file through a link to a file": ([tar(file("a"), symlink("l", "a")), tar(file("l/b"))], "not a directory"),
    "a file through a loop of links": (tar(symlink("a", "b"), symlink("b", "a"), file("a/x")), "a loop?"),
    "a sparse file": (patched(tar(file("a")), 156, b"S"), "sparse file"),
    "a type of entry nobody knows": (patched(tar(file("a")), 156, b"M"), "unknown type"),
    "a cut tar": (tar(file("a", b"x" * 2000))[:1500], "is truncated"),
    "a damaged header": (tar(file("a"), file("b"))[:1024] + b"\1" * 512 + bytes(1024), "no tar header"),
    "a size below zero": (patched(tar(file("a")), 124, b"\xff" * 12), "size of -1"),
    "an owner that no system has": (patched(tar(file("a")), 108, b"\x80\0\0\1\0\0\0\0"), "belongs to user"),
    "something after the end": (tar(file("a"))[:1024] + bytes(512) + tar(file("b")), "there is more"),
    "no tar": (b"just text " * 100, "is not a tar archive"),
    "one byte": (b"\0", "is not a tar archive"),
}  # fmt: skip


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("wrong", LAYERS)
def test_layers(furnished, form, wrong):
    layers, phrase = LAYERS[wrong]
    refused(furnished, packed(FORMATS[form](*([layers] if isinstance(layers, bytes) else layers))), phrase)


ZSTD_LONG = zstandard.ZstdCompressor(
    compression_params=zstandard.ZstdCompressionParameters.from_level(1, window_log=27, enable_ldm=True)
).compressobj()
XZ_LARGE = lzma.compress(GOOD, filters=[{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 28}])
COMPRESSED: dict[str, tuple[bytes, str]] = {
    "cut gzip": (gzip.compress(GOOD)[:-9], "gzip data is truncated"),
    "cut gzip trailer": (gzip.compress(GOOD)[:-1], "gzip data is truncated"),
    "cut gzip header": (gzip.compress(GOOD)[:5], "gzip data is truncated"),
    "damaged gzip": (gzip.compress(GOOD)[:30] + b"\0\0\0\0" + gzip.compress(GOOD)[34:], "damaged gzip data"),
    "wrong gzip checksum": (gzip.compress(GOOD)[:-8] + b"\1\2\3\4" + gzip.compress(GOOD)[-4:], "incorrect data check"),
    "wrong gzip length": (gzip.compress(GOOD)[:-4] + b"\1\2\3\4", "incorrect length check"),
    "garbage after gzip": (gzip.compress(GOOD) + b"garbage", "damaged gzip data"),
    "a cut second gzip member": (gzip.compress(GOOD[:512]) + gzip.compress(GOOD[512:])[:-9], "gzip data is truncated"),
    "cut zstd": (zstandard.compress(GOOD)[:-3], "zstd data is truncated"),
    "cut zstd header": (zstandard.compress(GOOD)[:5], "zstd data is truncated"),
    "damaged zstd": (zstandard.compress(GOOD)[:12] + b"\xff" * 8 + zstandard.compress(GOOD)[20:], "damaged zstd data"),
    "garbage after zstd": (zstandard.compress(GOOD) + b"garbage", "damaged zstd data"),
    "zstd with a window of 128 MiB": (ZSTD_LONG.compress(GOOD) + ZSTD_LONG.flush(), "over 32 MiB"),
    "cut bzip2": (bz2.compress(GOOD)[:-9], "bzip2 data is truncated"),
    "cut bzip2 header": (bz2.compress(GOOD)[:5], "bzip2 data is truncated"),
    "damaged bzip2": (bz2.compress(GOOD)[:30] + bytes(9) + bz2.compress(GOOD)[39:], "damaged bzip2 data"),
    "garbage after bzip2": (bz2.compress(GOOD) + b"garbage", "damaged bzip2 data"),
    "cut xz": (lzma.compress(GOOD)[:-9], "xz data is truncated"),
    "cut xz header": (lzma.compress(GOOD)[:8], "xz data is truncated"),
    "damaged xz": (lzma.compress(GOOD)[:40] + bytes(9) + lzma.compress(GOOD)[49:], "damaged xz data"),
    "garbage after xz": (lzma.compress(GOOD) + b"garbage, and more of it", "damaged xz data"),
    "xz with a dictionary of 256 MiB": (XZ_LARGE, "over 100 MiB of memory: recompress"),
    "xz in xz": (lzma.compress(lzma.compress(GOOD)), "or no tar"),
    "gzip in gzip": (gzip.compress(gzip.compress(GOOD)), "or no tar"),
    "gzip of no tar": (gzip.compress(b"text" * 1000), "no tar header"),
}  # fmt: skip


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("wrong", COMPRESSED)
def test_compressed_layers(furnished, form, wrong):
    layer, phrase = COMPRESSED[wrong]
    outer = {"manifest_bytes": manifest(A_CONFIG, [], layers=[descriptor(layer, OCI_LAYER + "+gzip")])}
    files = FORMATS[form](layer, config_bytes=A_CONFIG, **({} if form == "docker 20" else outer))
    refused(furnished, packed(files), phrase)


# What an archive may not be -------------------------------------------------------------------------------------

PACKED = packed(both(GOOD))
ARCHIVES: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "holds no image"),
    "an empty tar": (bytes(10240), "holds no image"),
    "a tar of something else": (tar(file("README")), "holds no image"),
    "only oci-layout": (tar(file("oci-layout", b'{"imageLayoutVersion":"1.0.0"}')), "holds no image"),
    "only index.json": (tar(file("index.json", index())), "holds no image"),
    "before docker 1.10": (tar(file("repositories", b"{}"), folder("x")), "older than 1.10"),
    "text": (b"<!DOCTYPE html>" * 100, "no tar header at byte 0"),
    "short text": (b"hello", "truncated"),
    "cut": (PACKED[: len(PACKED) // 2], "truncated"),
    "cut gzip": (gzip.compress(PACKED)[:-9], "gzip data is truncated"),
    "cut gzip in the middle": (gzip.compress(PACKED)[:400], "truncated"),
    "cut zstd": (zstandard.compress(PACKED)[:-9], "zstd data is truncated"),
    "wrong gzip checksum": (gzip.compress(PACKED)[:-8] + b"\1\2\3\4" + gzip.compress(PACKED)[-4:], "data check"),
    "damage after the end of the tar": (gzip.compress(PACKED) + b"garbage", "damaged gzip"),
    "cut bzip2": (bz2.compress(PACKED)[:-9], "bzip2 data is truncated"),
    "cut xz": (lzma.compress(PACKED)[:-9], "xz data is truncated"),
    "a name with NUL": (tar(file("x", pax_headers={"path": "a\0b"})), "NUL"),
    "an unknown type": (patched(PACKED, 156, b"M"), "unknown type"),
    "files in files": (tar(file("index.json"), file("index.json/x")), "holds no image"),
}  # fmt: skip


@pytest.mark.parametrize("wrong", ARCHIVES)
def test_archives(furnished, wrong):
    refused(furnished, *ARCHIVES[wrong])


DEEP = b'{"a":' * 100_000 + b"1" + b"}" * 100_000
JSONS: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "is not JSON"),
    "no JSON": (b"{not json", "is not JSON"),
    "cut JSON": (b'{"a":', "is not JSON"),
    "two JSONs": (b"{}{}", "is not JSON"),
    "bytes that are no UTF-8": (b'{"a":"\xff"}', "is not JSON"),
    "UTF-16": ('{"a":1}'.encode("utf-16"), "is not JSON"),
    "a byte order mark": (b"\xef\xbb\xbf{}", "is not JSON"),
    "NaN": (b'{"a":NaN}', "is not JSON"),
    "a number of 5,000 digits": (b'{"a":' + b"9" * 5000 + b"}", "is not JSON"),
    "a text": (b'"text"', "is JSON, but not"),
    "null": (b"null", "is JSON, but not"),
    "deep JSON": (b'{"a":' * 70 + b"1" + b"}" * 70, "nested more than 64 deep"),
    "very deep JSON": (DEEP, "deep"),
    "very deep lists": (b"[" * 100_000 + b"]" * 100_000, "deep"),
    "JSON that never closes": (b"[" * 200_000, "JSON"),
    "huge JSON": (b'{"a":"' + b"x" * (5 << 20) + b'"}', "too many for JSON"),
    "JSON of a million objects": (b"[" + b"{}," * 1_000_000 + b"{}]", "entries"),
}  # fmt: skip


@pytest.mark.parametrize("wrong", JSONS)
@pytest.mark.parametrize("where", ["oci-layout", "index.json", "manifest.json", "manifest", "config", "docker config"])
def test_json(furnished, where, wrong):
    data, phrase = JSONS[wrong]
    if where == "manifest.json":
        files = {**docker_archive(GOOD), where: data}
    elif where == "manifest":
        files = oci_layout(GOOD, manifest_bytes=data)
    elif where == "config":
        files = oci_layout(GOOD, config_bytes=data)
    elif where == "docker config":
        files = docker_archive(GOOD, config_bytes=data)
    else:
        files = {**oci_layout(GOOD), where: data}
    refused(furnished, packed(files), phrase)


# OCI: descriptors, indexes, manifests ---------------------------------------------------------------------------


def layout(index_bytes: bytes, *blobs: bytes) -> Files:
    return {**oci_layout(GOOD), "index.json": index_bytes, **{blob(data): data for data in blobs}}


def outer(**changes: Any) -> Files:
    """A layout whose manifest differs so."""
    return oci_layout(GOOD, manifest_bytes=manifest(A_CONFIG, [GOOD], **changes))


def entry(**changes: Any) -> Files:
    """A layout whose one descriptor in index.json differs so."""
    return layout(index({**named(manifest(A_CONFIG, [GOOD]), "docker.io/library/app:1"), **changes}))


def nested(value: bytes, **changes: Any) -> Files:
    """A layout whose index.json leads to an index."""
    return layout(index({**named(value, "docker.io/library/app:1", OCI_INDEX), **changes}), value)


def chain(length: int) -> Files:
    """Indexes that lead to indexes."""
    blobs = [manifest(A_CONFIG, [GOOD])]
    for number in range(length):
        blobs.append(index(named(blobs[-1], None, OCI_INDEX if number else OCI_MANIFEST)))
    return layout(index(named(blobs[-1], None, OCI_INDEX)), *blobs)


IMAGE = manifest(A_CONFIG, [GOOD])
A_LAYER = descriptor(GOOD, OCI_LAYER)
TWO_IN_ONE = dump({**json.loads(IMAGE), "manifests": [named(IMAGE, None)]})
OCI: dict[str, tuple[Files, str]] = {
    "a layout of version 2": ({**oci_layout(GOOD), "oci-layout": b'{"imageLayoutVersion":"2.0.0"}'}, "'2.0.0'"),
    "a layout of no version": ({**oci_layout(GOOD), "oci-layout": b"{}"}, "version None"),
    "an index without manifests": (layout(b'{"schemaVersion":2}'), "no list of 'manifests'"),
    "an index of texts": (layout(b'{"schemaVersion":2,"manifests":["x"]}'), "no list of 'manifests'"),
    "an index of nothing": (layout(index()), "lists no image"),
    "an image without digest": (entry(digest=None), "is not a digest"),
    "an image whose digest is no text": (entry(digest=["sha256:"]), "is not a digest"),
    "an image whose digest is a path": (entry(digest="sha256:../../../../etc/passwd"), "is not a digest"),
    "an image by sha512": (entry(digest="sha512:" + "a" * 128), "SHA-512"),
    "an image whose digest has upper case": (entry(digest=digest(IMAGE).upper()), "is not a digest"),
    "an image that is not there": (entry(digest=ELSE), "is not there"),
    "an image of another size": (entry(size=1), "says that it has 1 bytes"),
    "an image of no size": (entry(size=None), "says that it has None bytes"),
    "an image whose size is a text": (entry(size=str(len(IMAGE))), "bytes"),
    "an image whose size is endless": (entry(size=list(range(9999))), "says that it has [0, 1, 2"),
    "an image whose annotations are a text": (entry(annotations="app:1"), "annotations that are no object"),
    "an image whose name is a number": (entry(annotations={"io.containerd.image.name": 7}), "must be a string"),
    "an image whose name is none": (entry(annotations={"io.containerd.image.name": "No Name"}), "wrongly"),
    "an image that is a layer": (layout(index(named(GOOD, None))), "is not JSON"),
    "an image that is a config": (layout(index(named(A_CONFIG, None))), "is not an OCI or docker v2 manifest"),
    "a blob that is not what its name says": (
        {**oci_layout(GOOD), blob(IMAGE): IMAGE + b" "}, "says that its digest is"),
    "a config that is not what its name says": (
        {**oci_layout(GOOD), blob(A_CONFIG): A_CONFIG + b" "}, "says that its digest is"),
    "a layer that is not what its name says": ({**oci_layout(GOOD), blob(GOOD): tar()}, "says that its digest is"),
    "a manifest that is an index too": (layout(index(named(TWO_IN_ONE, None)), TWO_IN_ONE), "it must be"),
    "an index that is a manifest too": (nested(TWO_IN_ONE), "it must be"),
    "an index that is said to be a manifest": (
        layout(index(named(index(named(IMAGE, None)), None)), index(named(IMAGE, None))), "it must be"),
    "a manifest that is said to be an index": (nested(IMAGE), "it must be"),
    "an index in an index in an index …": (chain(7), "more than four indexes"),
    "an index of attestations only": (
        nested(index(named(IMAGE, None, platform={"os": "unknown", "architecture": "unknown"}))), "lists no image"),
    "an index whose platform is a text": (nested(index(named(IMAGE, None, platform="linux"))), "platform"),
    "an index of nothing in the index": (nested(index()), "lists no image"),
    "schema 1": (outer(schemaVersion=1), "is not an OCI or docker v2 manifest"),
    "schema '2'": (outer(schemaVersion="2"), "is not an OCI or docker v2 manifest"),
    "a manifest of unknown type": (outer(mediaType="application/x-unknown"), "'application/x-unknown'"),
    "a manifest whose type is a list": (outer(mediaType=[OCI_MANIFEST]), "is not an OCI or docker v2 manifest"),
    "a manifest without layers": (outer(layers=None), "no list of layers"),
    "a manifest with 501 layers": (outer(layers=[A_LAYER] * 501), "over 500"),
    "a manifest whose layers are texts": (outer(layers=["x"]), "layer 1 is not a descriptor"),
    "a manifest without config": (outer(config=None), "config is not a descriptor"),
    "a config of unknown type": (outer(config=descriptor(A_CONFIG, "application/vnd.unknown+json")), "vnd.unknown"),
    "a helm chart": (outer(config=descriptor(A_CONFIG, "application/vnd.cncf.helm.config.v1+json")), "helm"),
    "a config whose type is a list": (outer(config=descriptor(A_CONFIG, [OCI_CONFIG])), "media type"),
    "a config that is a layer": (outer(config={**descriptor(GOOD, OCI_CONFIG)}), "is not JSON"),
    "a layer of unknown type": (outer(layers=[descriptor(GOOD, "text/plain")]), "'text/plain'"),
    "a layer whose type is an object": (outer(layers=[descriptor(GOOD, {})]), "media type"),
    "a layer that is encrypted": (outer(layers=[descriptor(GOOD, OCI_LAYER + "+encrypted")]), "+encrypted"),
    "a layer that lies elsewhere": (
        outer(layers=[descriptor(GOOD, "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip")]), "foreign"),
    "a layer that is not there": (outer(layers=[{**A_LAYER, "digest": ELSE}]), "is not there"),
    "a layer whose digest is short": (outer(layers=[{**A_LAYER, "digest": "sha256:abc"}]), "is not a digest"),
    "a layer of another size": (outer(layers=[{**A_LAYER, "size": 7}]), "says that it has 7 bytes"),
    "a layer of a size below zero": (outer(layers=[{**A_LAYER, "size": -1}]), "size '-1'"),
    "a layer whose size is true": (outer(layers=[{**A_LAYER, "size": True}]), "size 'True'"),
    "a layer whose size is a fraction": (outer(layers=[{**A_LAYER, "size": len(GOOD) + 0.5}]), "expected a number"),
    "a layer more than diffIDs": (outer(layers=[A_LAYER, A_LAYER]), "2 layers, and the config 1 diffIDs"),
    "a layer less than diffIDs": (outer(layers=[]), "0 layers, and the config 1 diffIDs"),
}  # fmt: skip


@pytest.mark.parametrize("wrong", OCI)
def test_oci(furnished, wrong):
    files, phrase = OCI[wrong]
    refused(furnished, packed(files), phrase)


@pytest.mark.parametrize("wrong", OCI)
def test_oci_folder(furnished, wrong, tmp_path):
    """The same, not packed."""
    files, phrase = OCI[wrong]
    refused(furnished, written(files, tmp_path / "layout"), phrase)


# Configs --------------------------------------------------------------------------------------------------------

CONFIGS: dict[str, tuple[bytes, str]] = {
    "no rootfs": (config(rootfs=None), "no rootfs"),
    "a rootfs that is a text": (config(rootfs="layers"), "no rootfs"),
    "a rootfs of another type": (config(rootfs={"type": "ostree", "diff_ids": []}), "no rootfs of type 'layers'"),
    "diffIDs that are a text": (config(rootfs={"type": "layers", "diff_ids": digest(GOOD)}), "must be lists"),
    "diffIDs that are numbers": (config(rootfs={"type": "layers", "diff_ids": [1]}), "diffID 1 '1' is not a digest"),
    "another diffID": (config(ELSE), "but the config says " + ELSE),
    "a diffID too many": (config(digest(GOOD), digest(GOOD)), "2 diffIDs"),
    "no diffID": (config(history=None), "0 diffIDs"),
    "501 diffIDs": (config(*[digest(GOOD)] * 501), "500 layers are the most"),
    "a history that is a text": (config(digest(GOOD), history="made"), "must be lists"),
    "a history of texts": (config(digest(GOOD), history=["made"]), "not a list of records"),
    "a history of other layers": (config(digest(GOOD), history=[{}, {}]), "the history tells of 2 layers"),
    "empty_layer as a text": (config(digest(GOOD), history=[{"empty_layer": "false"}]), "true or false"),
    "created_by as a list": (config(digest(GOOD), history=[{"created_by": ["x"]}]), "not a list of records"),
    "created as a number": (config(digest(GOOD), created=1), "'created' must be a text"),
    "architecture as a list": (config(digest(GOOD), architecture=["amd64"]), "'architecture' must be a text"),
    "config as a list": (config(digest(GOOD), config=["Cmd"]), "'config' must be an object"),
    "Env as a text": (config(digest(GOOD), config={"Env": "A=1"}), "config.Env"),
    "Env of numbers": (config(digest(GOOD), config={"Env": [1]}), "config.Env"),
    "User as a number": (config(digest(GOOD), config={"User": 0}), "config.User"),
    "Labels as a list": (config(digest(GOOD), config={"Labels": ["a=b"]}), "config.Labels"),
    "Labels of numbers": (config(digest(GOOD), config={"Labels": {"a": 1}}), "config.Labels"),
    "Volumes as a list": (config(digest(GOOD), config={"Volumes": ["/data"]}), "config.Volumes"),
}  # fmt: skip


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("wrong", CONFIGS)
def test_configs(furnished, form, wrong):
    made, phrase = CONFIGS[wrong]
    refused(furnished, packed(FORMATS[form](GOOD, config_bytes=made)), phrase)


# docker-archive -------------------------------------------------------------------------------------------------


def contents(*items: object, config_bytes: bytes = A_CONFIG, **files: bytes) -> Files:
    """A docker-archive with this manifest.json, a config at `c.json` and a layer at `l.tar`."""
    return {"c.json": config_bytes, "l.tar": GOOD, **files, "manifest.json": dump(list(items))}


def item(**changes: Any) -> Files:
    return contents({"Config": "c.json", "RepoTags": ["app:1"], "Layers": ["l.tar"], **changes})


DOCKER: dict[str, tuple[Files, str]] = {
    "null": ({**item(), "manifest.json": b"null"}, "not a list of objects"),
    "a list of texts": (contents("app:1"), "not a list of objects"),
    "an object": ({**item(), "manifest.json": b'{"Config":"c.json"}'}, "not a list of objects"),
    "no config": (item(Config=None), "which is not a path"),
    "a config that is a list": (item(Config=["c.json"]), "which is not a path"),
    "a config outside": (item(Config="../../etc/passwd"), "'..'"),
    "an absolute config": (item(Config="/etc/passwd"), "is not there"),
    "a config that is not there": (item(Config="d.json"), "is not there"),
    "a config that is a layer": (item(Config="l.tar"), "is not JSON"),
    "a config that is a blob of another digest": (
        contents({"Config": f"blobs/sha256/{ELSE[7:]}", "Layers": ["l.tar"]}, **{f"blobs/sha256/{ELSE[7:]}": A_CONFIG}),
        "the config's name says that its digest is " + ELSE),
    "a layer outside": (item(Layers=["../l.tar"]), "'..'"),
    "a layer outside, from the top": (item(Layers=["/../l.tar"]), "'..'"),
    "a layer outside and inside again": (item(Layers=["x/../../l.tar"]), "'..'"),
    "a layer that is the archive": (item(Layers=[""]), "is not there"),
    "a layer that is not there": (item(Layers=["m.tar"]), "is not there"),
    "a layer that is a number": (item(Layers=[1]), "which is not a path"),
    "a layer that is a config": (item(Layers=["c.json"]), "is not a tar archive"),
    "a layer by a name with terminal codes": (item(Layers=["\x1b[2J\n"]), "is not there"),
    "a layer too many": (item(Layers=["l.tar", "l.tar"]), "2 layers, and the config 1 diffIDs"),
    "no layer": (item(Layers=None), "0 layers, and the config 1 diffIDs"),
    "layers as a text": (item(Layers="l.tar"), "must be lists"),
    "tags as a text": (item(RepoTags="app:1"), "must be lists"),
    "a tag that is a number": (item(RepoTags=[1]), "must be a string"),
    "a parent that is a number": (item(Parent=1), "Parent must be an image ID"),
    "a parent that cannot be it": (
        contents({"Config": "c.json", "Layers": ["l.tar"]},
                 {"Config": "d.json", "Layers": ["l.tar"], "Parent": digest(A_CONFIG)},
                 **{"d.json": config(digest(GOOD), author="me")}), "is not a valid parent for"),
    "a tag that is no name": (item(RepoTags=["App:1"]), "must be lowercase"),
    "a tag with terminal codes": (item(RepoTags=["a\x1b[2J\n:1"]), "wrongly"),
    "a second image that is bad": (
        contents({"Config": "c.json", "RepoTags": ["app:1"], "Layers": ["l.tar"]}, {"Config": "x"}), "is not there"),
}  # fmt: skip


@pytest.mark.parametrize("wrong", DOCKER)
def test_docker_archive(furnished, wrong):
    files, phrase = DOCKER[wrong]
    refused(furnished, packed(files), phrase)


@pytest.mark.parametrize(
    "link",
    [
        symlink("x/layer.tar", "../../../etc/passwd"),
        symlink("x/layer.tar", "/etc/passwd"),
        symlink("x/layer.tar", "layer.tar"),
        hard_link("x/layer.tar", "../../etc/passwd"),
        hard_link("x/layer.tar", "nowhere"),
        folder("x/layer.tar"),
        member("x/layer.tar", tarfile.FIFOTYPE),
    ],
    ids=lambda link: f"{link[0].type.decode()} {link[0].linkname}",
)
def test_a_layer_that_is_a_link_to_elsewhere(furnished, link):
    """Links in an archive lead to other files of the archive, and nowhere else."""
    made = dump([{"Config": "c.json", "RepoTags": ["app:1"], "Layers": ["x/layer.tar"]}])
    refused(furnished, tar(link, file("c.json", A_CONFIG), file("manifest.json", made)), "is not there")


# Folders --------------------------------------------------------------------------------------------------------


def test_a_folder_that_is_no_layout(furnished, tmp_path):
    refused(furnished, written({"a": b""}, tmp_path / "x"), "is not an OCI layout")
    refused(furnished, written(docker_archive(GOOD), tmp_path / "y"), "is not an OCI layout")


@pytest.mark.parametrize("name", ["index.json", "oci-layout", blob(GOOD), blob(A_CONFIG)])
def test_a_folder_with_a_link(furnished, tmp_path, name):
    """A symlink in a layout could lead anywhere on the machine."""
    where = written(oci_layout(GOOD), tmp_path / "layout")
    (where / name).rename(tmp_path / "outside")
    (where / name).symlink_to(tmp_path / "outside")
    refused(furnished, where, "is not a plain file")


def test_a_folder_with_a_pipe(furnished, tmp_path):
    """Reading it would wait for ever."""
    where = written(oci_layout(GOOD), tmp_path / "layout")
    os.mkfifo(where / "blobs" / "sha256" / "pipe")
    refused(furnished, where, "is not a plain file")


# Limits ---------------------------------------------------------------------------------------------------------


def test_the_limit_on_expansion(lab):
    """It counts what comes out of compression, outside and inside, and names the way past it."""
    bomb = gzip.compress(tar(file("zeros", bytes(20 << 20))))
    archive = packed(docker_archive(bomb))
    refused(lab, archive, "more than 1,000,000 bytes", limit=1_000_000)
    refused(lab, gzip.compress(archive + bytes(2_000_000)), "more than 1,000,000 bytes", limit=1_000_000)
    refused(lab, archive, "--limit", limit=20 << 20)
    [loaded] = lab.load(io.BytesIO(archive), limit=21 << 20)
    assert loaded.image.size == 20 << 20


def test_what_is_not_compressed_is_not_limited(lab):
    archive = packed(docker_archive(tar(file("zeros", bytes(2 << 20)))))
    assert lab.load(io.BytesIO(archive), limit=1000)


def test_the_limit_on_entries(lab):
    layer = tar(*(file(str(number), b"") for number in range(1000)))
    archive = packed(docker_archive(layer))
    refused(lab, archive, "more than 900 entries", limit_entries=900)
    assert lab.load(io.BytesIO(archive), limit_entries=1100)


MANY = {
    "directories nobody described": tar(*(file(f"{number}/a/b/c", b"") for number in range(100))),
    "long names": tar(*(file(f"{number}" + "n" * 250, b"") for number in range(100))),
    "long links": tar(*(symlink(str(number), "t" * 250) for number in range(100))),
    "attributes": tar(*(file(str(n), b"", pax_headers={"SCHILY.xattr.user.x": "v" * 250}) for n in range(100))),
    "whiteouts": tar(*(file(f".wh.{number}", b"") for number in range(400))),
    "one name again and again": tar(*(file("a", b"") for number in range(400))),
}


@pytest.mark.parametrize("what", MANY)
def test_what_takes_memory_counts(furnished, what):
    refused(furnished, packed(docker_archive(MANY[what])), "more than 400 entries", limit_entries=400)


def test_files_of_the_archive_count(furnished):
    files = {f"junk{number}": b"" for number in range(60)}
    refused(furnished, packed({**files, **docker_archive(GOOD)}), "more than 400 entries", limit_entries=400)


# Every byte and every cut ---------------------------------------------------------------------------------------

SMALL: dict[str, bytes] = {form: tight(packed(make(GOOD))) for form, make in FORMATS.items()}
SMALL["gzip"] = gzip.compress(SMALL["docker 25"], 9)
SMALL["zstd"] = zstandard.ZstdCompressor(write_checksum=True).compress(SMALL["docker 25"])
SMALL["gzip inside"] = tight(packed(docker_archive(gzip.compress(GOOD))))


def unchanged_or_whole(lab: Lab, data: bytes, before: dict[str, object]) -> None:
    """Either refused, and the store is as it was; or what came is the very image."""
    try:
        found = lab.load(io.BytesIO(data))
    except LabError as error:
        assert "\n" not in str(error)
        assert snapshot(lab.home) == before
    else:
        printed = any("which is the image ID" in str(left) for left in found.left)  # a config under another's name
        assert printed or [loaded.image.id for loaded in found] == [digest(A_CONFIG)]


@pytest.mark.parametrize("form", SMALL)
def test_cut_at_every_block(lab, form):
    """A download that stopped: at each 512 bytes, one byte before and one after.

    Three cuts of a tar leave a whole image: in the padding of the last file, after it, and in the zeros at the end.
    Docker takes them too; and of docker 25's two formats one just before manifest.json: Docker 29 reads index.json.
    """
    before = snapshot(lab.home)
    data = SMALL[form]
    taken = []
    for at in range(0, len(data), BLOCK):
        for cut in {max(at - 1, 0), at, at + 1}:
            try:
                lab.load(io.BytesIO(data[:cut]))
            except LabError:
                assert snapshot(lab.home) == before
            else:
                taken.append(cut)
                lab.rmi("app:1")
                before = snapshot(lab.home)
    zeros = [] if form in ("gzip", "zstd") else [len(data) - 1024, len(data) - 512]
    padding = [] if form in ("gzip", "zstd", "oci") else [len(data) - 1025]  # of oci the last file fills its blocks
    second_table = [data.index(b"manifest.json" + bytes(50))] if form == "docker 25" else []
    assert sorted(taken) == second_table + padding + zeros


@given(
    form=st.sampled_from(list(SMALL)),
    flips=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 7)), min_size=1, max_size=3),
)
def test_flipped_bits(form, flips):
    """A bad disk: up to three bits flipped anywhere."""
    lab = Lab.temporary(epoch=0)
    data = bytearray(SMALL[form])
    for where, bit in flips:
        data[min(int(where * len(data)), len(data) - 1)] ^= 1 << bit
    unchanged_or_whole(lab, bytes(data), snapshot(lab.home))


@given(
    form=st.sampled_from(list(SMALL)), start=st.floats(0, 1), length=st.integers(0, 3000), other=st.binary(max_size=600)
)
def test_pieces_cut_out_and_put_in(form, start, length, other):
    lab = Lab.temporary(epoch=0)
    data = SMALL[form]
    at = int(start * len(data))
    unchanged_or_whole(lab, data[:at] + other + data[at + length :], snapshot(lab.home))


@given(st.binary(max_size=2000))
@example(b"\x1f\x8b\x08\x00")
@example(b"\x28\xb5\x2f\xfd")
def test_noise(data):
    lab = Lab.temporary(epoch=0)
    before = snapshot(lab.home)
    with pytest.raises(LabError):
        lab.load(io.BytesIO(data))
    assert snapshot(lab.home) == before


# Nothing outside the root ---------------------------------------------------------------------------------------

OUTSIDE = "../outside"  # from the root of the unpacked image


def escapes(outside: str) -> dict[str, list[bytes]]:
    """Images that would reach `outside`, an absolute path, if paths were followed on the disk."""
    return {
        "a file through a link of a lower layer": [tar(symlink("etc", outside)), tar(file("etc/passwd", b"evil"))],
        "a file through a link of the same layer": [tar(symlink("etc", outside), file("etc/passwd", b"evil"))],
        "a file through two links": [
            tar(symlink("a", "/b"), symlink("b", outside)), tar(file("a/passwd", b"evil"))],
        "a directory over a link": [tar(symlink("etc", outside)), tar(folder("etc", mode=0o777), file("etc/passwd"))],
        "a file in the place of a link": [
            tar(symlink("passwd", outside + "/passwd")), tar(file("passwd", b"evil"))],
        "a whiteout through a link": [tar(symlink("etc", outside)), tar(file("etc/.wh.passwd", b""))],
        "an opaque whiteout through a link": [tar(symlink("etc", outside)), tar(file("etc/.wh..wh..opq", b""))],
        "a hard link through a link": [
            tar(symlink("etc", outside), folder("d"), file("d/f")), tar(hard_link("etc/link", "d/f"))],
        "attributes of a link": [tar(symlink("x", outside + "/passwd", mode=0o777, uid=4, gid=4, mtime=4))],
    }  # fmt: skip


@pytest.mark.parametrize("how", escapes(""))
def test_unpacking_stays_inside(lab, tmp_path, how):
    """The lower layers hold links to a folder beside the root: it keeps every byte, mode, owner and time."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "passwd").write_text("root")
    os.utime(outside / "passwd", (1, 1))
    os.utime(outside, (1, 1))

    def seen() -> tuple[object, ...]:
        return snapshot(outside), outside.stat(), (outside / "passwd").stat()

    before = seen()
    [loaded] = lab.load(io.BytesIO(packed(docker_archive(*escapes(str(outside))[how]))))
    unpack(loaded.image.tree(), tmp_path / "root")
    assert {path.name for path in tmp_path.iterdir()} == {"outside", "root"}
    after = seen()
    assert after[0] == before[0]
    for was, is_now in zip(before[1:], after[1:], strict=True):
        for field in ("st_mode", "st_uid", "st_gid", "st_nlink", "st_mtime_ns", "st_ctime_ns", "st_ino"):
            assert getattr(was, field) == getattr(is_now, field)


PATHS = st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=3).map("/".join)
OUT = "{outside}"  # stands for the folder outside until there is one
LEADS = st.one_of(PATHS, st.sampled_from([OUT, OUT + "/passwd", "/", ".", "/a", "a/..", "b/../c", "/../..", "c/./a"]))
ANYTHING = st.one_of(
    st.builds(lambda path: ("file", path, ""), PATHS),
    st.builds(lambda path: ("folder", path, ""), PATHS),
    st.builds(lambda path, target: ("symlink", path, target), PATHS, LEADS),
    st.builds(lambda path, target: ("hard link", path, target), PATHS, LEADS),
    st.builds(lambda path: ("file", "/".join([*path.split("/")[:-1], ".wh." + path.split("/")[-1]]), ""), PATHS),
    st.builds(lambda path: ("file", path + "/.wh..wh..opq", ""), PATHS),
)
MAKE: dict[str, Callable[[str, str], Member]] = {
    "file": lambda path, _: file(path, path.encode(), mtime=7),
    "folder": lambda path, _: folder(path, mtime=7),
    "symlink": lambda path, target: symlink(path, target, mtime=7),
    "hard link": lambda path, target: hard_link(path, target, mtime=7),
}


@settings(max_examples=60)
@given(st.lists(st.lists(ANYTHING, min_size=1, max_size=5), min_size=1, max_size=3))
def test_any_layers_unpack_inside(layers):
    """What lands on the disk is the tree that the image says it holds; the folder beside it stays as it was."""
    with tempfile.TemporaryDirectory() as place:
        outside = Path(place, "outside")
        outside.mkdir()
        (outside / "passwd").write_text("root")
        before = (snapshot(outside), (outside / "passwd").stat().st_nlink)
        made = [
            tar(*(MAKE[kind](path, target.replace(OUT, str(outside))) for kind, path, target in layer))
            for layer in layers
        ]
        lab = Lab(Path(place, "home"), epoch=0)
        try:
            [loaded] = lab.load(io.BytesIO(packed(docker_archive(*made))))
        except LabError as error:
            assert "\n" not in str(error)
            return
        unpack(loaded.image.tree(), Path(place, "root"))
        assert (snapshot(outside), (outside / "passwd").stat().st_nlink) == before
        assert {path.name for path in Path(place).iterdir()} == {"outside", "home", "root"}
        found = snapshot(Path(place, "root"))
        assert set(found) == set(loaded.image.tree()) - {""}
        for path, what in found.items():
            entry = loaded.image.tree()[path]
            expected = {"dir": "folder", "symlink": ("link", entry.link)}.get(entry.kind) or entry.read()
            assert what == expected


def test_a_hard_link_to_a_link_that_leads_outside(lab, tmp_path):
    """Both names are the link; the file outside gets no new name, and no reader follows it out."""
    (tmp_path / "passwd").write_text("root")
    target = str(tmp_path / "passwd")
    [loaded] = lab.load(io.BytesIO(packed(docker_archive(tar(symlink("a", target)), tar(hard_link("b", "a"))))))
    unpack(loaded.image.tree(), tmp_path / "root")
    assert os.readlink(tmp_path / "root" / "b") == target
    assert (tmp_path / "passwd").stat().st_nlink == 1
    with pytest.raises(LabError):
        loaded.image.read("b")


def test_reading_stays_inside(lab):
    """`cat` follows links inside the image's root: '/etc/passwd' is the image's own."""
    layer = tar(file("etc/passwd", b"mine"), symlink("abs", "/etc/passwd"), symlink("d/up", "../etc/passwd"))
    [loaded] = lab.load(io.BytesIO(packed(docker_archive(layer))))
    for path in ("abs", "d/up", "/abs", "../../../etc/passwd", "d/../../../../etc/passwd"):
        assert loaded.image.read(path) == b"mine"
