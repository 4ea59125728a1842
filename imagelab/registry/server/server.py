"""The registry's server: the HTTP API of the distribution-spec v1.1 over a `Registry` folder, on tornado.

Blobs are hashed and written as they arrive, and sent from the disk in pieces, so that memory stays flat whatever their
size. A client that begins with TLS on a plain port is answered at once, in words that docker knows: docker and skopeo
try https first, and would wait ten seconds. So is one that sends plain HTTP to an encrypted port.

Left out: chunked uploads that outlive the server, sparse indexes, schema 1 manifests, and token authentication (HTTP
Basic alone). One process, one folder: a class, not a department.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any

import tornado.httpserver
import tornado.iostream
import tornado.netutil
import tornado.web

from ..protocol import RegistryError
from .accounts import Accounts
from .blob_handlers import CHUNK, BlobHandler, UploadHandler, UploadsHandler
from .handlers import Catalog, Handler, ManifestHandler, Ping, Referrers, Request, Tags, Unknown
from .repositories import Registry
from .uploads import Upload

MOST_BLOB = 64 << 30
MOST_UPLOADS = 1000  # that are open at a time
IDLE = 3600.0  # seconds after which an upload that nobody goes on with is given up
LOG = 10_000  # requests that are remembered
TLS_HELLO = 0x16
NOT_TLS = b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTPS request to an HTTP server.\n"
NOT_PLAIN = b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n"
_ANY = r"([^?]*?)"


class Server:
    """A registry that listens on a port of this machine; `url` is where.

    With `accounts`, requests need a user and password (HTTP Basic), but for pulls if `anonymous_pull`. `tls` is a
    server-side context. Raises OSError for a port that cannot be had.
    """

    def __init__(
        self, registry: Registry, *, port: int = 0, host: str = "127.0.0.1", accounts: Accounts | None = None,
        anonymous_pull: bool = False, read_only: bool = False, tls: ssl.SSLContext | None = None,
    ) -> None:  # fmt: skip
        self.registry, self.accounts = registry, accounts
        self.anonymous_pull, self.read_only = anonymous_pull, read_only
        self.log: deque[Request] = deque(maxlen=LOG)
        self.uploads: dict[str, tuple[str, Upload, float]] = {}  # id → (repository, upload, when it was last used)
        self.in_flight: weakref.WeakSet[Handler] = weakref.WeakSet()
        self._sockets = tornado.netutil.bind_sockets(port, host)
        self.port: int = self._sockets[0].getsockname()[1]
        self.host = host
        self._tls = tls
        if tls is not None:
            tls.sslsocket_class = _TLSSocket
        self.url = f"{'https' if tls else 'http'}://{_in_url(host)}:{self.port}"
        self._http: tornado.httpserver.HTTPServer | None = None
        self._checks = ThreadPoolExecutor(1, "passwords")  # one: what it found out, the next in line need not

    def start(self) -> None:
        """Begin to answer, in the event loop that is running."""
        app = tornado.web.Application(_routes(), default_handler_class=Unknown, registry_server=self)
        app.settings["log_function"] = lambda handler: None
        self._http = _HTTPServer(
            app, ssl_options=self._tls, max_body_size=MOST_BLOB, max_buffer_size=4 * CHUNK, chunk_size=CHUNK,
            idle_connection_timeout=120, no_keep_alive=False,
        )  # fmt: skip
        self._http.add_sockets(self._sockets)

    async def stop(self) -> None:
        """Stop listening, and give up the uploads that are under way."""
        if self._http is not None:
            self._http.stop()
            await self._http.close_all_connections()
        for _, upload, _ in self.uploads.values():
            upload.discard()
        self.uploads.clear()
        self._checks.shutdown(cancel_futures=True)
        self.registry.close()

    async def serve(self) -> None:
        """Answer until the task is cancelled."""
        self.start()
        try:
            await asyncio.Event().wait()
        finally:
            await self.stop()

    @contextmanager
    def in_thread(self) -> Iterator[Server]:
        """Answer from a thread of this process while the block runs."""
        self.start_thread()
        try:
            yield self
        finally:
            self.stop_thread()

    def start_thread(self) -> None:
        """Answer from a thread of this process until `stop_thread`."""
        self.loop = loop = asyncio.new_event_loop()
        ready = threading.Event()

        async def run() -> None:
            self.start()
            ready.set()

        def main() -> None:
            asyncio.set_event_loop(loop)
            loop.run_until_complete(run())
            loop.run_forever()
            loop.close()

        self._thread = threading.Thread(target=main, name="imagelab registry", daemon=True)
        self._thread.start()
        ready.wait()

    def stop_thread(self, *, wait: bool = True) -> None:
        """End the thread; without `wait`, it ends soon. Idempotent."""

        def end() -> None:
            self._ending = self.loop.create_task(self.stop())  # a task that nobody holds may vanish
            self._ending.add_done_callback(lambda _: self.loop.stop())

        with suppress(RuntimeError):  # the loop is closed already
            self.loop.call_soon_threadsafe(end)
        if wait:
            self._thread.join(30)

    async def quiet(self) -> None:
        """Wait until the requests that are under way now are in the log, two seconds at most."""
        busy, ends = set(self.in_flight), time.monotonic() + 2.0
        while busy & set(self.in_flight) and time.monotonic() < ends:
            await asyncio.sleep(0.001)

    async def user_of(self, header: str) -> str:
        """The user whose password an Authorization header holds, or empty.

        Others are answered while bcrypt takes its time.
        """
        if self.accounts is None:
            return ""
        user = self.accounts.remembered(header)
        if user is not None:
            return user
        return await asyncio.get_running_loop().run_in_executor(self._checks, self.accounts.user_of, header)

    # Uploads ------------------------------------------------------------------------------------------------------

    def begin(self, repository: str) -> Upload:
        """Begin an upload; raises RegistryError TOOMANYREQUESTS where too many are open."""
        now = time.monotonic()
        for name, (_, upload, used) in list(self.uploads.items()):
            if now - used > IDLE:
                upload.discard()
                del self.uploads[name]
        if len(self.uploads) >= MOST_UPLOADS:
            raise RegistryError(429, "TOOMANYREQUESTS", f"{MOST_UPLOADS} uploads are open: try again later")
        upload = self.registry.upload()
        self.uploads[upload.id] = repository, upload, now
        return upload

    def upload(self, repository: str, name: str) -> Upload:
        """An upload that was begun in this repository; raises RegistryError BLOB_UPLOAD_UNKNOWN."""
        there, upload, _ = self.uploads.get(name, ("", None, 0.0))
        if upload is None or there != repository:
            raise RegistryError(404, "BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry", name)
        self.uploads[name] = repository, upload, time.monotonic()
        return upload

    def ended(self, upload: Upload) -> None:
        """Forget an upload that was kept or discarded."""
        self.uploads.pop(upload.id, None)


class _HTTPServer(tornado.httpserver.HTTPServer):
    """Answers a TLS ClientHello on a plain port with words, at once."""

    def handle_stream(self, stream: tornado.iostream.IOStream, address: Any) -> None:
        if self.ssl_options is None:
            stream.read_from_fd = partial(  # type: ignore[method-assign]
                _refuse_tls, stream, stream.read_from_fd
            )
        super().handle_stream(stream, address)


def _refuse_tls(
    stream: tornado.iostream.IOStream, read: Callable[[bytearray | memoryview], int | None], buffer: Any
) -> int | None:
    count = read(buffer)
    if count:
        stream.read_from_fd = read  # type: ignore[assignment]  # only the first byte can be TLS's
        if buffer[0] == TLS_HELLO:
            with suppress(OSError):
                stream.socket.send(NOT_TLS)
            return 0  # as if the client had closed
    return count


class _TLSSocket(ssl.SSLSocket):
    """Answers plain HTTP on an encrypted port with words, as Go's server does."""

    def do_handshake(self, block: bool = False) -> None:
        try:
            super().do_handshake(block)
        except ssl.SSLError as error:
            if error.reason == "HTTP_REQUEST":
                with suppress(OSError):
                    socket.socket.recv(self, CHUNK)  # unread bytes would cut the answer short
                    socket.socket.send(self, NOT_PLAIN)
            raise


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _routes() -> list[tuple[str, type[Handler]]]:
    return [
        (r"/v2/?", Ping),
        (r"/v2/_catalog", Catalog),
        (rf"/v2/{_ANY}/tags/list", Tags),
        (rf"/v2/{_ANY}/manifests/([^/]+)", ManifestHandler),
        (rf"/v2/{_ANY}/referrers/([^/]+)", Referrers),
        (rf"/v2/{_ANY}/blobs/uploads/?", UploadsHandler),
        (rf"/v2/{_ANY}/blobs/uploads/([^/]+)", UploadHandler),
        (rf"/v2/{_ANY}/blobs/([^/]+)", BlobHandler),
    ]
