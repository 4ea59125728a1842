"""Archives put together by hand, with Python's tarfile, gzip and hashlib and nothing of imagelab.

So imagelab's readers are judged by bytes that its writers had no part in. Every part of an archive can be
replaced by a wrong one: that is how the bad archives are made.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import tarfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

EMPTY_LAYER = "sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef"  # 1,024 zero bytes

Member = tuple[tarfile.TarInfo, bytes]
Files = dict[str, bytes]  # an archive before it becomes a tar
BLOCK = 512

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_INDEX = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"
DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"


# Tars ---------------------------------------------------------------------------------------------------------


def member(name: str, kind: bytes = tarfile.REGTYPE, data: bytes = b"", **fields: Any) -> Member:
    """One entry; `fields` are attributes of TarInfo (mode, uid, linkname, pax_headers, …)."""
    info = tarfile.TarInfo(name)
    info.type, info.size = kind, len(data)
    for key, value in fields.items():
        setattr(info, key, value)
    return info, data


def file(name: str, data: bytes = b"data", **fields: Any) -> Member:
    return member(name, data=data, **fields)


def folder(name: str, **fields: Any) -> Member:
    return member(name, tarfile.DIRTYPE, **{"mode": 0o755, **fields})


def symlink(name: str, target: str, **fields: Any) -> Member:
    return member(name, tarfile.SYMTYPE, linkname=target, **fields)


def hard_link(name: str, target: str, **fields: Any) -> Member:
    return member(name, tarfile.LNKTYPE, linkname=target, **fields)


def tar(*members: Member, format: int = tarfile.PAX_FORMAT, **options: Any) -> bytes:
    """A tar as Python writes it: `options` are those of TarFile (pax_headers, encoding, …)."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=format, **options) as archive:
        for info, data in members:
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def sealed(header: bytes) -> bytes:
    """A header block with its checksum made right."""
    total = sum(header[:148]) + 8 * 32 + sum(header[156:BLOCK])
    return header[:148] + b"%06o\0 " % total + header[156:]


def patched(data: bytes, at: int, new: bytes, block: int = 0) -> bytes:
    """A tar in which the header that is its block number `block` has other bytes at `at`, and a right checksum."""
    start = block * BLOCK
    header = data[start : start + BLOCK]
    header = header[:at] + new + header[at + len(new) :]
    return data[:start] + sealed(header) + data[start + BLOCK :]


# Images -------------------------------------------------------------------------------------------------------


def digest(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def blob(data: bytes) -> str:
    """Where a layout keeps these bytes."""
    return f"blobs/sha256/{hashlib.sha256(data).hexdigest()}"


def dump(value: object) -> bytes:
    """JSON, spaced and ordered as nothing in imagelab would: only bytes as they came can keep its digest."""
    return json.dumps(value, indent=1).encode() + b"\n"


def config(*diff_ids: str, **more: Any) -> bytes:
    """An image's config; anything in it can be replaced, and None leaves a key out."""
    value = {
        "architecture": "amd64",
        "os": "linux",
        "created": "2020-02-02T02:02:02.020202Z",
        "config": {"Cmd": ["/bin/sh"]},
        "rootfs": {"type": "layers", "diff_ids": list(diff_ids)},
        "history": [{"created_by": f"step {number}"} for number, _ in enumerate(diff_ids)],
        **more,
    }
    return dump({key: item for key, item in value.items() if item is not None})


def descriptor(data: bytes, media_type: str, **more: Any) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": digest(data), "size": len(data), **more}


def inflated(layer: bytes) -> bytes:
    return gzip.decompress(layer) if layer.startswith(b"\x1f\x8b") else layer


def manifest(config: bytes, layers: Sequence[bytes], /, **more: Any) -> bytes:
    """The manifest of a config and some layers; anything in it can be replaced."""
    described = [descriptor(layer, OCI_LAYER + ("+gzip" if layer.startswith(b"\x1f\x8b") else "")) for layer in layers]
    return dump(
        {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": descriptor(config, OCI_CONFIG),
            "layers": described,
            **more,
        }
    )


def index(*descriptors: Mapping[str, Any], **more: Any) -> bytes:
    return dump({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": list(descriptors), **more})


def named(data: bytes, name: str | None, media_type: str = OCI_MANIFEST, **more: Any) -> dict[str, Any]:
    """The descriptor of a manifest under a whole name, as containerd writes it."""
    if name:
        tag = name.rpartition(":")[2]
        annotations = {"io.containerd.image.name": name, "org.opencontainers.image.ref.name": tag}
        more = {"annotations": annotations, **more}
    return descriptor(data, media_type, **more)


def docker_archive(*layers: bytes, config_bytes: bytes | None = None, tags: Sequence[str] | None = ("app:1",)) -> Files:
    """What `docker save` wrote before Docker 25: a folder per layer, and manifest.json."""
    made = config(*(digest(inflated(layer)) for layer in layers)) if config_bytes is None else config_bytes
    paths = [f"{hashlib.sha256(b'%d' % number + layer).hexdigest()}/layer.tar" for number, layer in enumerate(layers)]
    name = f"{digest(made)[7:]}.json"
    contents = [{"Config": name, "RepoTags": None if tags is None else list(tags), "Layers": paths}]
    return {**dict(zip(paths, layers, strict=True)), name: made, "manifest.json": dump(contents)}


def oci_layout(
    *layers: bytes, config_bytes: bytes | None = None, manifest_bytes: bytes | None = None,
    name: str | None = "docker.io/library/app:1",
) -> Files:  # fmt: skip
    """An OCI image layout with one image."""
    made = config(*(digest(inflated(layer)) for layer in layers)) if config_bytes is None else config_bytes
    outer = manifest(made, layers) if manifest_bytes is None else manifest_bytes
    return {
        "oci-layout": b'{"imageLayoutVersion": "1.0.0"}',
        "index.json": index(named(outer, name)),
        **{blob(data): data for data in (outer, made, *layers)},
    }


def both(*layers: bytes, **options: Any) -> Files:
    """What `docker save` writes since Docker 25: an OCI layout, and a manifest.json that names the same blobs."""
    files = oci_layout(*layers, **options)
    made = options.get("config_bytes") or config(*(digest(inflated(layer)) for layer in layers))
    contents = [{"Config": blob(made), "RepoTags": ["app:1"], "Layers": [blob(layer) for layer in layers]}]
    return {**files, "manifest.json": dump(contents)}


FORMATS: dict[str, Callable[..., Files]] = {"docker 20": docker_archive, "oci": oci_layout, "docker 25": both}


def packed(files: Mapping[str, bytes], **options: Any) -> bytes:
    """The archive as one tar."""
    return tar(*(file(name, data) for name, data in files.items()), **options)


def tight(data: bytes) -> bytes:
    """A tar with just the two blocks of zeros at its end that it needs; Python writes up to twenty."""
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        last = archive.getmembers()[-1]
    used = last.offset_data + last.size
    return data[: used + -used % BLOCK] + bytes(2 * BLOCK)


def written(files: Mapping[str, bytes], where: Path) -> Path:
    """The archive as a folder."""
    for name, data in files.items():
        (where / name).parent.mkdir(parents=True, exist_ok=True)
        (where / name).write_bytes(data)
    return where


# Stores -------------------------------------------------------------------------------------------------------


def snapshot(home: Path) -> dict[str, object]:
    """All that a folder holds, exactly: every path, what it is, and the bytes of every file."""
    found: dict[str, object] = {}
    for path in sorted(home.rglob("*")):
        name = str(path.relative_to(home))
        if path.is_symlink():
            found[name] = ("link", os.readlink(path))
        elif path.is_dir():
            found[name] = "folder"
        else:
            found[name] = path.read_bytes()
    return found
