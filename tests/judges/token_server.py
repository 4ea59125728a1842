"""A token server, as docker-registry's token authentication asks for one: who comes with a password gets a token.

Implements distribution's docs/spec/auth/token.md and jwt.md. A user may push and pull under `USER/…`, everybody may
pull everything; a token may hold fewer actions than were asked for, silently, as the specification allows.
"""

from __future__ import annotations

import base64
import datetime
import json
import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

SECONDS = 300  # for which a token is good


@dataclass(frozen=True)
class Signer:
    """A key, and the certificate that a registry knows it by."""

    key: rsa.RSAPrivateKey
    certificate: x509.Certificate

    @classmethod
    def made(cls) -> Signer:
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "the teacher")])
        now = datetime.datetime.now(datetime.UTC)
        day = datetime.timedelta(days=1)
        builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        builder = builder.serial_number(x509.random_serial_number()).not_valid_before(now - day)
        return cls(key, builder.not_valid_after(now + day).sign(key, hashes.SHA256()))

    def write(self, path: Path) -> None:
        """Write the certificate for the registry's `rootcertbundle`."""
        path.write_bytes(self.certificate.public_bytes(serialization.Encoding.PEM))

    def token(self, user: str, service: str, access: list[dict[str, object]]) -> str:
        """A token that says what a user may do."""
        now = int(time.time())
        claims = {
            "iss": "the teacher", "sub": user, "aud": service, "access": access, "jti": uuid.uuid4().hex,
            "iat": now, "nbf": now - 5, "exp": now + SECONDS,
        }  # fmt: skip
        chain = base64.b64encode(self.certificate.public_bytes(serialization.Encoding.DER)).decode()
        return jwt.encode(claims, self.key, "RS256", headers={"x5c": [chain]})


@contextmanager
def token_server(signer: Signer, users: Mapping[str, str]) -> Iterator[str]:
    """Answer on a free port of 127.0.0.1 while the block runs; gives the realm, the URL of the server."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            query = parse_qs(urlsplit(self.path).query)
            user = self._user()
            if user is None:
                self._answer(401, {"details": "incorrect username or password"})
                return
            scopes = [scope for line in query.get("scope", []) for scope in line.split(" ")]
            access = [_granted(user, scope) for scope in scopes]
            token = signer.token(user, query.get("service", [""])[0], access)
            self._answer(200, {"token": token, "expires_in": SECONDS})

        def _user(self) -> str | None:
            """The user whose password came along; empty where none came; None where it is wrong."""
            scheme, _, text = self.headers.get("Authorization", "").partition(" ")
            if scheme != "Basic":
                return ""
            user, _, password = base64.b64decode(text).decode().partition(":")
            return user if users.get(user) == password else None

        def _answer(self, status: int, value: object) -> None:
            body = json.dumps(value).encode()
            self.send_response(status)
            if status == 401:
                self.send_header("WWW-Authenticate", 'Basic realm="the teacher"')
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/token"
        finally:
            server.shutdown()


def _granted(user: str, scope: str) -> dict[str, object]:
    """`repository:alice/shop:pull,push` → what the user may do of it."""
    kind, name, actions = scope.split(":", 2)
    mine = bool(user) and name.startswith(f"{user}/")
    return {"type": kind, "name": name, "actions": [one for one in actions.split(",") if mine or one == "pull"]}
