"""docker save's table of contents: `manifest.json` lists images, each with its config, its layers in order, its tags.

Implements moby's image/tarexport (load.go), since docker 1.10. Keys are read in any case, as Go does.
"""

from __future__ import annotations

import re

from ..errors import Invalid
from ..golang import json_fields
from ..oci.digest import Digest
from ..oci.manifest import Json, is_parent, parse_list
from .archive import Archive
from .candidates import Candidate, Left, references

TABLE = "manifest.json"


def listed(archive: Archive, left: list[Left]) -> list[Candidate]:
    """The images that manifest.json lists, still without manifests; raises Invalid."""
    contents = parse_list(archive.json(TABLE, TABLE), TABLE, json_fields.ARCHIVED)
    for item in contents:
        if not isinstance(item.get("Layers"), list | None) or not isinstance(item.get("RepoTags"), list | None):
            raise Invalid("manifest.json: Layers and RepoTags must be lists")
        if not isinstance(item.get("Parent"), str | None):
            raise Invalid("manifest.json: Parent must be an image ID, as a text")
    images = [_image(archive, item, left) for item in contents]
    _check_parents(images)
    return images


def _image(archive: Archive, item: Json, left: list[Left]) -> Candidate:
    name = item.get("Config")
    config = archive.json(name, "the config named in manifest.json")
    claimed = re.search(r"[0-9a-f]{64}", str(name))
    if claimed and claimed[0] != Digest.of(config).hex:
        why = f"says that its digest is sha256:{claimed[0]}, but it is {Digest.of(config)}"
        if str(name).startswith("blobs/"):  # there a name is a promise
            raise Invalid(f"the config's name {why}")
        left.append(Left(f"the config's name {str(name)[:100]!r}", f"it {why}, which is the image ID"))
    image = Candidate(b"", config, [], parent=item.get("Parent") or "", kept_manifest=False)
    paths = item.get("Layers") or []
    if len(paths) != len(image.diff_ids):
        raise Invalid(f"manifest.json lists {len(paths)} layers, and the config {len(image.diff_ids)} diffIDs")
    image.layers = [archive.file(path, f"layer {number}") for number, path in enumerate(paths, 1)]
    tags = item.get("RepoTags") or []
    names = references(tags)
    image.add_names(names, {*map(str, tags), *(name.tag for name in names if name.tag)})
    return image


def _check_parents(images: list[Candidate]) -> None:
    """Forget parents that are not in the archive, as docker does; raises Invalid for one that cannot be it."""
    configs = {image.id: image.parsed for image in images}
    for image in images:
        parent = configs.get(Digest(image.parent))
        if parent is None or image.parent == image.id:
            image.parent = ""
        elif not is_parent(parent, configs[image.id]):
            if parent.get("history") or configs[image.id].get("history"):
                raise Invalid(f"image {image.parent} is not a valid parent for {image.id}: their histories differ")
            image.parent = ""  # docker takes it; but with nothing to tell which was first, they could form a circle
