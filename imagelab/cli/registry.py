"""`imagelab registry`: a registry of one's own, for a lesson or a class. Docker has no such command.

Any client can push to it and pull from it: docker, podman, skopeo.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from .. import units
from .command import Session, fail, flag, option, say, verb, whole

if TYPE_CHECKING:
    import ssl

FOLDER = "registry"  # in the lab's home
PORT = 5000


@verb("[DIR]", takes=(0, 1))
@option("--port", kind="int", default=PORT, read=whole, help="The port to listen on; 0 for any that is free")
@option("--host", kind="string", default="127.0.0.1", help="The address to listen on; 0.0.0.0 for all of this machine")
@option("--cert", kind="file", help="The certificate for https, with those above it (PEM)")
@option("--key", kind="file", help="The certificate's private key (PEM)")
@option("--htpasswd", kind="file", help="Users and their passwords, as registry useradd and htpasswd -B write them")
@flag("--anonymous-pull", help="With --htpasswd: whoever has no account may pull")
@flag("--read-only", help="Refuse pushes and deletions")
def serve(
    session: Session, args: tuple[str, ...], port: int, host: str, cert: str | None, key: str | None,
    htpasswd: str | None, anonymous_pull: bool, read_only: bool,
) -> None:  # fmt: skip
    """Serve a registry from a folder (default $IMAGELAB_HOME/registry) until Ctrl-C.

    With --htpasswd, a user pushes to USER/…, and the user `teacher` everywhere.
    """
    import asyncio

    from ..registry.server.accounts import Accounts
    from ..registry.server.repositories import Registry
    from ..registry.server.server import Server

    if bool(cert) != bool(key):
        fail("--cert and --key go together: https needs both")
    accounts = Accounts(htpasswd) if htpasswd else None
    server = Server(
        Registry(_folder(session, args)), port=port, host=host, accounts=accounts, anonymous_pull=anonymous_pull,
        read_only=read_only, tls=_tls(cert, key) if cert and key else None,
    )  # fmt: skip
    say(f"The registry {server.registry.folder} listens on {server.url}. Ctrl-C stops it.\n")
    if accounts is not None and server.url.startswith("http:") and host not in ("127.0.0.1", "::1", "localhost"):
        say("Passwords travel unencrypted over http: use --cert and --key.\n")
    if server.url.startswith("http:") and host not in ("127.0.0.1", "::1", "localhost"):
        say("docker speaks http to this machine alone: elsewhere it needs --cert and --key here.\n")
    sys.stdout.flush()
    try:
        asyncio.run(server.serve())
    except KeyboardInterrupt:
        say("The registry has stopped.\n")


@verb("[DIR|HOST[/REPOSITORY]]", takes=(0, 1))
def ls(session: Session, args: tuple[str, ...]) -> None:
    """List the repositories and tags of a registry (HOST:PORT), or of a folder that is not being served."""
    first = args[0].partition("/")[0] if args else ""
    if first == "localhost" or ":" in first or "." in first.strip("."):
        _list_host(session, first, args[0].partition("/")[2])
        return
    from ..registry.server.repositories import Registry

    registry = Registry(_folder(session, args))
    rows = [("REPOSITORY", "TAG", "DIGEST", "SIZE")]
    for name in registry.names():
        repository = registry.repository(name)
        for tag, digest in sorted(repository.tags.items()):
            rows.append((name, tag, digest[:19], units.size(repository.manifests[digest].size)))
    registry.close()
    _print(rows)


def _list_host(session: Session, host: str, repository: str) -> None:
    """List what a registry has: its repositories, or one's tags and their digests."""
    from ..registry.client import Client
    from .pull import access_of

    rows = [("REPOSITORY", "TAG", "DIGEST", "SIZE")]
    with Client(host, access_of(session)) as client:
        for name in [repository] if repository else client.catalog():
            for tag in client.tags(name):
                digest, size = client.manifest_digest(name, tag, f"{host}/{name}:{tag}")
                rows.append((name, tag, str(digest or "<none>")[:19], units.size(size)))
    _print(rows)


def _print(rows: Iterable[tuple[str, ...]]) -> None:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        say("   ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() + "\n")


@verb("USER", takes=(1, 1))
@option("--htpasswd", kind="file", default="htpasswd", help="The file of users (default htpasswd)")
@flag("--password-stdin", help="Take the password from stdin")
def useradd(session: Session, args: tuple[str, ...], htpasswd: str, password_stdin: bool) -> None:
    """Add a user to a file of users, or give one another password."""
    from ..registry.server.accounts import add_user

    if password_stdin:
        password = sys.stdin.readline().rstrip("\r\n")
    elif sys.stdin is not None and sys.stdin.isatty():
        import getpass

        password = getpass.getpass("Password: ")
    else:
        fail("cannot ask for a password here: there is no terminal. Use --password-stdin")
    if not password:
        fail("password required")
    add_user(htpasswd, args[0], password)
    say(f"{args[0]} is in {htpasswd}\n")


@verb("[DIR]", takes=(0, 1))
@flag("--check", help="Delete nothing; hash every blob, and exit with 1 where one is damaged or missing")
def prune(session: Session, args: tuple[str, ...], check: bool) -> None:
    """Delete what no manifest of a registry's folder needs; the registry must not be running."""
    from ..registry.server.repositories import Registry

    registry = Registry(_folder(session, args))
    try:
        if check:
            damage = registry.verify()
            say("".join(f"{line}\n" for line in damage) or "Every blob is whole.\n")
            if damage:
                fail(f"{len(damage)} damaged or missing")
            return
        blobs, size = registry.prune()
        say(f"Deleted {blobs} blobs.\nTotal reclaimed space: {units.size(size)}\n")
    finally:
        registry.close()


def _folder(session: Session, args: tuple[str, ...]) -> Path:
    return Path(args[0]) if args else session.lab.home / FOLDER


def _tls(cert: str, key: str) -> ssl.SSLContext:
    import ssl

    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(cert, key)
    except ssl.SSLError as error:
        fail(f"{cert} and {key} are not a certificate and its key (PEM): {error.reason or error}")
    except OSError as error:
        fail(f"{cert} or {key}: {str(error.strerror).lower()}")
    return context
