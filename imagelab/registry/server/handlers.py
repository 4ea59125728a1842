"""What the registry answers: the base of all handlers, and those of names, tags and manifests.

Implements the distribution-spec v1.1: pull, push, discovery and management of manifests, and its errors as JSON.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import tornado.iostream
import tornado.web

from ...oci.digest import Digest
from ...oci.manifest import INDEX
from ...store.taglog import clock
from ..protocol import MOST_MANIFEST, RegistryError, digest_of, is_digest, tag_of
from .repositories import Entry, Registry, Repository

if TYPE_CHECKING:
    from .server import Server

MOST_TAGS = 1000  # of one page
CHALLENGE = {"WWW-Authenticate": 'Basic realm="imagelab registry"'}


@dataclass(frozen=True, slots=True)
class Request:
    """One request that was answered: `received` and `sent` are bytes of bodies.

    `time` is when it came (RFC 3339), `digest` what the answer says is meant, "" for nothing.
    """

    method: str
    path: str
    status: int
    received: int
    sent: int
    user: str
    caption: str
    time: str = ""
    digest: str = ""


class Handler(tornado.web.RequestHandler):
    """What every answer has in common: errors as JSON, headers, access, and a line in the log."""

    server: Server
    caption = ""
    received = 0
    sent = 0
    user = ""

    def initialize(self) -> None:
        self.server = self.settings["registry_server"]
        self.server.in_flight.add(self)
        self.time = clock()

    def set_default_headers(self) -> None:
        self.clear_header("Content-Type")
        self.set_header("Server", "imagelab")
        self.set_header("Docker-Distribution-Api-Version", "registry/2.0")

    def compute_etag(self) -> None:
        return None

    async def prepare(self) -> None:
        """Check who asks, before a byte of the body is read."""
        writes = self.request.method not in ("GET", "HEAD", "OPTIONS")
        accounts = self.server.accounts
        if accounts is not None:
            self.user = await self.server.user_of(self.request.headers.get("Authorization", ""))
            ping = self.request.path.rstrip("/") == "/v2"
            if not self.user and (writes or ping or not self.server.anonymous_pull):
                raise RegistryError(401, "UNAUTHORIZED", "authentication required", headers=CHALLENGE)
            if writes and not accounts.may_write(self.user, self.repository_part()):
                raise RegistryError(403, "DENIED", "requested access to the resource is denied")
        if writes and self.server.read_only:
            raise RegistryError(405, "UNSUPPORTED", "this registry is read-only")

    def repository_part(self) -> str:
        """The repository's name in the path."""
        return str(self.path_args[0]) if self.path_args else ""

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        error = kwargs.get("exc_info", (None, None, None))[1]
        if isinstance(error, RegistryError):
            code, message, detail = error.code, str(error), error.detail
            self.set_headers(error.headers)
        elif isinstance(error, tornado.web.HTTPError):
            message = error.reason or HTTPStatus(status_code).phrase
            code, detail = {404: "NAME_UNKNOWN", 405: "UNSUPPORTED"}.get(status_code, "UNKNOWN"), None
        else:
            code, message, detail = "UNKNOWN", "the registry failed", None
        body = json.dumps({"errors": [{"code": code, "message": message, "detail": detail}]})
        self.set_header("Content-Type", "application/json")
        self.body(body.encode())

    def send_error(self, status_code: int = 500, **kwargs: Any) -> None:
        error = kwargs.get("exc_info", (None, None, None))[1]
        super().send_error(error.status if isinstance(error, RegistryError) else status_code, **kwargs)

    def log_exception(self, kind: Any, value: Any, trace: Any) -> None:
        if not isinstance(value, RegistryError | tornado.web.HTTPError | tornado.iostream.StreamClosedError):
            super().log_exception(kind, value, trace)

    def on_finish(self) -> None:
        path = self.request.uri or ""
        status = self.get_status()
        about = (self.user, self.caption, self.time, self._headers.get("Docker-Content-Digest", ""))
        self.server.log.append(Request(self.request.method or "", path, status, self.received, self.sent, *about))
        self.server.in_flight.discard(self)

    def json(self, value: object, content_type: str = "application/json") -> None:
        """Answer with JSON; a HEAD gets its headers alone."""
        body = json.dumps(value, separators=(",", ":")).encode()
        self.set_header("Content-Type", content_type)
        self.body(body)

    def set_headers(self, headers: Mapping[str, str]) -> None:
        """Set several headers of the answer."""
        for name, value in headers.items():
            self.set_header(name, value)

    def body(self, body: bytes) -> None:
        """Answer with bytes; a HEAD gets their number alone."""
        self.set_header("Content-Length", str(len(body)))
        if self.request.method == "HEAD":
            self.finish()
        else:
            self.sent = len(body)
            self.finish(body)


class Unknown(Handler):
    """Anything that is not a path of the API."""

    async def prepare(self) -> None:
        raise RegistryError(404, "NAME_UNKNOWN", "not a path of this registry: they begin with /v2/")


class Ping(Handler):
    """`GET /v2/`: is this a registry, and am I let in?"""

    def get(self) -> None:
        self.caption = "Is this a registry?"
        self.json({})

    head = get


class Catalog(Handler):
    """`GET /v2/_catalog`: the repositories."""

    def get(self) -> None:
        self.caption = "Which repositories are there?"
        names, link = _page(self, self.server.registry.names(), "/v2/_catalog")
        if link:
            self.set_header("Link", link)
        self.json({"repositories": names})


class Tags(Handler):
    """`GET /v2/<name>/tags/list`."""

    def get(self, name: str) -> None:
        self.caption = f"Which tags has {name}?"
        repository = self.server.registry.known(name)
        tags, link = _page(self, sorted(repository.tags), f"/v2/{name}/tags/list")
        if link:
            self.set_header("Link", link)
        self.json({"name": name, "tags": tags})


def _page(handler: Handler, items: list[str], path: str) -> tuple[list[str], str]:
    """The items that `n` and `last` ask for, and the Link to the next page, if there is one."""
    last, asked = handler.get_query_argument("last", ""), handler.get_query_argument("n", "")
    if asked and not asked.isdecimal():
        raise RegistryError(400, "PAGINATION_NUMBER_INVALID", f"n must be a number, not {asked[:20]!r}")
    most = min(int(asked), MOST_TAGS) if asked else MOST_TAGS
    rest = [item for item in items if item > last]
    shown = rest[:most]
    more = len(rest) > len(shown) and shown
    return shown, f'<{path}?n={most}&last={quote(shown[-1])}>; rel="next"' if more else ""


@tornado.web.stream_request_body
class ManifestHandler(Handler):
    """`/v2/<name>/manifests/<tag or digest>`."""

    async def prepare(self) -> None:
        await super().prepare()
        self.pieces: list[bytes] = []
        length = self.request.headers.get("Content-Length", "0")
        if length.isdecimal() and int(length) > MOST_MANIFEST:
            raise RegistryError(413, "SIZE_INVALID", f"a manifest has at most {MOST_MANIFEST:,} bytes")

    def data_received(self, chunk: bytes) -> None:
        self.received += len(chunk)
        if self.received > MOST_MANIFEST:
            raise RegistryError(413, "SIZE_INVALID", f"a manifest has at most {MOST_MANIFEST:,} bytes")
        self.pieces.append(chunk)

    def get(self, name: str, reference: str) -> None:
        self.caption = f"The manifest of {name}:{brief(reference)}?"
        repository = self.server.registry.known(name)
        digest = repository.resolve(reference)
        self.set_header("Content-Type", repository.manifests[digest].media_type)
        self.set_header("Docker-Content-Digest", digest)
        self.set_header("Etag", f'"{digest}"')
        self.body(repository.read(digest))

    head = get

    async def put(self, name: str, reference: str) -> None:
        data = b"".join(self.pieces)
        media_type = self.request.headers.get("Content-Type", "").partition(";")[0].strip()
        if is_digest(reference):
            digest, tags = digest_of(reference), self.get_query_arguments("tag")
        else:
            digest, tags = Digest.of(data), [tag_of(reference)]
        self.caption = f"Here is the manifest of {name}:{brief(reference)}"
        registry = self.server.registry
        entry = await in_thread(partial(_put, registry, name, data, media_type, digest, [tag_of(tag) for tag in tags]))
        if entry.subject:
            self.set_header("OCI-Subject", entry.subject)
        for tag in tags if is_digest(reference) else ():
            self.add_header("OCI-Tag", tag)
        self.set_header("Docker-Content-Digest", digest)
        self.set_header("Location", f"/v2/{name}/manifests/{digest}")
        self.set_header("Content-Length", "0")
        self.set_status(201)

    async def delete(self, name: str, reference: str) -> None:
        self.caption = f"Forget {name}:{brief(reference)}"
        repository = self.server.registry.known(name)
        await in_thread(partial(_remove, repository, reference))
        self.set_header("Content-Length", "0")
        self.set_status(202)


_writing = threading.Lock()  # of manifests: an index.json is read, changed and written as one step


def _put(registry: Registry, name: str, data: bytes, media_type: str, digest: str, tags: list[str]) -> Entry:
    with _writing:
        repository = registry.repository(name)
        entry = repository.put(data, media_type, digest, tags)
        registry.remember(repository)
        return entry


def _remove(repository: Repository, reference: str) -> None:
    with _writing:
        repository.remove(reference)


class Referrers(Handler):
    """`GET /v2/<name>/referrers/<digest>`: what was pushed about a manifest: signatures, SBOMs, attestations."""

    def get(self, name: str, digest: str) -> None:
        self.caption = f"What refers to {brief(digest)}?"
        kind = self.get_query_argument("artifactType", None)
        manifests = self.server.registry.repository(name).referrers(digest_of(digest), kind)
        if kind is not None:
            self.set_header("OCI-Filters-Applied", "artifactType")
        self.json({"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests}, INDEX)


async def in_thread(work: Callable[[], Any]) -> Any:
    """Do what waits for the disk, while other requests are answered."""
    return await asyncio.get_running_loop().run_in_executor(None, work)


def brief(reference: str) -> str:
    """A digest's first 12 digits, or a tag, for a caption."""
    return reference.partition(":")[2][:12] if is_digest(reference) else reference[:40]
