"""Users and groups, looked up in an image's own /etc/passwd and /etc/group.

As docker and runc look them up (opencontainers/runc, libcontainer/user); the host's users do not come into it.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..errors import LabError, NotFound
from .tree import Files


def user_of(name: str, tree: Files) -> tuple[int, int]:
    """The uid and gid of USER or --chown: numbers, or names in the image's /etc/passwd and /etc/group.

    Raises NotFound, in docker's words, for a name that is not there.
    """
    user, colon, group = name.partition(":")
    uid = gid = 0
    if user.isdigit():
        uid = int(user)
        gid = next((int(row[3]) for row in _rows(tree, "etc/passwd", 4) if row[2] == user), 0)
    elif user:
        row = next((row for row in _rows(tree, "etc/passwd", 4) if row[0] == user), None)
        if row is None:
            if user != "root":
                raise NotFound(f"unable to find user {user}: no matching entries in passwd file")
        else:
            uid, gid = int(row[2]), int(row[3])
    if colon:
        number = next((row[2] for row in _rows(tree, "etc/group", 3) if row[0] == group), group)
        if not number.isdigit():
            raise NotFound(f"unable to find group {group}: no matching entries in group file")
        gid = int(number)
    return uid, gid


def home_of(uid: int, tree: Files) -> str:
    """A user's home directory by the image's /etc/passwd, or '/'."""
    return next((row[5] or "/" for row in _rows(tree, "etc/passwd", 4) if int(row[2]) == uid and len(row) > 5), "/")


def groups_of(uid: int, gid: int, tree: Files) -> list[int]:
    """A user's groups: the first one, and if that is the one of /etc/passwd, those that /etc/group has the user in."""
    names = {row[0] for row in _rows(tree, "etc/passwd", 4) if (int(row[2]), int(row[3])) == (uid, gid)}
    more = {int(row[2]) for row in _rows(tree, "etc/group", 3) if len(row) > 3 and names & {*row[3].split(",")}}
    return [gid, *sorted(more - {gid})]


def _rows(tree: Files, path: str, least: int) -> Iterator[list[str]]:
    try:
        entry = tree.find(path)
    except LabError:  # nothing there, or a link that leads nowhere
        return
    if entry.kind != "file":
        return
    text = entry.read().decode("utf-8", "replace")
    for line in text.splitlines():
        row = line.split(":")
        if len(row) >= least and all(row[i].isdigit() for i in range(2, least)):
            yield row
