"""The wasm runtime: WebAssembly programs under wasmtime, with WASI preview 1.

A program gets its arguments, environment, clock and standard streams, and one directory, `/`, which is the root folder.
wasmtime resolves each path in it and refuses one that leads outside: `..` above the root, and, unlike Linux, every
absolute symbolic link. There is no network, no thread, no other process and no chmod.

WASI has no working directory. `_Python` sets one in the Python of the base image made here, and hides its built-in
`/usr`, which would cover the image's. Other programs start in `/`, with the working directory in $PWD.
"""

from __future__ import annotations

import hashlib
import os
import sys
import threading
from dataclasses import asdict, replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from ...host.root import Bind
from .. import sandbox, worker
from ..binfmt import look_up, refuse_devices
from ..program import CANNOT_RUN, CannotStart, Program, Running, Streams

if TYPE_CHECKING:
    from wasmtime import Engine, Memory, Module, Store

ISOLATES = "files outside the root folder, the network, the host's processes; memory is limited"
SHARES = "CPU time; everything runs as one user"
MAX_MEMORY = 1 << 30
MAX_PROGRAM = 512 << 20
KILLED, ABORTED = 137, 134  # the exit codes of a program that got SIGKILL or SIGABRT
PYTHON_SHA256 = "e5dc5a398b07b54ea8fdb503bf68fb583d533f10ec3f930963e02b9505f7a763"
_WASI = "wasi_snapshot_preview1"


class _Python:
    """Addresses in one file: CPython 3.12.0 for WASI, from VMware's webassembly-language-runtimes.

    Its standard library is built in, as a read-only file system mounted at `/usr`; the base image has that library as
    files instead. Its C library keeps a pointer to the working directory, a string that is put at the stack's far end.
    """

    USR = (4_747_024, b"/usr\0", b"/.wasi-vfs\0")  # the address of the mount point's name, the name, its replacement
    CWD = 4_728_288  # the address of the pointer to the working directory
    ROOM = 64  # an address that only a stack of 500 KB would reach

    @classmethod
    def settle(cls, memory: Memory, store: Store, cwd: str) -> None:
        """Set the working directory, and hide the built-in `/usr`, before the program starts."""
        address, name, replacement = cls.USR
        assert memory.read(store, address, address + len(name)) == name
        memory.write(store, replacement, address)
        memory.write(store, os.fsencode(cwd) + b"\0", cls.ROOM)
        memory.write(store, cls.ROOM.to_bytes(4, "little"), cls.CWD)


class _Exit(Exception):
    """Raised by proc_exit, with the program's exit code; wasmtime's own proc_exit takes none above 125."""

    def __init__(self, code: int) -> None:
        self.code = code & 0xFF


def enforced_by() -> str:
    """wasmtime's checks, and what confines the worker on this machine."""
    return ", ".join(["wasmtime", *sandbox.means()])


def missing() -> str:
    """How to install wasmtime, if it is missing."""
    return "" if find_spec("wasmtime") else "WebAssembly programs need wasmtime: pip install 'imagelab-oci[wasm]'"


def start(root: Path, program: Program, streams: Streams, beside: int | None = None) -> Running:
    """Run a WebAssembly program, or a script whose interpreter is one; `beside` has no effect, as there is no PID.

    Raises CannotStart where wasmtime is not installed, and for an argument or variable that WASI cannot pass on.
    """
    if reason := missing():
        raise CannotStart(reason)
    refuse_devices(root)
    files = program.files(root)
    executable = look_up(files, program)  # again, in 0.1 ms: who chose this runtime may have looked some time ago
    if bad := [word for word in (*executable.argv, *program.env.values()) if "\0" in word or word != _text(word)]:
        raise CannotStart(f"exec {program.argv[0]}: {bad[0]!r} is not text in UTF-8 without NUL, as WASI requires")
    if single := next((one for one in program.mounts if one.source and not os.path.isdir(one.source)), None):
        raise CannotStart(f"/{single.target}: WebAssembly programs see mounted folders, and no single mounted file")
    program = replace(program, cwd="/" + files.resolve(program.cwd))
    settings = {
        "root": os.path.abspath(root), "path": executable.path, "argv": executable.argv, "program": asdict(program),
    }  # fmt: skip
    return worker.start(__name__, settings, streams)


def _text(word: str) -> str:
    return word.encode("utf-8", "replace").decode()


def main() -> int:
    """The worker: compile or load the program, confine this process, and run it."""
    from wasmtime import Config, Engine, WasmtimeError

    from .cache import load_or_compile_aside, module, uncached

    settings: dict[str, Any] = worker.read_settings(sys.argv[1])
    root, program = Path(settings["root"]), Program.from_json(settings["program"])
    code = program.files(root).read(settings["path"], MAX_PROGRAM)
    digest = hashlib.sha256(code).hexdigest()
    engine = Engine(Config())
    name = f"/{settings['path']}"
    compiled = load_or_compile_aside(engine, code, digest, name) if sys.platform == "linux" else None
    # on Linux it needs a process of one thread, and shuts the cache out
    binds = sandbox.enter(root, program.mounts, readonly=program.readonly)
    if program.timeout:
        timer = threading.Timer(program.timeout, os._exit, (KILLED,))
        timer.daemon = True
        timer.start()
    try:
        if not compiled and sys.platform == "linux":
            compiled = uncached(engine, code, name)
        compiled = compiled or module(engine, code, digest, name)
    except WasmtimeError as error:
        print(f"exec {program.argv[0]}: exec format error: {str(error).splitlines()[0]}", file=sys.stderr)
        return CANNOT_RUN
    return _run(engine, compiled, settings["argv"], root, replace(program, mounts=binds), digest == PYTHON_SHA256)


def _run(engine: Engine, compiled: Module, argv: list[str], root: Path, program: Program, python: bool) -> int:
    from wasmtime import FuncType, Linker, Memory, Store, Trap, ValType, WasiConfig, WasmtimeError

    wasi = WasiConfig()
    wasi.argv = argv
    wasi.env = list(({"PWD": program.cwd} | dict(program.env)).items())
    for bind in (Bind("", str(root), program.readonly), *program.mounts):
        if bind.source:
            _lend(wasi, bind)
    wasi.inherit_stdin()
    wasi.inherit_stdout()
    wasi.inherit_stderr()
    store = Store(engine)
    store.set_wasi(wasi)
    store.set_limits(memory_size=MAX_MEMORY)

    def leave(code: int) -> NoReturn:
        raise _Exit(code)

    linker = Linker(engine)
    linker.define_wasi()
    linker.allow_shadowing = True
    linker.define_func(_WASI, "proc_exit", FuncType([ValType.i32()], []), leave)
    try:
        exports = linker.instantiate(store, compiled).exports(store)
        memory, main = exports.get("memory"), exports.get("_start")
        if python and isinstance(memory, Memory):
            _Python.settle(memory, store, program.cwd)
        if not callable(main):
            print(f"exec {argv[0]}: exec format error: it exports no _start to begin at", file=sys.stderr)
            return CANNOT_RUN
        main(store)
    except _Exit as end:
        return end.code
    except Trap as trap:
        print(f"{argv[0]}: aborted: {trap.message.strip().splitlines()[-1].strip()}", file=sys.stderr)
        return ABORTED
    except WasmtimeError as error:
        print(f"exec {argv[0]}: exec format error: {str(error).splitlines()[0]}", file=sys.stderr)
        return CANNOT_RUN
    return 0


def _lend(wasi: Any, bind: Bind) -> None:
    """Let a program see a folder; how to say that it may only read differs between the versions of wasmtime."""
    import wasmtime

    reads: tuple[Any, ...] = (False,)
    if hasattr(wasmtime, "DirPerms"):  # in older ones
        reads = wasmtime.DirPerms.READ_ONLY, wasmtime.FilePerms.READ_ONLY  # type: ignore[attr-defined]
    wasi.preopen_dir(bind.source, f"/{bind.target}", *(reads if bind.readonly else ()))


if __name__ == "__main__":
    sys.exit(main())
