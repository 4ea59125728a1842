"""Images that differ in every way an image can: each is built in a Lab and shown to every judge.

A case is a function from a Lab to the image it makes; its name is the image's repository. The tree that the
judges must find is the Tree that the image itself says it holds.
"""

from __future__ import annotations

import io
import os
import struct
import tarfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from imagelab import Lab
from imagelab.filesystem.entry import Entry
from imagelab.filesystem.tree import Changes
from imagelab.oci.image import Image

Case = Callable[[Lab], Image]
CASES: dict[str, Case] = {}
TAGS = {"several-tags": ["several-tags:1.0", "several-tags:latest", "localhost:5000/team/app:v1", "quay.io/a/b:2"]}


def case(make: Case) -> Case:
    CASES[make.__name__.replace("_", "-")] = make
    return make


def build(lab: Lab, name: str) -> tuple[Image, list[str]]:
    """Make a case's image in the lab and tag it; returns it with the names it got."""
    names = TAGS.get(name, [f"{name}:1"])
    image = CASES[name](lab)
    for wanted in names:
        lab.tag(image, wanted)
    return image, names


def with_file(lab: Lab, **more: bytes) -> Image:
    return lab.append(lab.scratch, {"base.txt": b"base\n", **more}, created_by="COPY base.txt /")


@case
def plain(lab: Lab) -> Image:
    return with_file(lab)


@case
def zero_layers(lab: Lab) -> Image:
    return lab.scratch.with_config(Env=["A=1"])


@case
def empty_layer(lab: Lab) -> Image:
    return lab.append(with_file(lab), Changes(), created_by="RUN true")


@case
def several_tags(lab: Lab) -> Image:
    return with_file(lab, several=b"tags")


@case
def hard_links(lab: Lab) -> Image:
    """Two names of one inode in one layer, and a third placed by the next layer."""
    one = Entry.file(b"linked\n" * 100)
    image = lab.append(lab.scratch, Changes({"bin/a": one, "bin/b": one, "z": one}), created_by="ln")
    return lab.append(image, Changes({"only": Entry.file(b"2")}, links={"bin/c": "bin/a"}), created_by="ln below")


@case
def whiteouts(lab: Lab) -> Image:
    image = lab.append(lab.scratch, {"d/one": "1", "d/two": "2", "gone/deep/file": "3", "kept": "4", ".hid": "5"})
    return lab.append(image, {"d/one": None, "gone": None, ".hid": None, "new": "6"}, created_by="rm")


@case
def opaque_directory(lab: Lab) -> Image:
    image = lab.append(lab.scratch, {"cache/a": "1", "cache/sub/b": "2", "cache/c": "3"})
    entries = {"cache": Entry.dir(), "cache/c": Entry.file(b"again"), "cache/d": Entry.file(b"new")}
    return lab.append(image, Changes(entries, opaque=frozenset({"cache"})), created_by="rm -r cache/*")


@case
def kinds_that_change(lab: Lab) -> Image:
    """A directory becomes a file, a file a directory, a link a file."""
    image = lab.append(
        lab.scratch,
        {
            "a/inside": "1",
            "b": "2",
            "c": Entry.symlink("b"),
            "d/x": "3",
            "e": Entry.dir(0o700),
        },
    )
    return lab.append(
        image,
        {
            "a": "now a file",
            "b": Entry.dir(),
            "b/inside": "now a directory",
            "c": "now a file",
            "d": Entry.symlink("b"),
            "e": Entry.dir(0o1777),
        },
    )


@case
def long_names(lab: Lab) -> Image:
    return lab.append(
        lab.scratch,
        {
            "x" * 99: "99",
            "y" * 100: "100",
            "z" * 101: "101",
            "n" * 255: "255",
            "/".join(["p" * 50] * 5): "prefix would do",
            "/".join(["q" * 200] * 5): "path of 1,004",
            "link": Entry.symlink("t" * 101),
            "link100": Entry.symlink("u" * 100),
        },
    )


@case
def odd_names(lab: Lab) -> Image:
    """Several scripts, composed and decomposed letters, spaces, newlines, names that differ in case."""
    names = [
        "\u00e9",
        "e\u0301",
        "日本語/ファイル",
        "Ω" * 40,
        "emoji-🐳",
        " space ",
        "new\nline",
        "tab\t",
        "back\\slash",
        "quote'\"",
        "README",
        "readme",
        "Readme",
        "-dash",
        "%41",
        "a=b",
        "wh.not",
        "..dots",
        "...",
        "~",
    ]
    image = lab.append(lab.scratch, {name: f"{name}\n" for name in names})
    return lab.append(image, {"to ü": Entry.symlink("日本語"), "\u00e9": None})


@case
def modes_and_owners(lab: Lab) -> Image:
    """Setuid, setgid, sticky and no bits at all; owners beyond seven octal digits."""

    def owned(mode: int, uid: int = 0, gid: int = 0) -> Entry:
        return Entry.file(b"x", mode, uid=uid, gid=gid)

    return lab.append(
        lab.scratch,
        {
            "su": owned(0o4755),
            "sg": owned(0o2755),
            "all": owned(0o7777),
            "none": owned(0),
            "user": owned(0o600, 1000, 1000),
            "big": owned(0o644, 2**21, 2**31 - 2),
            "tmp": Entry.dir(0o1777),
            "home": Entry.dir(0o700, uid=1000, gid=50),
        },
    )


@case
def devices(lab: Lab) -> Image:
    return lab.append(
        lab.scratch,
        {
            "dev/null": Entry("char", 0o666, device=(1, 3)),
            "dev/loop9": Entry("block", 0o660, device=(7, 9)),
            "run/pipe": Entry("fifo", 0o600),
            "dev/high": Entry("char", 0o600, device=(250, 300)),
        },
    )


@case
def capabilities(lab: Lab) -> Image:
    """The one extended attribute that docker keeps: cap_net_raw, as `setcap` writes it (revision 2)."""
    capability = struct.pack("<5I", 0x02000001, 1 << 13, 0, 0, 0)
    ping = replace(Entry.file(b"#!", 0o755), xattrs={"security.capability": capability})
    return lab.append(lab.scratch, {"bin/ping": ping})


@case
def times(lab: Lab) -> Image:
    moments = (0, 1, 1_700_000_000, 2**33 - 1, 2**33)
    entries = {str(when): replace(Entry.file(b"t"), mtime=when) for when in moments}
    return Lab(lab.home, epoch=2**40).append(lab.scratch, entries)


@case
def symlinks(lab: Lab) -> Image:
    return lab.append(
        lab.scratch,
        {
            "usr/bin/tool": "t",
            "bin": Entry.symlink("usr/bin"),
            "abs": Entry.symlink("/usr/bin/tool"),
            "dangling": Entry.symlink("/no/where"),
            "loop": Entry.symlink("loop"),
            "usr/up": Entry.symlink("../bin"),
        },
    )


@case
def deep_directories(lab: Lab) -> Image:
    return lab.append(lab.scratch, {"/".join(["d"] * 400) + "/leaf": "deep"})


@case
def many_layers(lab: Lab) -> Image:
    image = lab.scratch
    for number in range(60):
        content = {"count": str(number), f"file{number}": "x"} | ({f"file{number - 7}": None} if number >= 7 else {})
        image = lab.append(image, content, created_by=f"step {number}")
    return image


@case
def same_layer_twice(lab: Lab) -> Image:
    image = lab.append(lab.scratch, {"a": "1"}, created_by="COPY a /")
    image = lab.append(image, {"b": "2"}, created_by="COPY b /")
    return lab.append(image, {"a": "1"}, created_by="COPY a /")


@case
def rich_config(lab: Lab) -> Image:
    return lab.append(with_file(lab), {"app.py": "print()"}, created_by="COPY <a> && b").with_config(
        Env=["PATH=/usr/bin:/bin", "GREETING=grüß dich <&>", "EMPTY="],
        Cmd=["python", "app.py", "a b", 'q"uote'],
        Entrypoint=["/bin/sh", "-c"],
        WorkingDir="/srv/app",
        User="1000:1000",
        StopSignal="SIGTERM",
        ExposedPorts={"80/tcp": {}, "53/udp": {}},
        Volumes={"/data": {}},
        Labels={"a.b": "c", "ü": "<&>\u2028"},
    )


@case
def flattened(lab: Lab) -> Image:
    return whiteouts(lab).flatten()


@case
def a_folder(lab: Lab) -> Image:
    """What lies on a disk: links, modes, and a clock that the lab's epoch clamps."""
    folder = lab.home.parent / "folder"
    (folder / "sub").mkdir(parents=True, exist_ok=True)
    (folder / "sub" / "file").write_bytes(os.urandom(70_000))
    (folder / "run.sh").write_text("#!/bin/sh\n")
    (folder / "run.sh").chmod(0o755)
    for name, make in (("hard", os.link), ("soft", os.symlink)):
        if not os.path.lexists(folder / name):
            make(folder / "run.sh" if name == "hard" else "run.sh", folder / name)
    return lab.append(lab.scratch, folder, created_by="COPY . /")


@case
def a_foreign_tar(lab: Lab) -> Image:
    """A GNU tar as Python writes it: `./` names, children before parents, padded to 10,240 bytes."""
    path = Path(lab.home.parent / "foreign.tar")
    with tarfile.open(path, "w", format=tarfile.GNU_FORMAT) as archive:
        for name in ("./late/child", "./" + "g" * 150, "./ü"):
            info = tarfile.TarInfo(name)
            info.size = 3
            info.uname = "somebody"
            archive.addfile(info, io.BytesIO(b"abc"))
        info = tarfile.TarInfo("./late")
        info.type, info.mode = tarfile.DIRTYPE, 0o711
        archive.addfile(info)
    return lab.append(lab.scratch, path, created_by="ADD foreign.tar /")
