"""Transport: one HTTP request to a registry, with time limits, retries and redirects, on urllib3.

urllib3's own redirects and retries are off: a redirect to another host must not take the credentials along, and never
leads from https to http; which failures are worth another attempt is decided here. Bodies come as they are on the wire,
so that they can be hashed. `~/.netrc` is never read.

Follows RFC 9110 (redirection, Retry-After) and RFC 9112.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from ...errors import LabError
from ...shown import Displayed

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


class Unreachable(LabError):
    """No answer, or one that broke off: `words` is what docker says, the message adds what to do next.

    `again` tells whether another attempt may help.
    """

    def __init__(self, words: str, hint: str = "", *, again: bool = True) -> None:
        super().__init__(f"{words}; {hint}" if hint else words)
        self.words, self.again = words, again


class Stopped(LabError):
    """Another part of the same transfer has failed, so this one was given up."""


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

    def __init__(self, response: BaseHTTPResponse, url: str, line: _Line, limits: Limits) -> None:
        self._response, self._line, self._limits = response, line, limits
        self.url, self.status = url, response.status
        self.headers: Mapping[str, str] = response.headers

    def pieces(self) -> Iterator[bytes]:
        """The body's bytes as they come; raises Unreachable where they break off or come too slowly."""
        import urllib3.exceptions

        since, count = time.monotonic(), 0
        try:
            while piece := self._response.read1(PIECE, decode_content=False):
                self._line.received += len(piece)
                count += len(piece)
                if (now := time.monotonic()) - since > self._limits.read:
                    if count < self._limits.slowest * (now - since):
                        words = f"{self.url}: the body comes too slowly: {count:,} bytes in {now - since:.0f} s"
                        raise Unreachable(words)
                    since, count = now, 0
                yield piece
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise Unreachable(f"{self.url}: {_why_cut(error)}") from None
        finally:
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

    `lines` are the requests that were answered. Set `stop` to make all threads give up.
    """

    trust: Trust
    limits: Limits = field(default_factory=Limits)
    lines: list[_Line] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)

    def requests(self) -> tuple[Request, ...]:
        """The requests that were answered so far: those of one `part` together, in order."""
        lines = sorted(self.lines, key=lambda line: line.part)
        return tuple(Request(line.method, line.path, line.status, line.sent, line.received) for line in lines)

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
            raise unreachable(method, url, error, self.limits) from None
        if isinstance(body, bytes):
            line.sent = len(body)
        line.status = response.status
        self.lines.append(line)
        return Answer(response, url, line, self.limits)

    def _counted(self, pieces: Iterable[bytes], line: _Line) -> Iterator[bytes]:
        for piece in pieces:
            if self.stop.is_set():
                raise Stopped("given up")
            line.sent += len(piece)
            yield piece


def origin(url: str) -> tuple[str, str, int]:
    """The scheme, host and port of a URL: what credentials are for."""
    parts = urlsplit(url)
    return parts.scheme, parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)


def redirected(url: str, location: str) -> str:
    """Where a Location leads; raises LabError for one that no client should follow."""
    try:
        target = urljoin(url, location)
        scheme, host, _ = origin(target)
    except ValueError:
        raise LabError(f"{url} redirects to {location[:80]!r}, which is not a URL") from None
    if scheme not in ("http", "https") or not host:
        raise LabError(f"{url} redirects to {location[:80]!r}: expected a URL with http or https")
    if scheme == "http" and urlsplit(url).scheme == "https":
        raise LabError(
            f"{url} redirects from https to {location[:80]!r}, which is not encrypted, so it was not followed; "
            "the registry's proxy should set X-Forwarded-Proto: https"
        )
    return target


def retry_after(value: str | None) -> float | None:
    """Seconds that a Retry-After, a number or a date, asks to wait; None for none, and for one that is neither."""
    if value is None:
        return None
    value = value.strip()
    if value.isascii() and value.isdigit():
        return float(value[:12])
    try:
        when = parsedate_to_datetime(value)
    except (TypeError, ValueError):
        return None
    if when.tzinfo is None:
        when = when.replace(tzinfo=UTC)
    return max(0.0, (when - datetime.now(UTC)).total_seconds())


def unreachable(method: str, url: str, error: Exception, limits: Limits) -> Unreachable:
    """Why there is no answer, in the words of Go's net/http, which docker prints."""
    import ssl

    import urllib3.exceptions as errors

    _, host, port = origin(url)
    where = f'{method.capitalize()} "{url}"'
    at = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    cause: BaseException = error
    while isinstance(cause, errors.ProxyError | errors.SSLError | errors.ProtocolError) and cause.args:
        inner = next((part for part in reversed(cause.args) if isinstance(part, BaseException)), None)
        if inner is None:
            break
        cause = inner
    if isinstance(error, errors.ProxyError):
        return Unreachable(f"{where}: proxyconnect tcp: {cause}", "HTTPS_PROXY and HTTP_PROXY name the proxy")
    if isinstance(cause, errors.NameResolutionError):
        words = f"{where}: dial tcp: lookup {host}: no such host"
        return Unreachable(words, "is the name right, and the network there?", again=False)
    if isinstance(cause, errors.ReadTimeoutError | TimeoutError):
        return Unreachable(f"{where}: net/http: timeout awaiting response headers", f"silence for {limits.read:g} s")
    if isinstance(cause, errors.NewConnectionError):
        system = cause.__cause__ or cause.__context__
        words = (getattr(system, "strerror", None) or str(system or cause)).lower()
        again = not isinstance(system, ConnectionRefusedError)
        return Unreachable(f"{where}: dial tcp {at}: connect: {words}", "is a registry running there?", again=again)
    if isinstance(cause, errors.ConnectTimeoutError):
        return Unreachable(f"{where}: dial tcp {at}: i/o timeout", f"it did not answer within {limits.connect:g} s")
    if isinstance(cause, ssl.SSLCertVerificationError):
        return Unreachable(
            f"{where}: x509: {certificate_words(cause, host)}",
            "give the CA that signed it: ca=…, SSL_CERT_FILE, or docker's certs.d/HOST/ca.crt", again=False,
        )  # fmt: skip
    if isinstance(cause, ssl.SSLError):
        if cause.reason in ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE"):
            words = f"{where}: http: server gave HTTP response to HTTPS client"
            hint = "name the host in IMAGELAB_INSECURE_REGISTRIES to speak http with it"
            return Unreachable(words, hint, again=False)
        return Unreachable(f"{where}: tls: {(cause.reason or str(cause)).lower().replace('_', ' ')}", again=False)
    return Unreachable(f"{where}: {_why_cut(cause)}")


def certificate_words(error: Exception, host: str) -> str:
    """Why a certificate is not trusted, in the words of Go's crypto/x509."""
    message = str(getattr(error, "verify_message", "") or error)
    if "mismatch" in message or "not valid for" in message:
        return f"certificate is not valid for {host}"
    if "expired" in message:
        return "certificate has expired or is not yet valid"
    return "certificate signed by unknown authority"


def _why_cut(error: BaseException) -> str:
    import urllib3.exceptions as errors

    if isinstance(error, errors.ReadTimeoutError | TimeoutError):
        return "the body broke off: silence until the time limit"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return "unexpected EOF"


def _shown_path(url: str, home: str) -> str:
    """A URL in the log; another host's query may hold a signature, so it is left out."""
    parts = urlsplit(url)
    if origin(url) == origin(home):
        return parts.path + (f"?{parts.query}" if parts.query else "")
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _user_agent() -> str:
    from ... import __version__

    return f"imagelab/{__version__}"
