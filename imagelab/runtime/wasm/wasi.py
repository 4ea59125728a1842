"""The wasm runtime: WebAssembly programs under wasmtime, with WASI preview 1.

It is handed WASI (preview 1): its arguments, environment, clock and standard streams, and one directory, `/`, which is
the root folder. wasmtime resolves each path in it and refuses one that leads outside: `..` above the root, and, unlike
Linux, every absolute symbolic link. There is no network, no thread, no other process and no chmod.

WASI knows no working directory. The Python of the base image made here is given one, and loses its own built-in `/usr`,
which would hide the image's: see `_Python`. Other programs start in `/`, and find theirs in $PWD.
"""

from __future__ import annotations

import hashlib
import os
import sys
import threading
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from ...host.root import Root
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
    """What is known of one file, CPython 3.12.0 for WASI of VMware's webassembly-language-runtimes.

    Its standard library is built in, as a read-only file system called `/usr`; the base image has that library as a
    file of its own instead. Its C library keeps the working directory in a string; and the stack has room for one.
    """

    USR = (4_747_024, b"/usr\0", b"/.wasi-vfs\0")  # where its built-in file system's name is; the name; another one
    CWD = 4_728_288  # where the pointer to the working directory is
    ROOM = 64  # an address that only a stack of 500 KB would reach

    @classmethod
    def settle(cls, memory: Memory, store: Store, cwd: str) -> None:
        """Put it into a working directory of the image's own file system, before it starts."""
        place, name, other = cls.USR
        assert memory.read(store, place, place + len(name)) == name
        memory.write(store, other, place)
        memory.write(store, os.fsencode(cwd) + b"\0", cls.ROOM)
        memory.write(store, cls.ROOM.to_bytes(4, "little"), cls.CWD)


class _Exit(Exception):
    """The program ends itself, with any code; wasmtime's own proc_exit takes none above 125."""

    def __init__(self, code: int) -> None:
        self.code = code & 0xFF


def enforced_by() -> str:
    """What confines its process on this machine, beside wasmtime's own checks."""
    return ", ".join(["wasmtime", *sandbox.means()])


def missing() -> str:
    """What to install for it."""
    return "" if find_spec("wasmtime") else "WebAssembly programs need wasmtime: pip install 'imagelab-oci[wasm]'"


def start(root: Path, program: Program, streams: Streams, beside: int | None = None) -> Running:
    """Run a WebAssembly program, or a script whose interpreter is one; there is nothing to be beside."""
    if lacks := missing():
        raise CannotStart(lacks)
    refuse_devices(root)
    files = Root(root)
    found = look_up(files, program)
    if bad := [word for word in (*found.argv, *program.env.values()) if "\0" in word or word != _text(word)]:
        raise CannotStart(f"exec {program.argv[0]}: {bad[0]!r} is not text in UTF-8 without NUL, which WASI wants")
    told = {
        "root": os.path.abspath(root), "path": found.path, "argv": found.argv, "env": dict(program.env),
        "cwd": "/" + files.resolve(program.cwd), "timeout": program.timeout,
    }  # fmt: skip
    return worker.start(__name__, told, streams)


def _text(word: str) -> str:
    return word.encode("utf-8", "replace").decode()


def main() -> int:
    """The process of its own, which is the program."""
    from wasmtime import Config, Engine, WasmtimeError

    from .cache import load_or_compile_aside, module, uncached

    told: dict[str, Any] = worker.told_to(sys.argv[1])
    root = Path(told["root"])
    program = Root(root).read(told["path"], MAX_PROGRAM)
    digest = hashlib.sha256(program).hexdigest()
    engine = Engine(Config())
    name = f"/{told['path']}"
    compiled = load_or_compile_aside(engine, program, digest, name) if sys.platform == "linux" else None
    sandbox.enter(root)  # on Linux it needs a process of one thread, and shuts the cache out
    if told["timeout"]:
        timer = threading.Timer(told["timeout"], os._exit, (KILLED,))
        timer.daemon = True
        timer.start()
    try:
        if not compiled and sys.platform == "linux":
            compiled = uncached(engine, program, name)
        compiled = compiled or module(engine, program, digest, name)
    except WasmtimeError as error:
        print(f"exec {told['argv'][0]}: exec format error: {str(error).splitlines()[0]}", file=sys.stderr)
        return CANNOT_RUN
    return _run(engine, compiled, told, digest == PYTHON_SHA256)


def _run(engine: Engine, compiled: Module, told: dict[str, Any], python: bool) -> int:
    from wasmtime import FuncType, Linker, Memory, Store, Trap, ValType, WasiConfig, WasmtimeError

    wasi = WasiConfig()
    wasi.argv = told["argv"]
    wasi.env = list(({"PWD": told["cwd"]} | told["env"]).items())
    wasi.preopen_dir(told["root"], "/")
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
            _Python.settle(memory, store, told["cwd"])
        if not callable(main):
            print(f"exec {told['argv'][0]}: exec format error: it exports no _start to begin at", file=sys.stderr)
            return CANNOT_RUN
        main(store)
    except _Exit as end:
        return end.code
    except Trap as trap:
        print(f"{told['argv'][0]}: aborted: {trap.message.strip().splitlines()[-1].strip()}", file=sys.stderr)
        return ABORTED
    except WasmtimeError as error:
        print(f"exec {told['argv'][0]}: exec format error: {str(error).splitlines()[0]}", file=sys.stderr)
        return CANNOT_RUN
    return 0


if __name__ == "__main__":
    sys.exit(main())
