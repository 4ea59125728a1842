"""Which runtime runs a program: the first bytes of its file decide, as in Linux's binfmt.

`\\x7fELF` is run by **bubblewrap** (Linux: namespaces of its own, no network), `#!/bin/sh` and the
`/bin/sh` of a base image made here by **shell** (any system: a bash interpreter that sees only the root folder),
`\\0asm` by **wasm** (any system: WebAssembly, which reaches only what WASI grants it). The `pip` of a base image
made here is **pip**: the host's, which installs into the root folder. No program of an image runs unconfined.
"""

from __future__ import annotations

import os
import platform
import stat
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from ..errors import LabError, NotFound
from ..filesystem.tree import Files
from ..host.root import Root
from .program import NO_CONTAINER, NOT_THERE, CannotStart, Output, Program, Streams, named

SHELL_MARK = b"#!imagelab-shell"  # how /bin/sh of a base image made here begins
PIP_MARK = b"#!imagelab-pip"  # and its /usr/local/bin/pip
_MACHINES = {3: "i386", 21: "ppc64le", 22: "s390x", 40: "arm", 62: "x86_64", 183: "aarch64", 243: "riscv64"}
_EMULATORS = Path("/proc/sys/fs/binfmt_misc")
MAX_SCRIPTS = 4  # scripts whose interpreter is itself a script, as in Linux


def run(root: Path, files: Files, program: Program, output: Output) -> int:
    """Run a program of a root folder, whose files are `files`, to its end; returns its exit code.

    Raises CannotStart, and LabError for a program that runs into its time limit.
    """
    from .process import watch

    return watch(named(kind_of(files, program)).start(root, program, Streams()), program, output)


@dataclass(frozen=True, slots=True)
class Executable:
    """What runs a program: the runtime, the real path of the file (of a script: its interpreter), and its arguments."""

    runtime: str
    path: str
    argv: tuple[str, ...]


def kind_of(files: Files, program: Program) -> str:
    """The name of the runtime for a program, by its first bytes; raises CannotStart, worded as `docker run` does."""
    return look_up(files, program).runtime


def look_up(files: Files, program: Program, depth: int = 0) -> Executable:
    """Find a program's file, following the interpreter lines of scripts; raises CannotStart, worded as `docker run`."""
    try:
        place, path = _find(files, program.argv[0], program)
    except CannotStart:
        if _is_builtin(files, program):
            return Executable("shell", "bin/sh", program.argv)
        raise
    head = next(files.find(path).chunks(), b"")[:128]
    for mark, runtime in ((b"\x7fELF", "bubblewrap"), (SHELL_MARK, "shell"), (PIP_MARK, "pip")):
        if head.startswith(mark):
            if runtime == "bubblewrap" and len(head) >= 20 and (machine := _foreign(head)):
                raise CannotStart(f"exec {program.argv[0]}: exec format error: it is a program for {machine}")
            if runtime == "bubblewrap" and _is_broken(head):
                raise CannotStart(f"exec {program.argv[0]}: exec format error: it is a damaged ELF program")
            return Executable(runtime, path, program.argv)
    if head.startswith(b"\0asm"):
        runtime = "pip" if program.argv[1:3] == ("-m", "pip") and _has_pip(files, program) else "wasm"
        return Executable(runtime, path, (place, *program.argv[1:]))
    words = head[2:].split(b"\n")[0].decode("utf-8", "replace").split() if head.startswith(b"#!") else []
    if words and depth < MAX_SCRIPTS:
        if words[0] == "/usr/bin/env" and words[1:] and not _is_there(files, words[0]):  # a builtin of the shell
            del words[0]
        return look_up(files, replace(program, argv=(*words, place, *program.argv[1:])), depth + 1)
    if words:
        raise CannotStart(f"exec {program.argv[0]}: too many levels of symbolic links: scripts that run scripts")
    raise CannotStart(f"exec {program.argv[0]}: exec format error: it is not an ELF or WebAssembly program or a script")


def _is_broken(head: bytes) -> bool:
    """Whether the kernel would reject an ELF file for its header; execvp(3) would then run it as a shell script."""
    order: Literal["little", "big"] = "big" if head[5:6] == b"\2" else "little"
    wide = head[4:5] == b"\2"
    size, count = (54, 56) if wide else (42, 44)  # offsets of the size and the number of program headers
    kind, header, headers = (int.from_bytes(head[at : at + 2], order) for at in (16, size, count))
    return len(head) < (64 if wide else 52) or kind not in (2, 3) or header != (56 if wide else 32) or not headers


def _foreign(head: bytes) -> str:
    """The processor that an ELF program was built for, "" if this machine has or emulates it."""
    order: Literal["little", "big"] = "big" if head[5:6] == b"\2" else "little"
    target = _MACHINES.get(int.from_bytes(head[18:20], order), "another processor")
    ours = {"AMD64": "x86_64", "arm64": "aarch64"}.get(platform.machine(), platform.machine())
    runs = {ours} | ({"i386"} if ours == "x86_64" else set())
    if target in runs or ours not in _MACHINES.values() or any(_EMULATORS.glob("qemu-*")):
        return ""
    return target


def refuse_devices(root: Path) -> None:
    """Raise CannotStart, for root, if the root folder holds a device, which a program could open.

    Under bubblewrap no program can: the folder is mounted `nodev`. What an ordinary user unpacks has no devices.
    """
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        return
    from ..host.beneath import Beneath

    below = Beneath(root)
    for path, kind in below.kinds():
        if kind in (stat.S_IFCHR, stat.S_IFBLK):
            raise CannotStart(f"/{path} is a device of this machine: remove it, or run as an ordinary user")


def startable(files: Root, env: Mapping[str, str]) -> list[str]:
    """The names and the paths of the programs in $PATH that a shell script can start: WebAssembly and pip."""
    startables = []
    for folder in env.get("PATH", "").split(":"):
        try:
            names = files.names(folder) if folder.startswith("/") else []
        except LabError:
            continue
        for name in names:
            path = f"{folder.rstrip('/')}/{name}"
            try:
                if kind_of(files, Program((path,), env)) in ("wasm", "pip"):
                    startables += [name, path]
            except CannotStart:
                continue
    return startables


def _is_there(files: Files, path: str) -> bool:
    try:
        return bool(files.find(path))
    except LabError:
        return False


def _is_builtin(files: Files, program: Program) -> bool:
    """Whether the image's shell is ours and has a built-in command of this name, for which no file is needed."""
    name = program.argv[0]
    if "/" in name or name == "sh":
        return False
    try:
        if kind_of(files, replace(program, argv=("sh",))) != "shell":
            return False
    except CannotStart:
        return False
    from .shell.builtins import COMMANDS

    return name in COMMANDS


def _has_pip(files: Files, program: Program) -> bool:
    try:
        return kind_of(files, replace(program, argv=("pip",))) == "pip"
    except CannotStart:
        return False


def _find(files: Files, name: str, program: Program) -> tuple[str, str]:
    """The path at which a program is found, by $PATH or as named, and its real path; raises CannotStart."""
    folders = [program.cwd] if "/" in name else program.env.get("PATH", "/usr/bin:/bin").split(":")
    refused: str | None = None
    for folder in folders:
        place = os.path.join(folder, name)
        try:
            path = files.resolve(place)
            entry = files.find(path)
            if entry.kind == "file" and name.endswith("/"):
                raise NotFound("not a directory")
        except LabError as error:
            why = str(error).rpartition(": ")[2]
            if "/" in name and (not isinstance(error, NotFound) or why == "not a directory"):
                raise CannotStart(f'exec: "{name}": stat {name}: {why}', NO_CONTAINER) from None
            continue
        if entry.kind == "file" and entry.mode & 0o111:
            return name if "/" in name else place, path
        refused = path if refused is None else refused
    if refused is not None and "/" in name:
        what = "is a directory" if files.find(refused).kind == "dir" else "permission denied"
        raise CannotStart(f'exec: "{name}": {what}')
    if "/" in name:
        raise CannotStart(f'exec: "{name}": stat {name}: no such file or directory', NOT_THERE)
    raise CannotStart(f'exec: "{name}": executable file not found in $PATH', NOT_THERE)
