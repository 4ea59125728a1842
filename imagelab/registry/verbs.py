"""The verbs of registries, by name: push and pull of one tag or of all, login."""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import InvalidReference, LabError
from ..oci.reference import Reference
from ..store.store import Store
from . import pull as pulling
from . import push as pushing
from .client import Access, Client
from .connection.auth import Denied
from .connection.credentials import Account
from .transfer import Report, Transfer


def push(
    store: Store, name: str, access: Access, report: Report, *, all_tags: bool = False, compression: str = "gzip"
) -> Transfer:
    """Push the image of a tag, or with `all_tags` those of all tags here of a repository; raises as `push.push`."""
    reference = _parsed(name, all_tags)
    if reference.digest:
        raise InvalidReference(f"cannot push a digest reference: {name!r}: a push is to a tag, and gives the digest")
    tags = pushing.tags_of(store, reference) if all_tags else [reference.with_default_tag()]
    return _joined(
        reference, [pushing.push(store, tag, access, compression=compression, report=report) for tag in tags]
    )


def pull(
    store: Store, name: str, access: Access, report: Report, *, all_tags: bool = False, platform: str = ""
) -> Transfer:
    """Pull an image by tag or digest, or with `all_tags` those of all tags of a repository; raises as `pull.pull`."""
    reference = _parsed(name, all_tags)
    tags = pulling.tags_of(reference, access) if all_tags else [reference.with_default_tag()]
    return _joined(reference, [pulling.pull(store, tag, access, platform=platform, report=report) for tag in tags])


def login(host: str, account: Account, access: Access) -> None:
    """Check an account with a registry, and keep it; raises Denied, and then the account that was kept stays."""
    with Client(host, access, account) as client:
        client.connect()
        base = client.base
        failed = f"login attempt to {base}/v2/ failed with status: 401 Unauthorized"
        try:
            answer = client.ask("GET", "/v2/")
        except Denied as error:
            raise Denied(failed if client.auth.scheme == "basic" else error.words) from None
        if answer.status not in (200, 404):
            raise client.error(answer)
        answer.finish()
    if access.credentials is not None:
        access.credentials.store(host, account)


def _parsed(name: str, all_tags: bool) -> Reference:
    reference = Reference.parse(name)
    if all_tags and (reference.tag or reference.digest):
        raise LabError("tag can't be used with --all-tags/-a")
    return reference


def _joined(reference: Reference, done: Sequence[Transfer]) -> Transfer:
    """One transfer for several; its image and digest are those of the last."""
    last = done[-1]
    if len(done) == 1:
        return last
    return Transfer(
        last.verb, reference.familiar, last.digest, last.image, tuple(blob for one in done for blob in one.blobs),
        tuple(request for one in done for request in one.requests), any(one.newer for one in done),
    )  # fmt: skip
