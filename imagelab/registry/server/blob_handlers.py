"""What the registry answers about blobs: sent whole or in part, and taken in one request, as a stream or in chunks.

Implements the distribution-spec v1.1: pulling blobs (with ranges), monolithic, streamed and chunked uploads, mounts.
"""

from __future__ import annotations

import asyncio
import re
from functools import partial

import tornado.web

from ..protocol import RegistryError, digest_of
from .handlers import Handler, brief, in_thread
from .uploads import Upload

CHUNK = 256 << 10  # bytes sent at a time
_RANGE = re.compile(r"(?:bytes[= ])?(\d*)-(\d*)(?:/.*)?")


class BlobHandler(Handler):
    """`/v2/<name>/blobs/<digest>`: sent in pieces, whole or a range of it."""

    async def get(self, name: str, digest: str) -> None:
        self.caption = f"Is {brief(digest)} there?" if self.request.method == "HEAD" else f"The blob {brief(digest)}?"
        repository = self.server.registry.repository(name)
        if not repository.has(digest_of(digest)):
            raise RegistryError(404, "BLOB_UNKNOWN", "blob unknown to registry", {"digest": digest})
        with open(self.server.registry.blob(digest), "rb") as file:
            size = file.seek(0, 2)
            start, end = self._range(size)
            self.set_header("Content-Type", "application/octet-stream")
            self.set_header("Docker-Content-Digest", digest)
            self.set_header("Etag", f'"{digest}"')
            self.set_header("Accept-Ranges", "bytes")
            self.set_header("Content-Length", str(end - start))
            if self.request.method == "HEAD":
                return
            file.seek(start)
            left = end - start
            while left and (piece := file.read(min(left, CHUNK))):
                left -= len(piece)
                self.sent += len(piece)
                self.write(piece)
                await self.flush()

    head = get

    def _range(self, size: int) -> tuple[int, int]:
        """The part that is asked for, from a byte to the one after the last; all of it without a Range."""
        header = self.request.headers.get("Range")
        if not header or self.request.method == "HEAD" or "," in header:
            return 0, size
        match = _RANGE.fullmatch(header.strip())
        first, last = match.groups() if match else ("", "")
        start = int(first) if first else max(0, size - int(last or 0))
        end = min(int(last) + 1, size) if first and last else size
        if not match or (not first and not int(last or 0)) or start >= end:
            message = f"the range {header[:40]!r} is not in a blob of {size:,} bytes"
            raise RegistryError(416, "RANGE_INVALID", message, headers={"Content-Range": f"bytes */{size}"})
        self.set_header("Content-Range", f"bytes {start}-{end - 1}/{size}")
        self.set_status(206)
        return start, end

    def delete(self, name: str, digest: str) -> None:
        self.caption = f"Forget {brief(digest)}"
        self.server.registry.known(name).disown(digest_of(digest))
        self.set_header("Content-Length", "0")
        self.set_status(202)


class Receiver(Handler):
    """Hashes and writes the bytes of an upload in another thread, while the next ones are read."""

    one: Upload | None = None
    writing: asyncio.Future[None] | None = None

    async def data_received(self, chunk: bytes) -> None:
        self.received += len(chunk)
        if self.writing is not None:
            await asyncio.wait([self.writing])
            if self.writing.exception():
                return  # `written` tells the client, which listens once it has sent all
        if self.one is not None:
            self.writing = asyncio.get_running_loop().run_in_executor(None, self.one.write, chunk)

    async def written(self) -> None:
        """Wait until all that came is written; raises RegistryError where the disk does not take it."""
        try:
            if self.writing is not None:
                await self.writing
        except OSError as error:
            assert self.one is not None
            self.one.discard()
            self.server.ended(self.one)
            raise RegistryError(500, "UNKNOWN", f"the registry cannot write: {str(error.strerror).lower()}") from None


@tornado.web.stream_request_body
class UploadsHandler(Receiver):
    """`POST /v2/<name>/blobs/uploads/` begins an upload; with `mount`, a blob of another repository is taken over."""

    async def prepare(self) -> None:
        await super().prepare()
        if self.request.method == "POST":
            self.name = self.server.registry.repository(self.path_args[0]).name
            if not self._mount():
                self.one = self.server.begin(self.name)

    def _mount(self) -> bool:
        digest, source = self.get_query_argument("mount", ""), self.get_query_argument("from", "")
        if not digest:
            return False
        if not self._readable(digest_of(digest), source):
            return False
        self.server.registry.repository(self.name).own(digest)
        self.caption = f"Take {brief(digest)} over" + (f" from {source}" if source else "")
        self.set_header("Location", f"/v2/{self.name}/blobs/{digest}")
        self.set_header("Docker-Content-Digest", digest)
        return True

    def _readable(self, digest: str, source: str) -> bool:
        """Whether the client could pull the blob from the repository that it names, or, naming none, from any."""
        accounts, registry = self.server.accounts, self.server.registry
        everyone = accounts is None or self.server.anonymous_pull
        if not source:
            return everyone and registry.blob(digest).exists()
        allowed = everyone or (accounts is not None and accounts.may_read(self.user, source))
        return allowed and registry.repository(source).has(digest)

    async def post(self, name: str) -> None:
        await self.written()
        self.set_header("Content-Length", "0")
        digest = self.get_query_argument("digest", "")
        if self.one is None:
            self.set_status(201)
        elif digest:
            self.caption = f"Here is {brief(digest)}"
            await _keep(self, self.one, self.name, digest)
        else:
            self.caption = "May I send a blob?"
            self.set_headers(_progress(self.name, self.one))
            self.set_status(202)

    def on_connection_close(self) -> None:
        if self.one is not None:
            self.one.discard()
            self.server.ended(self.one)


@tornado.web.stream_request_body
class UploadHandler(Receiver):
    """`/v2/<name>/blobs/uploads/<id>`: PATCH brings bytes, PUT the last ones and the digest, GET asks how many came."""

    async def prepare(self) -> None:
        await super().prepare()
        name, number = self.path_args
        self.one = self.server.upload(name, number)
        if self.request.method in ("PATCH", "PUT") and (header := self.request.headers.get("Content-Range")):
            match = _RANGE.fullmatch(header.strip())
            if not match or not match[1] or int(match[1]) != self.one.size:
                message = f"expected bytes from {self.one.size} on, not {header[:40]}"
                raise RegistryError(416, "RANGE_INVALID", message, headers=_progress(name, self.one))

    def get(self, name: str, number: str) -> None:
        assert self.one is not None
        self.caption = "How much of it has come?"
        self.set_headers(_progress(name, self.one))
        self.set_status(204)

    async def patch(self, name: str, number: str) -> None:
        assert self.one is not None
        await self.written()
        self.caption = "Here are bytes of a blob"
        self.set_headers(_progress(name, self.one))
        self.set_header("Content-Length", "0")
        self.set_status(202)

    async def put(self, name: str, number: str) -> None:
        assert self.one is not None
        await self.written()
        digest = self.get_query_argument("digest", "")
        self.caption = f"That was {brief(digest)}"
        await _keep(self, self.one, name, digest)
        self.set_header("Content-Length", "0")

    def delete(self, name: str, number: str) -> None:
        assert self.one is not None
        self.caption = "Give the upload up"
        self.one.discard()
        self.server.ended(self.one)
        self.set_status(204)


async def _keep(handler: Handler, upload: Upload, name: str, digest: str) -> None:
    """The end of an upload: its digest is proved, and the repository owns it."""
    try:
        await in_thread(partial(upload.keep, digest_of(digest)))
    except RegistryError:
        upload.discard()
        raise
    finally:
        handler.server.ended(upload)
    handler.server.registry.repository(name).own(digest)
    handler.set_header("Location", f"/v2/{name}/blobs/{digest}")
    handler.set_header("Docker-Content-Digest", digest)
    handler.set_status(201)


def _progress(name: str, upload: Upload) -> dict[str, str]:
    """Where an upload goes on (a relative Location, which holds behind any proxy), and how much of it has come."""
    location = f"/v2/{name}/blobs/uploads/{upload.id}"
    return {"Location": location, "Docker-Upload-UUID": upload.id, "Range": f"0-{max(0, upload.size - 1)}"}
