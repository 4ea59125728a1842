"""A cache of WebAssembly programs compiled for this machine.

Compiled code runs unchecked, so it is believed only from a file that nobody else could have written: the user's own
cache folder, in which neither the file nor any folder above it may be another's. Without such a folder a program is
compiled each time.
"""

from __future__ import annotations

import os
import stat
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from importlib.metadata import version
from pathlib import Path

import wasmtime

from ...host.locks import Lock

KEEP = 8  # compiled programs, of about 30 MB each


def module(engine: wasmtime.Engine, program: bytes, digest: str, name: str) -> wasmtime.Module:
    """The program, compiled; `digest` is its SHA-256 in hexadecimal. Progress is shown on stderr.

    Raises WasmtimeError when it is no program.
    """
    path = _path(digest)
    folder = path.parent
    if found := _kept(engine, path):
        return found
    trusted = _make(folder)
    with _alone(path) if trusted else nullcontext():
        if found := _kept(engine, path):  # by whoever was faster
            return found
        with _told(f"imagelab: compiling {name} for this machine" + (", once" if trusted else "")):
            made = wasmtime.Module(engine, program)
        if trusted:
            _keep(path, bytes(made.serialize()))
        else:
            print(f"imagelab: not kept, since others may write to {folder}", file=sys.stderr)
    return made


def compile_aside(program: bytes, digest: str, name: str) -> None:
    """Fill the cache with a program, in a process of its own, unless it is there: compiling leaves threads behind.

    Errors in the program are reported when it is run.
    """
    if os.path.isfile(_path(digest)):  # False, too, for a folder that this user may not enter
        return
    if pid := os.fork():
        os.waitpid(pid, 0)
        return
    try:
        with suppress(wasmtime.WasmtimeError):
            module(wasmtime.Engine(wasmtime.Config()), program, digest, name)
    finally:
        sys.stderr.flush()
        os._exit(0)


def cache_folder() -> Path:
    """Where compiled programs are kept: `imagelab/wasm` in $XDG_CACHE_HOME, or where the system has its caches."""
    default = "Library/Caches" if sys.platform == "darwin" else ".cache"
    given = os.environ.get("XDG_CACHE_HOME") or ""
    above = Path(given) if os.path.isabs(given) else Path(os.path.expanduser("~")) / default
    return above / "imagelab" / "wasm"


def _path(digest: str) -> Path:
    return cache_folder() / f"{digest}-{version('wasmtime')}-{_machine()}.cwasm"


def _machine() -> str:
    return f"{sys.platform}-{os.uname().machine}" if hasattr(os, "uname") else sys.platform


def _kept(engine: wasmtime.Engine, path: Path) -> wasmtime.Module | None:
    if not _mine(path):
        return None
    try:
        return wasmtime.Module.deserialize_file(engine, str(path))
    except wasmtime.WasmtimeError:  # made on another machine that shares this folder
        return None


def _mine(path: Path) -> bool:
    """Whether nobody but this user, and root, could have written here."""
    if not hasattr(os, "geteuid"):
        return path.is_file()
    try:
        real = path.resolve(strict=True)
        for number, place in enumerate((real, *real.parents)):
            info = place.lstat()
            shared = info.st_mode & 0o022 and not (number and info.st_mode & stat.S_ISVTX)
            if shared or info.st_uid not in (os.geteuid(), 0) or (number < 2 and info.st_uid != os.geteuid()):
                return False
    except OSError:
        return False
    return True


def _make(folder: Path) -> bool:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        probe = folder / ".mine"
        probe.touch(mode=0o600)
    except OSError:
        return False
    return _mine(probe)


def _keep(path: Path, code: bytes) -> None:
    """Write the file whole or not at all, and remove the oldest ones; a disk that is full is no reason to fail."""
    with suppress(OSError):
        descriptor, name = tempfile.mkstemp(prefix=".making-", dir=path.parent)  # 0600
        try:
            with open(descriptor, "wb") as file:
                file.write(code)
                file.flush()
                os.fsync(file.fileno())
            os.replace(name, path)
        except BaseException:
            os.unlink(name)
            raise
        for old in sorted(path.parent.glob("*.cwasm"), key=lambda p: p.stat().st_mtime)[:-KEEP]:
            old.unlink(missing_ok=True)


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """While one process compiles a program, others wait for it."""
    with Lock(path.with_suffix(".lock"), mode=0o600):
        yield


@contextmanager
def _told(what: str) -> Iterator[None]:
    """A line on stderr for what takes longer than a moment: it grows by a dot a second, then says the time taken."""
    done, began = threading.Event(), time.monotonic()

    def dots() -> None:
        if not done.wait(0.3):
            print(what, end=" ", file=sys.stderr, flush=True)
            while not done.wait(1):
                print(".", end="", file=sys.stderr, flush=True)
            print(f" {time.monotonic() - began:.1f} s", file=sys.stderr, flush=True)

    thread = threading.Thread(target=dots, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
