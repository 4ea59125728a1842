"""A registry that answers from a thread, and a client that shows every byte of an answer."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from imagelab.registry.server.repositories import Registry
from imagelab.registry.server.server import Server


@dataclass
class Answer:
    """A status, headers and a body."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes


@dataclass
class Client:
    """One connection for each request; `headers` go with all of them."""

    server: Server
    headers: dict[str, str] = field(default_factory=dict)

    def __call__(self, method: str, path: str, body: object = None, **headers: str) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=30)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body, {**self.headers, **named})  # type: ignore[arg-type]
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        return Answer(answer.status, answer.headers, body)


@pytest.fixture
def server(tmp_path) -> Iterator[Server]:
    with Server(Registry(tmp_path / "registry")).in_thread() as server:
        yield server


@pytest.fixture
def ask(server) -> Client:
    return Client(server)
