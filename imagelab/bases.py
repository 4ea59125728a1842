"""One idea: a course needs an image to start from, and one that a laptop can make itself has the same digest on each.

`lab/shell:1.0` is made from the few files below on first use. It has no programs: its `/bin/sh` is a mark that makes
the shell runtime, an interpreter inside imagelab, run what a RUN instruction says. Its label says so.
"""

from __future__ import annotations

from .entry import Entry
from .image import Image
from .reference import Reference
from .runtime import SHELL_MARK
from .store import Store

SHELL = "lab/shell:1.0"
_SH = SHELL_MARK + b"\n# No program: imagelab runs the scripts of this image with an interpreter of its own.\n"
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


def provide(store: Store, name: str) -> Image | None:
    """The base image of this name, made and tagged if it is not here yet; None for a name that is not a base's."""
    reference = Reference.parse(SHELL)
    if Reference.parse(name).with_default_tag() not in (reference, reference.tagged("latest")):
        return None
    if reference.canonical not in store.tags():
        still = Store(store.home, epoch=0, platform="linux/amd64")  # no clock and no machine in it
        made = (
            still.scratch()
            .append(dict(_FILES), "imagelab: the shell base image")
            .with_config(
                'CMD ["/bin/sh"]',
                Cmd=["/bin/sh"],
                Env=["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
                Labels={
                    "dev.imagelab.base": "made by imagelab; /bin/sh is an interpreter inside imagelab, not a program"
                },
            )
        )
        still.point([reference], made, "base")
    return store.find(SHELL)
