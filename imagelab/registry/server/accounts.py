"""Accounts: users and their passwords, in a file that htpasswd and docker-registry write as well (bcrypt).

bcrypt is slow on purpose, and a client sends its password with every request: a password that was right once is
remembered, in memory, as a keyed hash.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
from pathlib import Path

from ...errors import Invalid
from ...host.atomic import replacing

COST = 10  # of bcrypt: about a third of a second
SHARED = "class"  # a namespace that anyone with an account may read, and the teacher may write


class Accounts:
    """The users of a file; a user writes to `USER/…`, and `teacher` everywhere.

    Raises Invalid for a line that is not `user:bcrypt`, naming it.
    """

    def __init__(self, file: str | os.PathLike[str], *, teacher: str = "teacher") -> None:
        self._file, self._teacher = Path(file), teacher
        self._key = os.urandom(32)
        self._right: dict[str, bytes] = {}  # user → the keyed hash of the password that was right
        self._hashes: dict[str, bytes] = {}
        self._read_at = -1
        self._read()

    def user_of(self, header: str) -> str | None:
        """The user whose password an Authorization header (Basic) holds; None for any other."""
        scheme, _, text = header.partition(" ")
        if scheme.lower() != "basic":
            return None
        try:
            user, colon, password = base64.b64decode(text, validate=True).decode().partition(":")
        except (binascii.Error, ValueError):
            return None
        return user if colon and self.check(user, password) else None

    def check(self, user: str, password: str) -> bool:
        """Whether this is the user's password."""
        import bcrypt

        self._read()
        stored = self._hashes.get(user)
        given = hmac.digest(self._key, f"{user}\0{password}".encode(), hashlib.sha256)
        if stored is None:
            return False
        if hmac.compare_digest(self._right.get(user, b""), given):
            return True
        if not bcrypt.checkpw(password.encode()[:72], stored):
            return False
        self._right[user] = given
        return True

    def may_write(self, user: str, repository: str) -> bool:
        """Whether a user may push to a repository: the teacher to any, others to those under their name."""
        return user == self._teacher or repository.partition("/")[0] == user

    def may_read(self, user: str, repository: str) -> bool:
        """Whether a user may pull from a repository: whoever has an account may."""
        return bool(user)

    def _read(self) -> None:
        try:
            when = self._file.stat().st_mtime_ns
        except FileNotFoundError:
            raise Invalid(
                f"there is no file of users {str(self._file)!r}: imagelab registry useradd makes one"
            ) from None
        if when == self._read_at:
            return
        hashes = {}
        for number, line in enumerate(self._file.read_text("utf-8").splitlines(), 1):
            if line.strip() and not line.startswith("#"):
                user, colon, stored = line.strip().partition(":")
                if not colon or not stored.startswith(("$2a$", "$2b$", "$2y$")):
                    raise Invalid(
                        f"{str(self._file)!r}, line {number}: expected user:bcrypt-hash, as htpasswd -B writes it"
                    )
                hashes[user] = stored.encode()
        self._hashes, self._right, self._read_at = hashes, {}, when


def add_user(file: str | os.PathLike[str], user: str, password: str) -> None:
    """Add a user to a file, or give one another password; raises Invalid for a name that cannot be one."""
    import bcrypt

    if not user or ":" in user or user != user.strip() or "\n" in user:
        raise Invalid(f"{user!r} cannot be a user's name: it must not be empty, nor hold a colon")
    path = Path(file)
    lines = path.read_text("utf-8").splitlines() if path.exists() else []
    kept = [line for line in lines if line.partition(":")[0] != user]
    stored = bcrypt.hashpw(password.encode()[:72], bcrypt.gensalt(COST)).decode()
    with replacing(path, mode=0o600) as out:
        out.write("".join(f"{line}\n" for line in [*kept, f"{user}:{stored}"]).encode())
