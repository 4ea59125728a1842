"""A proxy for http and https (CONNECT) that remembers what it was asked, and leads every name to one port here.

Names that no DNS knows can so be reached, as from behind the proxy of a school.
"""

from __future__ import annotations

import base64
import http.client
import select
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Proxy:
    """`port` is where every name leads; with a `password`, who does not say `user:password` gets 407."""

    port: int
    password: str = ""
    asked: list[str] = field(default_factory=list)
    address: str = ""


@contextmanager
def proxy(port: int, password: str = "") -> Iterator[Proxy]:
    """A proxy on a free port of 127.0.0.1, until the block ends."""
    seen = Proxy(port, password)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def let_in(self) -> bool:
            seen.asked.append(f"{self.command} {self.path}")
            given = self.headers.get("Proxy-Authorization", "")
            expected = f"Basic {base64.b64encode(password.encode()).decode()}"
            if not password or given == expected:
                return True
            self.close_connection = True
            self.send_response(407)
            self.send_header("Proxy-Authenticate", 'Basic realm="school"')
            self.send_header("Content-Length", "0")
            self.end_headers()
            return False

        def do_CONNECT(self) -> None:
            if not self.let_in():
                return
            self.send_response(200)
            self.end_headers()
            self.close_connection = True
            with socket.create_connection(("127.0.0.1", port)) as there:
                ends = {self.connection: there, there: self.connection}
                while True:
                    for end in select.select(list(ends), [], [])[0]:
                        data = b""
                        with suppress(OSError):
                            data = end.recv(1 << 16)
                        if not data:
                            return
                        ends[end].sendall(data)

        def do_GET(self) -> None:
            if not self.let_in():
                return
            path = "/" + self.path.split("/", 3)[3]
            connection = http.client.HTTPConnection("127.0.0.1", port)
            headers = {name: value for name, value in self.headers.items() if not name.startswith("Proxy-")}
            connection.request(self.command, path, headers=headers)
            answer = connection.getresponse()
            body = answer.read()
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name not in ("Server", "Date"):
                    self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)
            connection.close()

        do_HEAD = do_GET

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        seen.address = f"127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield seen
        finally:
            server.shutdown()
