"""A connection that breaks: a relay in front of a registry, which breaks off after so many bytes of answers."""

from __future__ import annotations

import select
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class Relay:
    """Hands bytes on between its own port and a registry's, until `left` bytes of answers have passed; None: all.

    After that every connection is closed at once.
    """

    def __init__(self, upstream: str) -> None:
        host, _, port = upstream.rpartition(":")
        self._upstream = host, int(port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self.left: int | None = None
        self.passed = 0
        self._guard = threading.Lock()

    def serve(self) -> None:
        """Take connections until the listener is closed."""
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._relay, args=(client,), daemon=True).start()

    def close(self) -> None:
        """Stop."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _relay(self, client: socket.socket) -> None:
        with client, suppress(OSError), socket.create_connection(self._upstream) as server:
            while True:
                ready, _, _ = select.select([client, server], [], [])
                for one in ready:
                    data = one.recv(1 << 14)
                    if one is server:
                        data = self._allowed(data)
                    if not data:
                        return
                    (server if one is client else client).sendall(data)

    def _allowed(self, data: bytes) -> bytes:
        with self._guard:
            if self.left is not None:
                data = data[: self.left]
                self.left -= len(data)
            self.passed += len(data)
        return data


@contextmanager
def relay(upstream: str) -> Iterator[Relay]:
    """A relay that runs while the block does."""
    one = Relay(upstream)
    threading.Thread(target=one.serve, daemon=True).start()
    try:
        yield one
    finally:
        one.close()
