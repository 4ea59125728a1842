"""Images that are pushed and pulled in tests, in files that every client reads."""

from __future__ import annotations

import json
from pathlib import Path

from imagelab import Lab
from imagelab.oci.digest import Digest
from imagelab.oci.image import Image

NAMES = "application/vnd.oci.image."
PLATFORMS = ("linux/amd64", "linux/arm64")


def shop(lab: Lab, menu: str = "soup 4\n", name: str = "shop:1.0") -> Image:
    """An image of two layers, the first of them shared by all that a lab makes here."""
    base = lab.append(None, {"kitchen.txt": "pot, pan, spoon\n" * 1000})
    return lab.append(base, {"menu.txt": menu}, name, created_by="COPY menu.txt /")


def archive(path: Path, menu: str = "soup 4\n") -> Path:
    """An archive that `docker load` reads, with the one name shop:1.0."""
    lab = Lab.temporary(epoch=0)
    shop(lab, menu)
    lab.save("shop:1.0", path)
    return path


def two_platforms(folder: Path) -> Path:
    """An OCI layout whose tag `both` is an index of two images: of linux/amd64 and of linux/arm64."""
    rows = []
    (folder / "blobs" / "sha256").mkdir(parents=True)

    def keep(data: bytes) -> str:
        digest = Digest.of(data)
        (folder / "blobs" / "sha256" / digest.partition(":")[2]).write_bytes(data)
        return digest

    for platform in PLATFORMS:
        lab = Lab.temporary(epoch=0, platform=platform)
        image = lab.append(None, {"shared.txt": "the same on both\n"})
        image = lab.append(image, {"platform.txt": f"{platform}\n"}, "shop:1.0")
        for data in (image.config_bytes, *(layer.open().read() for layer in image.layers)):
            keep(data)
        digest = keep(image.manifest_bytes)
        system, architecture = platform.split("/")
        rows.append({
            "mediaType": f"{NAMES}manifest.v1+json", "digest": digest, "size": len(image.manifest_bytes),
            "platform": {"os": system, "architecture": architecture},
        })  # fmt: skip
    index = json.dumps({"schemaVersion": 2, "mediaType": f"{NAMES}index.v1+json", "manifests": rows}).encode()
    entry = {
        "mediaType": f"{NAMES}index.v1+json", "digest": keep(index), "size": len(index),
        "annotations": {"org.opencontainers.image.ref.name": "both"},
    }  # fmt: skip
    (folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [entry]}))
    (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    return folder
