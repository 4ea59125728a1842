"""`docker login` and `docker logout`.

On a command line the accounts are docker's own ($DOCKER_CONFIG/config.json, or ~/.docker), so that docker and imagelab
know the same; in a notebook they are the lab's, and docker's file is neither read nor written.

Follows docker/cli (registry/login.go, logout.go), version 20.10.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from ..errors import LabError
from ..oci.reference import HUB
from .command import Session, complain, fail, flag, option, say, verb
from .pull import DAEMON, access_of, words_of

if TYPE_CHECKING:
    from ..registry.client import Access
    from ..registry.connection.credentials import Account

HUB_HINT = (
    "Login with your Docker ID to push and pull images from Docker Hub. If you don't have a Docker ID, head over to "
    "https://hub.docker.com to create one.\n"
)
INSECURE = "WARNING! Using --password via the CLI is insecure. Use --password-stdin."
UNENCRYPTED = """WARNING! Your password will be stored unencrypted in {file}.
Configure a credential helper to remove this warning. See
https://docs.docker.com/engine/reference/commandline/login/#credentials-store

"""


@verb("[SERVER]", takes=(0, 1))
@option("-p", "--password", kind="string", help="Password", default="")
@flag("--password-stdin", help="Take the password from stdin")
@option("-u", "--username", kind="string", help="Username", default="")
def login(
    session: Session, args: tuple[str, ...], password: str, password_stdin: bool, username: str
) -> None:
    """Log in to a registry."""
    from ..registry import verbs
    from ..registry.connection.credentials import Account

    if password:
        sys.stderr.write(f"{INSECURE}\n")
        if password_stdin:
            fail("--password and --password-stdin are mutually exclusive")
    if password_stdin:
        if not username:
            fail("Must provide --username with --password-stdin")
        if session.notebook:
            fail("a notebook cell has no standard input: use lab.login(host, user, password), or -p")
        password = sys.stdin.read().removesuffix("\n").removesuffix("\r")
    host = host_of(args[0]) if args else "docker.io"
    access = access_of(session)
    assert access.credentials is not None
    try:
        stored = access.credentials.find(host) if not (username or password) else None
        if stored is None or not _still_good(host, stored, access):
            before = stored.user if stored else ""
            verbs.login(host, Account(*_ask(session, host, username or before, password, asks=not username)), access)
    except LabError as error:
        fail(f"{DAEMON}{words_of(error)}")
    if not access.credentials.stored_in(host):
        sys.stderr.write(UNENCRYPTED.format(file=access.credentials.file))
    say("Login Succeeded\n")


@verb("[SERVER]", takes=(0, 1))
def logout(session: Session, args: tuple[str, ...]) -> None:
    """Log out from a registry."""
    from ..registry.connection.credentials import key_of

    host = host_of(args[0]) if args else "docker.io"
    credentials = access_of(session).credentials
    assert credentials is not None
    say(f"Removing login credentials for {key_of(host)}\n")
    credentials.erase(host)


def host_of(text: str) -> str:
    """The host of a server's address, as docker takes it: `https://host/` too."""
    return text.removeprefix("https://").removeprefix("http://").partition("/")[0] or "docker.io"


def _still_good(host: str, account: Account, access: Access) -> bool:
    """Whether a registry takes the account that is stored for it; if not, says why."""
    from ..registry import verbs

    say("Authenticating with existing credentials...\n")
    try:
        verbs.login(host, account, access)
    except LabError as error:
        complain(f"Login did not succeed, error: {DAEMON}{words_of(error)}")
        return False
    return True


def _ask(session: Session, host: str, username: str, password: str, *, asks: bool) -> tuple[str, str]:
    """User and password, as given or asked for on the terminal; where it `asks`, the username is what Enter gives."""
    if username and password:
        return username, password
    if session.notebook or sys.stdin is None or not sys.stdin.isatty():
        fail("Error: Cannot perform an interactive login from a non TTY device")
    import getpass

    if asks:
        if host == HUB:
            say(HUB_HINT)
        say(f"Username ({username}): " if username else "Username: ")
        sys.stdout.flush()
        username = sys.stdin.readline().strip() or username
        if not username:
            fail("Error: Non-null Username Required")
    password = password or getpass.getpass("Password: ")
    if not password:
        fail("Error: Password Required")
    return username, password
