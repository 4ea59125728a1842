"""Transport: one HTTP request to a registry, with time limits, retries and redirects, on urllib3.

urllib3's own redirects and retries are off: a redirect to another host must not take the credentials along, and never
leads from https to http; which failures are worth another attempt is decided here. Bodies come as they are on the wire,
so that they can be hashed. `~/.netrc` is never read.

Follows RFC 9110 (redirection, Retry-After) and RFC 9112.
"""

from __future__ import annotations

import random
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ...errors import LabError
from ...shown import Displayed
from .failure import Stopped, Unreachable, unreachable, why_cut
from .urls import origin, redirected, retry_after

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse

    from .trust import Trust

MOST_REDIRECTS = 5
MOST_ERROR = 64 << 10  # bytes of an error's body that are read
PIECE = 1 << 18  # bytes read and sent at a time
RETRIED = (408, 429, 500, 502, 503, 504)
REDIRECTS = (301, 302, 303, 307, 308)

part: ContextVar[int] = ContextVar("part", default=0)  # which part of a transfer this thread works on

Body = bytes | Callable[[], Iterable[bytes]]


@dataclass(frozen=True, slots=True)
class Limits:
    """How long to wait, in seconds, and how often to try.

    `read` is the longest silence; a body that brings fewer than `slowest` bytes per second over that time is given up.
    `wait` is the longest Retry-After that is kept to, `deadline` the time for one request with all its attempts, but
    for its body.
    """

    connect: float = 10.0
    read: float = 60.0
    attempts: int = 4
    backoff: float = 0.5
    wait: float = 30.0
    deadline: float = 180.0
    slowest: int = 512


@dataclass(frozen=True, slots=True)
class Request(Displayed):
    """One request that was answered: `sent` and `received` are bytes of bodies.

    `path` is a whole URL, without its query, where it is not on the registry's own host.
    """

    method: str
    path: str
    status: int
    sent: int
    received: int


@dataclass(slots=True)
class _Line:
    """A request in the log, whose numbers grow until its answer has been read."""

    method: str
    path: str
    status: int
    sent: int = 0
    received: int = 0
    part: int = 0


class Answer:
    """A response whose body has not been read yet: `read` or `pieces` does, and `close` ends it in any case."""

    def __init__(self, response: BaseHTTPResponse, url: str, line: _Line, transport: Transport) -> None:
        self._response, self._line, self._transport = response, line, transport
        self._limits = transport.limits
        self.url, self.status = url, response.status
        self.headers: Mapping[str, str] = response.headers

    def pieces(self) -> Iterator[bytes]:
        """The body's bytes as they come; raises Unreachable where they break off or come too slowly, and Stopped."""
        import urllib3.exceptions

        since, count = time.monotonic(), 0
        self._transport.reading.add(self)
        try:
            while piece := self._response.read1(PIECE, decode_content=False):
                self._line.received += len(piece)
                if self._transport.stop.is_set():
                    raise Stopped("given up")
                count += len(piece)
                if (now := time.monotonic()) - since > self._limits.read:
                    if count < self._limits.slowest * (now - since):
                        words = f"{self.url}: the body comes too slowly: {count:,} bytes in {now - since:.0f} s"
                        raise Unreachable(words)
                    since, count = now, 0
                yield piece
        except (urllib3.exceptions.HTTPError, OSError) as error:
            if self._transport.stop.is_set():
                raise Stopped("given up") from None
            raise Unreachable(f"{self.url}: {why_cut(error)}") from None
        finally:
            self._transport.reading.discard(self)
            self.close()

    def read(self, most: int) -> bytes:
        """The whole body; raises Unreachable where it breaks off, and LabError for over `most` bytes."""
        data = b""
        for piece in self.pieces():
            data += piece
            if len(data) > most:
                raise LabError(f"{self.url}: the body has more than {most:,} bytes")
        return data

    def beginning(self) -> bytes:
        """What can be had of an error's body; never raises."""
        data = b""
        try:
            for piece in self.pieces():
                data += piece
                if len(data) > MOST_ERROR:
                    break
        except Unreachable:
            pass
        return data[:MOST_ERROR]

    def abort(self) -> None:
        """Let whoever reads the body wait no longer."""
        sock = getattr(getattr(self._response, "connection", None), "sock", None)
        if sock is not None:
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def finish(self) -> None:
        """Read the little that is left, so that the connection can be used again."""
        self.beginning()

    def close(self) -> None:
        """End the answer; a connection with bytes left in it is closed, another one used again."""
        if self._response.closed or not getattr(self._response, "length_remaining", None):
            self._response.release_conn()
        else:
            self._response.close()


@dataclass(slots=True)
class Transport:
    """Makes requests to one registry and where it redirects to; any number of threads may share it.

    `lines` are the requests that were answered. After `give_up` every thread ends with Stopped.
    """

    trust: Trust
    limits: Limits = field(default_factory=Limits)
    lines: list[_Line] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)
    reading: set[Answer] = field(default_factory=set)

    def requests(self) -> tuple[Request, ...]:
        """The requests that were answered so far: those of one `part` together, in order."""
        lines = sorted(self.lines, key=lambda line: line.part)
        return tuple(Request(line.method, line.path, line.status, line.sent, line.received) for line in lines)

    def give_up(self) -> None:
        """Make all threads end soon, those too that wait for bytes of a body."""
        self.stop.set()
        for answer in list(self.reading):
            answer.abort()

    def close(self) -> None:
        """Close all connections."""
        self.trust.close()

    def request(
        self, method: str, url: str, *, headers: Mapping[str, str] | None = None, authorization: str = "",
        body: Body | None = None, length: int | None = None, retry: bool = True, home: str = "",
    ) -> Answer:  # fmt: skip
        """The answer to a request, whatever its status, after redirects and retries.

        `body` is bytes, or makes them anew for each attempt; of a `length` that is known, or else chunked. The
        `authorization` goes to the URL's own scheme, host and port alone. Raises Unreachable where there is no answer,
        and LabError for a redirect that is not followed.
        """
        ends = time.monotonic() + self.limits.deadline
        attempt = 1
        while True:
            try:
                answer = self._follow(method, url, headers or {}, authorization, body, length, home or url)
            except Unreachable as error:
                if not (retry and error.again and attempt < self.limits.attempts):
                    raise
                pause = self._backoff(attempt)
            else:
                if not (retry and answer.status in RETRIED and attempt < self.limits.attempts):
                    return answer
                wanted = retry_after(answer.headers.get("Retry-After"))
                if wanted is not None and wanted > self.limits.wait:
                    return answer  # longer than anyone should wait without being told
                pause = max(self._backoff(attempt), wanted or 0.0)
                if time.monotonic() + pause > ends:
                    return answer
                answer.finish()
            if time.monotonic() + pause > ends:
                raise Unreachable(f"{url}: no answer within {self.limits.deadline:.0f} s", again=False)
            self._wait(pause)
            attempt += 1

    def pause(self, attempt: int) -> None:
        """Wait before another attempt; raises Stopped."""
        self._wait(self._backoff(attempt))

    def _wait(self, seconds: float) -> None:
        if self.stop.wait(seconds):
            raise Stopped("given up")

    def _backoff(self, attempt: int) -> float:
        """Twice as long each time, and never the same for two clients that were refused together."""
        longest = min(self.limits.backoff * 2 ** min(attempt - 1, 20), self.limits.wait)
        return float(longest * random.uniform(0.5, 1.0))

    def _follow(
        self, method: str, url: str, headers: Mapping[str, str], authorization: str, body: Body | None,
        length: int | None, home: str,
    ) -> Answer:  # fmt: skip
        first = origin(url)
        for _ in range(MOST_REDIRECTS + 1):
            sent = {**headers, "Accept-Encoding": "identity", "User-Agent": _user_agent()}
            if authorization and origin(url) == first:
                sent["Authorization"] = authorization
            answer = self._once(method, url, sent, body, length, home)
            where = answer.headers.get("Location")
            if answer.status not in REDIRECTS or where is None or method in ("POST", "PATCH"):
                return answer
            answer.finish()
            url = redirected(url, where)
            if answer.status == 303 and method != "HEAD":
                method, body, length = "GET", None, None
        raise LabError(f"{url}: more than {MOST_REDIRECTS} redirects: the registry sends its clients round in a circle")

    def _once(
        self, method: str, url: str, headers: dict[str, str], body: Body | None, length: int | None, home: str
    ) -> Answer:
        import urllib3
        import urllib3.exceptions

        if self.stop.is_set():
            raise Stopped("given up")
        line = _Line(method, _shown_path(url, home), 0, part=part.get())
        pieces: bytes | Iterator[bytes] | None = body if isinstance(body, bytes) else None
        if callable(body):
            pieces = self._counted(body(), line)
        if length is not None:
            headers["Content-Length"] = str(length)
        timeout = urllib3.Timeout(connect=self.limits.connect, read=self.limits.read)
        try:
            response = self.trust.pool(url).urlopen(
                method, url, body=pieces, headers=headers, retries=False, redirect=False, timeout=timeout,
                preload_content=False, decode_content=False, chunked=callable(body) and length is None,
            )  # fmt: skip
        except (urllib3.exceptions.HTTPError, OSError, UnicodeError) as error:
            raise unreachable(method, url, error, self.limits.connect, self.limits.read) from None
        if isinstance(body, bytes):
            line.sent = len(body)
        line.status = response.status
        self.lines.append(line)
        return Answer(response, url, line, self)

    def _counted(self, pieces: Iterable[bytes], line: _Line) -> Iterator[bytes]:
        for piece in pieces:
            if self.stop.is_set():
                raise Stopped("given up")
            line.sent += len(piece)
            yield piece


def _shown_path(url: str, home: str) -> str:
    """A URL in the log; another host's query may hold a signature, so it is left out."""
    parts = urlsplit(url)
    if origin(url) == origin(home):
        return parts.path + (f"?{parts.query}" if parts.query else "")
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _user_agent() -> str:
    from ... import __version__

    return f"imagelab/{__version__}"
