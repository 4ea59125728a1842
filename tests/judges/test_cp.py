"""`docker cp` as Docker Engine does it: every kind of source to every kind of destination, and the same files after.

A source is a file, a folder, a link to either or to nothing, or is not there; a destination is one of these, or lies in
a folder that is not there; each path may end in `/` or in `/.`, and links may be followed (-L). What is compared: exit
codes, and the files that are there afterwards, with kinds, modes, owners, links and contents.
"""

from __future__ import annotations

import io
import itertools
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import pytest

from imagelab import Lab
from imagelab.cli import run
from imagelab.cli.verbs import Desk
from imagelab.entry import Entry
from judges.tools import Tool
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
            code = run(args, name="docker", desk=Desk(str(self.home)))
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
