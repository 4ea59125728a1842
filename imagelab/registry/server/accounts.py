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
from collections.abc import Mapping
from pathlib import Path

from ...errors import Invalid
from ...host.atomic import replacing

COST = 10  # of bcrypt, the least that OWASP recommends: 0.08 s of a processor, so 2.4 s for a class of thirty
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

    def remembered(self, header: str) -> str | None:
        """Whose an Authorization header (Basic) is, if that takes no time to say; empty where it is nobody's.

        None where bcrypt has to be asked: see `user_of`.
        """
        user, password = _basic(header)
        self._read()
        if user not in self._hashes:
            return ""
        return user if self._was_right(self._right, user, password) else None

    def user_of(self, header: str) -> str:
        """The user whose password an Authorization header (Basic) holds; empty for any other. bcrypt takes its time."""
        user, password = _basic(header)
        return user if user and self.check(user, password) else ""

    def check(self, user: str, password: str) -> bool:
        """Whether this is the user's password."""
        import bcrypt

        self._read()
        stored, right = self._hashes.get(user), self._right
        if stored is None:
            return False
        if self._was_right(right, user, password):
            return True
        if not bcrypt.checkpw(password.encode()[:72], stored):
            return False
        right[user] = self._keyed(user, password)  # forgotten if the file was read again meanwhile
        return True

    def _was_right(self, right: Mapping[str, bytes], user: str, password: str) -> bool:
        return hmac.compare_digest(right.get(user, b""), self._keyed(user, password))

    def _keyed(self, user: str, password: str) -> bytes:
        return hmac.digest(self._key, f"{user}\0{password}".encode(), hashlib.sha256)

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


def _basic(header: str) -> tuple[str, str]:
    """The user and password of an Authorization header; both empty where it holds none."""
    scheme, _, text = header.partition(" ")
    if scheme.lower() != "basic":
        return "", ""
    try:
        user, colon, password = base64.b64decode(text, validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        return "", ""
    return (user, password) if colon else ("", "")


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
