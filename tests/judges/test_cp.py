"""`docker cp` as Docker Engine does it: every kind of source to every kind of destination, and the same files after.

A source is a file, a folder, a link to either or to nothing, or is not there; a destination is one of these, or lies in
a folder that is not there; each path may end in `/` or in `/.`, and links may be followed (-L). What is compared: exit
codes, and the files that are there afterwards, with kinds, modes, owners, links and contents.
"""

from __future__ import annotations

import gzip
import io
import itertools
import os
import re
import shlex
import socket
import stat
import tarfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import pytest

from imagelab import Lab
from imagelab.cli import run
from imagelab.cli.command import Session
from imagelab.filesystem.entry import Entry
from judges.tools import CommandLine, Tool
from judges.trees import Found, differences, of_disk, of_tar

SOURCES = ("file", "folder", "to-file", "to-folder", "to-nothing", "missing")
TARGETS = ("new", "file", "folder", "to-file", "to-folder", "to-nothing", "gone/new")
ENDS = ("", "/", "/.")
CASES = [
    case
    for case in itertools.product(SOURCES, ENDS, TARGETS, ENDS, (False, True))
    if case[0].startswith("to-") or not case[-1]  # -L is about links
]


@dataclass(frozen=True)
class Answer:
    """What a command came to."""

    code: int
    err: str


def source() -> dict[str, Entry]:
    """What is copied."""
    return {
        "file": Entry.file(b"a file\n", 0o640), "folder": Entry.dir(0o751), "folder/a": Entry.file(b"a\n", 0o600),
        "folder/.hidden": Entry.file(b"hidden\n"), "folder/sub": Entry.dir(0o700), "folder/sub/b": Entry.file(b"b\n"),
        "folder/link": Entry.symlink("a"), "folder/x": Entry.file(b"another x\n"), "to-file": Entry.symlink("file"),
        "to-folder": Entry.symlink("folder"), "to-nothing": Entry.symlink("nowhere"),
    }  # fmt: skip


def target(above: str) -> dict[str, Entry]:
    """Where it goes; `above` is the absolute path of the folder that has all this in it."""
    return {
        "file": Entry.file(b"old\n", 0o644), "folder": Entry.dir(0o755), "folder/x": Entry.file(b"x\n"),
        "folder/sub": Entry.dir(0o755), "to-file": Entry.symlink("file"), "to-folder": Entry.symlink(f"{above}/folder"),
        "to-nothing": Entry.symlink("./nothing"),
    }  # fmt: skip


def write(files: dict[str, Entry], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for path, entry in files.items():
        place = folder / path
        if entry.kind == "symlink":
            place.symlink_to(entry.link)
            continue
        if entry.kind == "dir":
            place.mkdir()
        else:
            place.write_bytes(entry.read())
        place.chmod(entry.mode)


class Ours:
    """imagelab's command in this process: a thousand of them need no thousand Pythons."""

    def __init__(self, home: Path) -> None:
        self.home = home

    def __call__(self, *args: str) -> Answer:
        out, err = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            code = run(args, name="docker", session=Session(str(self.home)))
        return Answer(code, err.getvalue())


class Theirs:
    """Docker's command."""

    def __init__(self, docker: Tool) -> None:
        self.docker = docker

    def __call__(self, *args: str) -> Answer:
        done = self.docker.run(*args)
        return Answer(done.returncode, done.stderr.decode())


@pytest.fixture(scope="module")
def both(docker: Tool, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Theirs, Ours, Path]]:
    """Both commands, each with a container `box` of the same image: what is copied, and where it can go."""
    folder = tmp_path_factory.mktemp("cp")
    files = {}
    for number in range(len(CASES)):
        files[f"c/{number}"] = Entry.dir()
        files |= {f"c/{number}/{path}": entry for path, entry in target(f"/c/{number}").items()}
    lab = Lab(folder / "made", epoch=1_600_000_000)
    for name, held in (("from", source()), ("to", files)):
        lab.tag(lab.append(None, held).with_config(Cmd=["none"]), f"cp:{name}")
    lab.save(["cp:from", "cp:to"], folder / "cp.tar")
    ours, theirs = Ours(folder / "home"), Theirs(docker)
    try:
        for tool in (ours, theirs):
            assert tool("load", "--input", str(folder / "cp.tar")).code == 0
            for name in ("from", "to"):
                assert tool("create", "--name", name, "--network=none", f"cp:{name}").code == 0
        yield theirs, ours, folder
    finally:
        theirs("rm", "--force", "from", "to")
        theirs("rmi", "--force", "cp:from", "cp:to")


def ask_all(tool: Callable[..., Answer], into: bool, folder: Path, workers: int) -> list[Answer]:
    """The answers to every case."""

    def ask(number: int) -> Answer:
        kind, end, to, to_end, follow = CASES[number]
        if into:
            words = [f"{folder}/{kind}{end}", f"to:/c/{number}/{to}{to_end}"]
        else:
            write(target(f"{folder}/{number}"), folder / str(number))
            words = [f"from:/{kind}{end}", f"{folder}/{number}/{to}{to_end}"]
        return tool("cp", *(["-L"] if follow else []), *words)

    folder.mkdir(parents=True)
    if into:
        write(source(), folder)
    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(ask, range(len(CASES))))


@pytest.mark.parametrize("into", [True, False], ids=["in", "out"])
def test_every_source_to_every_destination(both, into):
    *tools, above = both
    folders = [above / name / ("in" if into else "out") for name in ("theirs", "ours")]
    with ThreadPoolExecutor(1) as other:
        asked = other.submit(ask_all, tools[0], into, folders[0], 4)
        answers = [ask_all(tools[1], into, folders[1], 1), asked.result()][::-1]
    if into:
        for tool, folder in zip(tools, folders, strict=True):
            assert tool("export", "--output", f"{folder}.tar", "to").code == 0
    wrong = []
    files = [by_case(of_tar(Path(f"{folder}.tar")), "c/") if into else by_case(of_disk(folder)) for folder in folders]
    assert len(files[0]) == len(files[1]) == len(CASES)
    for number, case in enumerate(CASES):
        theirs, ours = ({p: plain(f, folder) for p, f in found[number].items()}
                        for found, folder in zip(files, folders, strict=True))  # fmt: skip
        codes = [answer[number].code for answer in answers]
        if codes[0] != codes[1] or theirs != ours:
            wrong.append(f"{case} {[answer[number] for answer in answers]}\n  {differences(theirs, ours)}")
    assert not wrong, f"{len(wrong)} of {len(CASES)}\n" + "\n".join(wrong)


def by_case(files: dict[str, Found], above: str = "") -> list[dict[str, Found]]:
    """The files of each case, by their paths in its folder."""
    found: list[dict[str, Found]] = [{} for _ in CASES]
    for path, entry in files.items():
        if path.startswith(above) and path != above.rstrip("/"):
            number, _, below = path.removeprefix(above).partition("/")
            found[int(number)][below] = entry
    return found


def plain(entry: Found, folder: Path) -> Found:
    """Without its time, which for some is when the script ran, and without the folder that a link may name."""
    return entry._replace(mtime=0, link=entry.link.replace(str(folder), "HERE"), names=())


SCRIPT = r"""
cp a:b box:/
cp ./a:b box:/tmp
cp HERE/a:b box:/tmp/absolute
cp folder box:
cp file box:
cp box: out
cp '' box:/
cp file ''
cp box:etc/passwd relative
cp file box:tmp/relative
cp box:/tmp/../etc/group through-dots
cp file box:/gone/../tmp/not-through-gone
cp nobody:/x y
cp file nobody:/tmp
cp file nobody:/tmp/
cp gone nobody:/tmp
cp nobody:/x -
cp -a file nobody:/tmp/x/y
cp - nobody:/tmp < files.tar
cp box:/a box:/b
cp x y
cp :/x y
cp x :/y
cp
cp file box:/a box:/b
cp --nope file box:/
cp - box:/etc/passwd < files.tar
cp - box:/gone < files.tar
cp - box:/tmp < files.tar
cp - box:/srv < files.tar.gz
cp - box:/ < deep.tar
cp - box:/tmp < absolute.tar
cp - box:/tmp < escaping.tar
cp - box:/tmp < file
cp - box:/tmp < empty
cp - box:/tmp < removal.tar
cp special box:/
cp special/pipe box:/one-pipe
cp special/null box:/one-device
cp socket box:/srv
cp file box:/one-pipe
cp box:/special special-again
cp box:/special -
cp box:/special/. -
cp box:/special/hard -
cp box:/special/link -
cp -L box:/special/link -
cp -L box:/special/link followed
cp box:/special/ -
cp modes box:/srv
cp -a modes box:/opt
cp box:/srv modes-again
cp owned box:/
cp -a owned box:/owned-archived
cp box:/owned owned-again
cp file ghost:/tmp/kept
cp -a file ghost:/tmp/archived
cp ghost:/tmp/kept of-ghost
cp box:/etc/passwd /dev/null
cp box:/etc/passwd gone/x
cp box:/ root-new
cp box:/. root-new/
cp box:/ into
cp into/. box:/into-new/.
cp into/. box:/into-new/
cp box:/gone x
cp box:/etc/passwd/x x
cp box:/etc/passwd/ x
cp file box:/etc/passwd/x
"""
MORE = {  # docker's words, and ours where they say more, or are about something that docker does not do
    "cp file box:": "no such directory: ''",
    "cp file nobody:/tmp/": "no such directory: '/tmp/'",
    "cp - box:/tmp < escaping.tar": "the tar: '../file' leads out of it with '..'",
    "cp - box:/tmp < file": "the tar ends in the middle of an entry, at byte 7: it is truncated, or no tar",
    "cp box: out": "bad parameter: path cannot be empty",
    "cp -a file ghost:/tmp/archived": "unable to find user ghost: no matching entries in passwd file",
    "cp box:/etc/passwd/x x": "stat etc/passwd/x: not a directory",
    "cp box:/etc/passwd/ x": "'/etc/passwd/' is not a directory in the container",
    "cp file box:/etc/passwd/x": "'/etc/passwd' is not a directory in the container",
}
ONLY_DOCKER = {  # what docker does and imagelab refuses, in these words
    "cp - box:/tmp < removal.tar": "a name in the tar starts with '.wh.', which means a removal in a layer: no file "
    "may have it",
    "cp socket box:/srv": "'HERE/socket' is a socket: sockets cannot be copied",
}


def host_files(folder: Path) -> None:
    """Files of many kinds, and tars of some."""
    folder.mkdir()
    write(source(), folder)
    write({"a:b": Entry.file(b"colon\n"), "empty": Entry.file(b""), "into": Entry.dir(0o700)}, folder)
    write({"hard": Entry.file(b"two names\n"), "link": Entry.symlink("../etc/passwd")}, folder / "special")
    os.link(folder / "special/hard", folder / "special/hard2")
    os.mkfifo(folder / "special/pipe", 0o640)
    os.mknod(folder / "special/null", 0o666 | stat.S_IFCHR, os.makedev(1, 3))
    write({"set": Entry.file(b"", 0o4751), "sticky": Entry.dir(0o1777), "both": Entry.dir(0o710)}, folder / "modes")
    write({"mine": Entry.file(b"")}, folder / "owned")
    os.chown(folder / "owned/mine", 1234, 567)
    os.chown(folder / "owned", 33, 44)
    for path in ("owned", "special/hard", "modes/sticky"):
        os.utime(folder / path, (1_000_000_000.5, 1_000_000_000.5))
    socket.socket(socket.AF_UNIX).bind(os.path.relpath(folder / "socket"))
    for name, member in (
        ("files", "folder/sub/b"), ("absolute", "/abs"), ("escaping", "../file"), ("removal", ".wh.x"),
        ("deep", "srv/deep/er/b"),
    ):  # fmt: skip
        with tarfile.open(folder / f"{name}.tar", "w") as archive:
            info = tarfile.TarInfo(member)
            info.size = 2
            archive.addfile(info, io.BytesIO(b"b\n"))
    (folder / "files.tar.gz").write_bytes(gzip.compress((folder / "files.tar").read_bytes(), mtime=0))


def test_the_same_words_for_special_files_and_mistakes(docker, tmp_path_factory):
    """Line by line: exit codes, words, tars on standard output; then what is in the containers, and outside."""
    above = tmp_path_factory.mktemp("words")
    files = {
        "etc/passwd": "root:x:0:0::/:/bin/sh\n", "etc/group": "root:x:0:\n", "tmp": Entry.dir(0o1777),
        "srv": Entry.dir(0o755), "srv/both": Entry.dir(0o755), "opt": Entry.dir(),
    }  # fmt: skip
    lab = Lab(above / "made", epoch=1_600_000_000)
    lab.tag(lab.append(None, files).with_config(Cmd=["none"]), "cp:words")
    lab.save("cp:words", above / "cp.tar")
    answers, inside, outside = [], [], []
    for tool in (docker, CommandLine("imagelab", "--home", above / "home")):
        folder = above / str(len(answers))
        host_files(folder)
        tool("load", "--input", above / "cp.tar")
        try:
            tool("create", "--network=none", "--name", "box", "cp:words")
            tool("create", "--network=none", "--name", "ghost", "--user", "ghost", "cp:words")
            answers.append([ask(tool, line, folder) for line in SCRIPT.strip().splitlines()])
            tool("export", "--output", above / f"{folder}.tar", "box")
        finally:
            tool("rm", "--force", "box", "ghost")
            tool("rmi", "--force", "cp:words")
        inside.append(of_tar(above / f"{folder}.tar"))
        (folder / "socket").unlink()
        outside.append(of_disk(folder))
    wrong = []
    for line, theirs, ours in zip(SCRIPT.strip().splitlines(), *answers, strict=True):
        expected = theirs._replace(err=MORE[line]) if line in MORE else theirs
        if line in ONLY_DOCKER:
            assert theirs.code == 0
            expected = theirs._replace(code=1, err=ONLY_DOCKER[line])
        if ours != expected:
            wrong.append(f"{line}\n  docker {theirs}\n  wanted {expected}\n  ours   {ours}")
    assert not wrong, "\n".join(wrong)
    for found in inside:
        assert {found[path].mtime for path in ("owned", "special/hard", "srv/modes/sticky")} == {1_000_000_000}
    made = re.compile(r"(.*/)?(\.dockerenv|etc/(hostname|hosts|mtab|resolv.conf)|(dev|proc|sys)(/.*)?|tmp/.wh.x)")
    for found in (inside, outside):
        theirs, ours = ({p: plain(e, above) for p, e in each.items() if not made.fullmatch(p)} for each in found)
        assert not differences(theirs, ours)


class Words(NamedTuple):
    """What a command came to, in words that can be compared."""

    code: int
    out: str
    err: str


def ask(tool: Tool, line: str, folder: Path) -> Words:
    """One line of the script, said in a folder; `HERE` is its path, `<` a file of it on standard input."""
    line, _, given = line.replace("HERE", str(folder)).partition(" < ")
    done = tool.run(*shlex.split(line), stdin=(folder / given).read_bytes() if given else b"", cwd=folder)
    out, err = done.stdout, done.stderr.decode().replace(str(folder), "HERE")
    err = re.sub(r"^(Error response from daemon: |Error: )|^Usage:.*(\n\t.*)?", "", err, flags=re.MULTILINE)
    return Words(done.returncode, members(out), re.sub(r"\bdocker\b", "imagelab", err).strip())


def members(data: bytes) -> str:
    """A tar on standard output, one line for each path."""
    if data[257:262] != b"ustar":
        return data.decode()
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        rows = [(i.name.removeprefix("./").lstrip("/"), i.type, i.mode & 0o7777, i.linkname.removeprefix("./"))
                for i in archive]  # fmt: skip
    return "\n".join(map(str, sorted(rows)))
