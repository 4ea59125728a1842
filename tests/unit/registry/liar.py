"""A registry that lies: plain sockets that send exactly the bytes they are told to, and remember what was asked.

An honest one, too, over the same sockets, so that a test changes one answer of it and leaves the rest.
"""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from imagelab import Digest, Image

MANIFEST = "application/vnd.oci.image.manifest.v1+json"


@dataclass
class Asked:
    """A request: its headers have names in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes = b""


Answer = bytes | None  # what is sent as it is, and then the connection is closed; None: nothing, and it stays open
Rule = Callable[[Asked], Answer]


def http(status: int, body: bytes = b"", *, length: int | None = None, **headers: str) -> bytes:
    """The bytes of an answer, whose Content-Length is `length`, where that is given."""
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body) if length is None else length}", "Connection: close"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


@dataclass
class Liar:
    """Answers with the first of `rules` that gives something but NotImplemented, or honestly about one image."""

    image: Image
    rules: list[Rule] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    address: str = ""

    def __post_init__(self) -> None:
        self.blobs = {self.image.id: self.image.config_bytes}
        self.blobs |= {layer.digest: layer.blob().read() for layer in self.image.layers}
        self._open: list[socket.socket] = []

    @property
    def layer(self) -> Digest:
        """The digest of the image's last layer."""
        return self.image.layers[-1].digest

    def of_layer(self, rule: Rule) -> None:
        """Answer so when that layer is fetched."""
        self.rules.append(
            lambda asked: rule(asked) if asked.method == "GET" and str(self.layer) in asked.path else NotImplemented
        )

    def of_manifest(self, rule: Rule) -> None:
        """Answer so when the manifest is."""
        self.rules.append(lambda asked: rule(asked) if "/manifests/" in asked.path else NotImplemented)

    def honest(self, asked: Asked) -> bytes:
        """What a good registry says."""
        if asked.path == "/v2/":
            return http(200, b"{}")
        kind, _, reference = asked.path.removeprefix("/v2/app/").partition("/")
        if kind == "manifests" and reference in ("1", self.image.digest):
            data = self.image.manifest_bytes
            headers = {"Content_Type": MANIFEST, "Docker_Content_Digest": self.image.digest}
            return http(200, b"" if asked.method == "HEAD" else data, length=len(data), **headers)
        if kind == "blobs" and (data := self.blobs.get(Digest(reference))) is not None:
            if start := asked.headers.get("range", ""):
                first = int(start.removeprefix("bytes=").rstrip("-"))
                return http(206, data[first:], Content_Range=f"bytes {first}-{len(data) - 1}/{len(data)}")
            return http(200, data)
        error = {"errors": [{"code": "MANIFEST_UNKNOWN", "message": "manifest unknown"}]}
        return http(404, json.dumps(error).encode())

    def answer(self, asked: Asked) -> Answer:
        """What is sent."""
        self.asked.append(asked)
        for rule in self.rules:
            if (said := rule(asked)) is not NotImplemented:
                return said
        return self.honest(asked)

    def serve(self, connection: socket.socket) -> None:
        """Answer one request."""
        with suppress(OSError):
            file = connection.makefile("rb")
            method, _, rest = file.readline().decode("latin-1").partition(" ")
            path = rest.partition(" ")[0]
            headers: dict[str, str] = {}
            while line := file.readline().decode("latin-1").strip():
                name, _, value = line.partition(":")
                headers[name.lower()] = value.strip()
            body = file.read(int(headers.get("content-length", 0)))
            said = self.answer(Asked(method, path, headers, body))
            if said is not None:
                connection.sendall(said)
                connection.close()
                file.close()


@contextmanager
def lying(image: Image) -> Iterator[Liar]:
    """A registry at `liar.address`, until the block ends."""
    liar = Liar(image)
    listener = socket.create_server(("127.0.0.1", 0))
    liar.address = f"127.0.0.1:{listener.getsockname()[1]}"

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            liar._open.append(connection)
            threading.Thread(target=liar.serve, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield liar
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for connection in liar._open:
            connection.close()
