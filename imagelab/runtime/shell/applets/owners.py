"""Users, groups and permissions: id, whoami, groups, chown, chgrp, chmod, umask.

Names are those of the container's own /etc/passwd and /etc/group.
"""

from __future__ import annotations

import re
import stat
from collections.abc import Callable

from ..commands import Call, UsageError
from ..files import Files
from .modes import mode_of


class Names:
    """The users and groups of a root folder."""

    def __init__(self, files: Files) -> None:
        self.users = {row[0]: (int(row[2]), int(row[3])) for row in _rows(files, "/etc/passwd", 4)}
        groups = _rows(files, "/etc/group", 3)
        self.groups = {row[0]: int(row[2]) for row in groups}
        self.members = [(int(row[2]), row[3].split(",") if len(row) > 3 else []) for row in groups]
        self._user_names = {uid: name for name, (uid, _) in reversed(self.users.items())}
        self._group_names = {gid: name for name, gid in reversed(self.groups.items())}

    def user(self, uid: int) -> str:
        """The name of a user, or the number if it has none."""
        return self._user_names.get(uid, str(uid))

    def group(self, gid: int) -> str:
        """The name of a group, or the number if it has none."""
        return self._group_names.get(gid, str(gid))

    def knows(self, uid: int) -> bool:
        """Whether /etc/passwd has this user."""
        return uid in self._user_names

    def groups_of(self, uid: int, gid: int) -> list[int]:
        """The groups of a user, the primary one first."""
        name = self._user_names.get(uid)
        more = [number for number, members in self.members if name in members and number != gid]
        return [gid, *dict.fromkeys(more)]


def _rows(files: Files, path: str, fields: int) -> list[list[str]]:
    try:
        text = b"".join(files.pieces(path)).decode("utf-8", "replace")
    except OSError:
        return []
    rows = [line.split(":") for line in text.splitlines()]
    return [row for row in rows if len(row) >= fields and all(number.isdigit() for number in row[2:fields])]


async def identity(call: Call) -> int:
    """id [-ugGnr] [USER]"""
    options = call.options("ugGnr")
    names = Names(call.files)
    uid, gid = call.shell.user
    if call.words:
        if call.words[0] not in names.users:
            raise UsageError(f"unknown user {call.words[0]}")
        uid, gid = names.users[call.words[0]]
    groups = names.groups_of(uid, gid)
    if "n" in options or not {"u", "g", "G"} & set(options):
        shown: Callable[[int], str] = names.group
        user = names.user(uid)
    else:
        shown, user = str, str(uid)
    if "u" in options:
        text = user
    elif "g" in options:
        text = shown(gid)
    elif "G" in options:
        text = " ".join(map(shown, groups))
    else:
        parts = [("uid", [(uid, names.user(uid))]), ("gid", [(gid, names.group(gid))])]
        parts.append(("groups", [(number, names.group(number)) for number in groups]))
        text = " ".join(
            f"{what}={','.join(str(n) if name == str(n) else f'{n}({name})' for n, name in pairs)}"
            for what, pairs in parts
        )
    await call.write(text + "\n")
    return 0


async def whoami(call: Call) -> int:
    """whoami"""
    call.options("")
    if call.words:
        raise UsageError("no arguments are taken")
    names, uid = Names(call.files), call.shell.user[0]
    if not names.knows(uid):
        raise UsageError(f"unknown uid {uid}")
    await call.write(names.user(uid) + "\n")
    return 0


async def groups(call: Call) -> int:
    """groups [USER]"""
    call.words = ["-G", "-n", *call.words]
    return await identity(call)


async def chown(call: Call) -> int:
    """chown [-Rhcfv] OWNER[:[GROUP]] FILE..."""
    return await _give_away(call, lambda word, names: _owner(word, names))


async def chgrp(call: Call) -> int:
    """chgrp [-Rhcfv] GROUP FILE..."""
    return await _give_away(call, lambda word, names: (-1, _number(word, names.groups, "group")))


async def _give_away(call: Call, read: Callable[[str, Names], tuple[int, int]]) -> int:
    words = "recursive=R no-dereference=h changes=c silent=f quiet=f verbose=v dereference=L reference=r"
    options = call.options("RhcfvHLP", words=words)
    if len(call.words) < 2:
        raise UsageError("missing operand")
    owner = read(call.words[0], Names(call.files))

    def change(path: str) -> None:
        call.files.chown(path, owner, follow="h" not in options)

    return await _each(call, call.words[1:], options, change)


def _owner(word: str, names: Names) -> tuple[int, int]:
    user, colon, group = word.partition(":") if ":" in word else word.partition(".")
    if "." in word and ":" not in word and word in names.users:
        user, colon, group = word, "", ""
    uid = _number(user, {name: ids[0] for name, ids in names.users.items()}, "user") if user else -1
    if colon and not group and user:  # "root:" is its own group
        return uid, next((ids[1] for ids in names.users.values() if ids[0] == uid), -1)
    return uid, _number(group, names.groups, "group") if group else -1


def _number(word: str, numbers: dict[str, int], what: str) -> int:
    if word in numbers:
        return numbers[word]
    if word.isdigit():
        return int(word)
    raise UsageError(f"unknown {what} {word}")


async def chmod(call: Call) -> int:
    """chmod [-Rcfv] MODE FILE..."""
    if call.words and re.fullmatch(r"-[rwxXst][-+=,rwxXstugoa]*", call.words[0]):
        call.words.insert(0, "--")  # chmod -x FILE
    options = call.options("Rcfv", words="recursive=R changes=c silent=f quiet=f verbose=v")
    if len(call.words) < 2:
        raise UsageError("missing operand")
    text, files = call.words[0], call.files
    mode_of(text, 0, 0, folder=False)

    def change(path: str) -> None:
        info = files.stat(path, follow=True)
        mode = mode_of(text, stat.S_IMODE(info.st_mode), files.umask, folder=stat.S_ISDIR(info.st_mode))
        files.chmod(path, mode)

    return await _each(call, call.words[1:], options, change)


async def _each(call: Call, words: list[str], options: dict[str, str], change: Callable[[str], None]) -> int:
    """Change each of these files, and with -R those below them, except links."""
    todo = [(call.path(word), word, True) for word in reversed(words)]
    while todo:
        path, shown, top = todo.pop()
        try:
            kind = stat.S_IFMT(call.files.stat(path).st_mode)
            if kind == stat.S_IFLNK and not top and "h" not in options:
                continue
            change(path)
            if "R" in options and kind == stat.S_IFDIR:
                for name in reversed(call.files.names(path)):
                    todo.append((f"{path.rstrip('/')}/{name}", f"{shown.rstrip('/')}/{name}", False))
        except OSError as error:
            call.status = 1
            if "f" not in options:
                await call.complain(f"{shown}: {error.strerror}")
    return 0


async def umask(call: Call) -> int:
    """umask [-S] [MODE]"""
    options = call.options("Sp")
    now = call.files.umask
    if not call.words:
        if "S" in options:
            letters = ("".join(letter for bit, letter in ((4, "r"), (2, "w"), (1, "x")) if not now >> shift & bit)
                       for shift in (6, 3, 0))  # fmt: skip
            text = ",".join(f"{who}={bits}" for who, bits in zip("ugo", letters, strict=True))
        else:
            text = f"{now:04o}"
        await call.write(text + "\n")
        return 0
    word = call.words[0]
    if word[:1].isdigit():
        if not set(word) <= set("01234567"):
            raise UsageError(f"illegal mode: {word}")
        call.files.umask = int(word, 8) & 0o777
    else:
        call.files.umask = ~mode_of(word, ~now & 0o777, 0, folder=False) & 0o777
    return 0


COMMANDS = {
    "chgrp": chgrp, "chmod": chmod, "chown": chown, "groups": groups, "id": identity, "umask": umask, "whoami": whoami,
}  # fmt: skip
