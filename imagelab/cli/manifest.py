"""`docker manifest inspect`: a manifest or index in its registry, which is not pulled.

Follows docker/cli (manifest/inspect.go), version 20.10.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

from ..errors import LabError, NotFound
from ..oci.manifest import DOCKER_INDEX, INDEX, Json, parse_json
from ..oci.reference import Reference
from .command import Session, fail, flag, say, verb
from .pull import access_of, words_of

if TYPE_CHECKING:
    from ..registry.client import Client


@verb("[MANIFEST_LIST] MANIFEST", takes=(1, 1))
@flag("--insecure", help="Allow communication with an insecure registry")
@flag("-v", "--verbose", help="Output additional info including layers and platform")
def inspect(session: Session, args: tuple[str, ...], insecure: bool, verbose: bool) -> None:
    """Display an image manifest, or manifest list."""
    from ..registry.client import Client

    reference = Reference.parse(args[0]).with_default_tag()
    access = access_of(session)
    if insecure:
        access = replace(access, insecure=(reference.domain,))
    try:
        with Client(reference.domain, access) as client:
            value = _described(client, reference, verbose)
    except NotFound:
        fail(f"no such manifest: {reference.familiar}")
    except LabError as error:
        fail(words_of(error))
    say(json.dumps(value, indent="\t" if verbose or "manifests" not in value else 3, ensure_ascii=False) + "\n")


def _described(client: Client, reference: Reference, verbose: bool) -> Json | list[Json]:
    wanted = reference.digest or reference.tag or "latest"
    top = client.manifest(reference.path, wanted, reference.familiar)
    value = parse_json(top.data, reference.familiar)
    if not verbose:
        return value
    if top.media_type not in (INDEX, DOCKER_INDEX):
        return _wrapped(client, reference, value, top.media_type, top.digest, len(top.data))
    entries = []
    for item in value.get("manifests") or []:
        one = client.manifest(reference.path, item["digest"], reference.familiar)
        inner = parse_json(one.data, reference.familiar)
        entry = _wrapped(client, reference.pinned(one.digest), inner, one.media_type, one.digest, len(one.data))
        entry["Descriptor"]["platform"] = item.get("platform") or entry["Descriptor"].get("platform")
        entries.append(entry)
    return entries


def _wrapped(client: Client, reference: Reference, value: Json, media_type: str, digest: str, size: int) -> Json:
    """A manifest with its name and descriptor; the platform comes from its config."""
    descriptor: Json = {"mediaType": media_type, "digest": digest, "size": size}
    config = value.get("config") or {}
    if "image" in str(config.get("mediaType")):
        answer, _ = client.blob(reference.path, str(config.get("digest")), config.get("size", 0))
        fields = parse_json(answer.read(4 << 20), "the config")
        keys = ("architecture", "os", "variant")
        descriptor["platform"] = {key: fields[key] for key in keys if fields.get(key)}
    kind = "SchemaV2Manifest" if "docker" in media_type else "OCIManifest"
    return {"Ref": reference.familiar, "Descriptor": descriptor, kind: value}
