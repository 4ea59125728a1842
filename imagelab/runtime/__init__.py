"""One idea: the file decides who runs it, the way a kernel looks at the first bytes.

`\\x7fELF` is run by **bubblewrap** (Linux: namespaces of its own, no network), `#!/bin/sh` and the `/bin/sh` of a base
image made here by **shell** (any system: a bash interpreter that sees the root folder and nothing else).
Nothing of an image is ever run on the bare host.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Protocol

from ..errors import LabError, NotFound
from ..tree import Tree

SHELL_MARK = b"#!imagelab-shell"  # how /bin/sh of a base image made here begins
Output = Callable[[str, bytes], object]  # called with "stdout" or "stderr" and some bytes, as they come


@dataclass(frozen=True, slots=True)
class Program:
    """What to run, and how it sees itself: arguments, environment, working directory, user (uid, gid), host name."""

    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    cwd: str = "/"
    user: tuple[int, int] = (0, 0)
    hostname: str = "imagelab"
    timeout: float | None = None  # seconds


class Runtime(Protocol):
    """Runs a program in a root folder; returns its exit code. Raises LabError when it cannot be run at all."""

    def __call__(self, root: Path, program: Program, output: Output) -> int: ...


def run(root: Path, tree: Tree, program: Program, output: Output) -> int:
    """Run a program of a root folder, whose files are `tree`, by whatever runtime its first bytes ask for.

    Returns its exit code; 127 and 126, as a shell has them, for a program that is not there or cannot be run.
    """
    name = _kind(tree, program)
    runtime: Runtime = import_module(f".{name}", __name__).run
    return runtime(root, program, output)


def _kind(tree: Tree, program: Program, depth: int = 0) -> str:
    path = _find(tree, program)
    head = next(tree[path].chunks(), b"")[:128]
    if head.startswith(b"\x7fELF"):
        return "bubblewrap"
    if head.startswith(SHELL_MARK):
        return "shell"
    if head.startswith(b"#!") and depth < 4:
        interpreter = head[2:].split(b"\n")[0].split()[0].decode("utf-8", "replace")
        return _kind(tree, Program((interpreter,), program.env, program.cwd), depth + 1)
    if head.startswith(b"\0asm"):
        raise LabError(f"{program.argv[0]} is a WebAssembly program, which imagelab does not run yet")
    raise LabError(f"exec {program.argv[0]}: exec format error: it is no ELF program and no script")


def _find(tree: Tree, program: Program) -> str:
    name = program.argv[0]
    folders = [program.cwd] if "/" in name else program.env.get("PATH", "/usr/bin:/bin").split(":")
    for folder in folders:
        try:
            path = tree.resolve(os.path.join(folder, name))
        except LabError:
            continue
        if tree[path].kind == "file" and tree[path].mode & 0o111:
            return path
    raise NotFound(f'exec: "{name}": executable file not found in the image' + ("" if "/" in name else "'s $PATH"))
