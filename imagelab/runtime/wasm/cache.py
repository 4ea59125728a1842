"""A cache of WebAssembly programs compiled for this machine.

Compiled code runs unchecked, so it is loaded only from a file that no other user could have written: it lies in the
user's own cache folder, and neither the file nor any folder above it belongs to, or may be written by, anybody else but
root. Without such a folder a program is compiled each time it is run.
"""

from __future__ import annotations

import os
import stat
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.metadata import version
from pathlib import Path

import wasmtime

from ...host.atomic import replacing
from ...host.locks import Lock

KEEP = 8  # compiled programs, of about 30 MB each


def module(engine: wasmtime.Engine, program: bytes, digest: str, name: str) -> wasmtime.Module:
    """Compile a program, or load it from the cache; `digest` is its SHA-256 in hexadecimal. stderr shows the progress.

    Raises WasmtimeError for bytes that are not a WebAssembly program.
    """
    path = _path(digest)
    if compiled := load(engine, digest):
        return compiled
    if not _make(path.parent):
        return uncached(engine, program, name)
    with Lock(path.with_suffix(".lock"), mode=0o600):  # one process compiles, the others wait for it
        if compiled := load(engine, digest):
            return compiled
        with _progress(f"imagelab: compiling {name} for this machine, once"):
            compiled = wasmtime.Module(engine, program)
        _store(path, bytes(compiled.serialize()))
    return compiled


def uncached(engine: wasmtime.Engine, program: bytes, name: str) -> wasmtime.Module:
    """Compile a program, and say on stderr why it is not kept. Raises WasmtimeError as `module` does."""
    with _progress(f"imagelab: compiling {name} for this machine"):
        compiled = wasmtime.Module(engine, program)
    print(f"imagelab: not kept, since others may write to {cache_folder()}", file=sys.stderr)
    return compiled


def load(engine: wasmtime.Engine, digest: str) -> wasmtime.Module | None:
    """Load a compiled program from the cache, if it is there, trusted, and made for this machine's processor."""
    path = _path(digest)
    if not _is_trusted(path):
        return None
    try:
        return wasmtime.Module.deserialize_file(engine, str(path))
    except wasmtime.WasmtimeError:  # compiled on another machine that shares this folder
        return None


def load_or_compile_aside(engine: wasmtime.Engine, program: bytes, digest: str, name: str) -> wasmtime.Module | None:
    """Load a program, which is compiled first, in another process, if it is not in the cache.

    Compiling leaves threads behind, loading does not: the caller still has one thread. Returns None where there is no
    trusted cache folder, and for bytes that are not a program.
    """
    if compiled := load(engine, digest):
        with suppress(OSError):  # it is used, so it is not the oldest, which `_store` removes
            os.utime(_path(digest))
        return compiled
    if not _make(_path(digest).parent):
        return None
    if pid := os.fork():
        os.waitpid(pid, 0)
        return load(engine, digest)
    try:
        with suppress(wasmtime.WasmtimeError):
            module(engine, program, digest, name)
    finally:
        sys.stderr.flush()
        os._exit(0)


def cache_folder() -> Path:
    """The folder of compiled programs: `imagelab/wasm` in $XDG_CACHE_HOME, or in the system's folder for caches."""
    default = "Library/Caches" if sys.platform == "darwin" else ".cache"
    configured = os.environ.get("XDG_CACHE_HOME") or ""
    above = Path(configured) if os.path.isabs(configured) else Path(os.path.expanduser("~")) / default
    return above / "imagelab" / "wasm"


def _path(digest: str) -> Path:
    return cache_folder() / f"{digest}-{version('wasmtime')}-{_machine()}.cwasm"


def _machine() -> str:
    return f"{sys.platform}-{os.uname().machine}" if hasattr(os, "uname") else sys.platform


def _is_trusted(path: Path) -> bool:
    """Whether only this user, and root, could have written this file."""
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
    """Make the cache folder; returns whether what this process writes there can be trusted later."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        probe = folder / ".probe"
        probe.touch(mode=0o600)
    except OSError:
        return False
    return _is_trusted(probe)


def _store(path: Path, code: bytes) -> None:
    """Write the file whole or not at all, and remove the oldest ones; on a full disk the program runs uncached."""
    with suppress(OSError):
        with replacing(path, mode=0o600) as file:
            file.write(code)
        for old in sorted(path.parent.glob("*.cwasm"), key=lambda p: p.stat().st_mtime)[:-KEEP]:
            old.unlink(missing_ok=True)


@contextmanager
def _progress(message: str) -> Iterator[None]:
    """Show a line on stderr while the block runs, if it takes over 0.3 s: a dot each second, then the time taken."""
    done, started = threading.Event(), time.monotonic()

    def dots() -> None:
        if not done.wait(0.3):
            print(message, end=" ", file=sys.stderr, flush=True)
            while not done.wait(1):
                print(".", end="", file=sys.stderr, flush=True)
            print(f" {time.monotonic() - started:.1f} s", file=sys.stderr, flush=True)

    thread = threading.Thread(target=dots, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
