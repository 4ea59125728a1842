"""`docker pull` and `docker push`.

Where stdout is no terminal, docker prints a line for each step of each layer, as it happens; here they come in the
layers' order, so that two runs print the same. On a terminal each layer has one line, which is drawn again.

Follows docker/cli (image/pull.go, push.go) and moby's distribution (pull_v2.go, push_v2.go) of 20.10.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from itertools import takewhile
from typing import TYPE_CHECKING

from .. import units
from ..errors import InvalidReference, LabError
from ..oci.reference import Reference
from .command import Session, explain, fail, flag, option, say, verb

if TYPE_CHECKING:
    from ..registry.client import Access
    from ..registry.transfer import Progress, Transfer

PULLED = {
    "waiting": ["Pulling fs layer"], "moved": ["Verifying Checksum", "Download complete"], "kept": ["Pull complete"],
    "exists": ["Already exists"],
}  # fmt: skip
PUSHED = {"waiting": ["Preparing"], "kept": ["Pushed"], "exists": ["Layer already exists"], "mounted": ["Mounted from"]}
ENDS = ("kept", "exists", "mounted")
DAEMON = "Error response from daemon: "
REDRAWN = 0.1  # seconds between two drawings on a terminal
BAR = 20  # characters
WIDE = 70  # columns from which on there is a bar


@verb("NAME[:TAG|@DIGEST]", takes=(1, 1))
@flag("-a", "--all-tags", help="Download all tagged images in the repository")
@option("--platform", kind="string", help="Set platform if server is multi-platform capable", default="")
@flag("-q", "--quiet", help="Suppress verbose output")
def pull(session: Session, args: tuple[str, ...], all_tags: bool, platform: str, quiet: bool) -> None:
    """Download an image from a registry."""
    try:
        pull_image(session, args[0], all_tags=all_tags, platform=platform, quiet=quiet)
    except InvalidReference as error:
        fail(str(error))
    except LabError as error:
        fail(f"{DAEMON if not str(error).startswith('tag can') else ''}{words_of(error)}")


def pull_image(
    session: Session, name: str, *, all_tags: bool = False, platform: str = "", quiet: bool = False,
    write: Callable[[str], None] = say,
) -> Transfer:  # fmt: skip
    """Pull, and print what docker prints; raises as `Lab.pull`, and LabError for a platform that is none."""
    reference = Reference.parse(name)
    check_platform(platform)
    if not (reference.tag or reference.digest or all_tags or quiet):
        write("Using default tag: latest\n")
    lab = session.lab
    shown = reference.pinned(reference.digest).familiar if reference.digest else reference.tag or "latest"
    printer = Printer(PULLED, write=write, head=f"{shown}: Pulling from {reference.path}\n")

    def finished(transfer: Transfer) -> None:
        printer.end()
        write(f"Digest: {transfer.digest}\n")

    access = access_of(session)
    if all_tags:
        from ..registry import pull as pulling

        if reference.tag or reference.digest:
            raise LabError("tag can't be used with --all-tags/-a")
        newer = False
        for tag in pulling.tags_of(reference, access):
            if not quiet:
                printer = Printer(PULLED, write=write, head=f"{tag.tag}: Pulling from {reference.path}\n")
            transfer = lab.pull(
                tag.familiar, platform=platform, access=access, report=None if quiet else printer
            )
            newer |= transfer.newer
            if not quiet:
                finished(transfer)
    else:
        transfer = lab.pull(name, platform=platform, access=access, report=None if quiet else printer)
        newer = transfer.newer
        if not quiet:
            finished(transfer)
    if not quiet:
        end = "Downloaded newer image" if newer else "Image is up to date"
        about = reference.pinned(reference.digest) if reference.digest else reference
        write(f"Status: {end} for {(about if all_tags else about.with_default_tag()).familiar}\n")
    write(f"{(reference if all_tags else reference.with_default_tag()).familiar}\n")
    return transfer


@verb("NAME[:TAG]", takes=(1, 1))
@flag("-a", "--all-tags", help="Push all tags of an image to the repository")
@option("--compression", kind="string", help="Compress layers with gzip, zstd or none (default gzip)", default="gzip")
@flag("-q", "--quiet", help="Suppress verbose output")
def push(session: Session, args: tuple[str, ...], all_tags: bool, compression: str, quiet: bool) -> None:
    """Upload an image to a registry."""
    try:
        reference = Reference.parse(args[0])
        if all_tags and (reference.tag or reference.digest):
            fail("tag can't be used with --all-tags/-a")
        if reference.digest:
            fail("cannot push a digest reference")
        if not (reference.tag or all_tags or quiet):
            say("Using default tag: latest\n")
        if not quiet:
            say(f"The push refers to repository [{reference.familiar_name}]\n")
        _push(session, reference, all_tags, compression, quiet)
    except InvalidReference as error:
        fail(str(error))
    except LabError as error:
        fail(words_of(error))


def _push(session: Session, reference: Reference, all_tags: bool, compression: str, quiet: bool) -> None:
    lab, access = session.lab, access_of(session)
    if compression == "zstd" and not quiet and not session.notebook:
        sys.stderr.write("WARNING! Docker 20 cannot unpack zstd layers; docker 23 and newer, podman and skopeo can.\n")
    here = sorted(name for name in lab.tags() if name.name == reference.name)
    for tag in here if all_tags and here else [reference.with_default_tag()]:
        printer = Printer(PUSHED, write=say, at_once=5)
        report = None if quiet else printer
        transfer = lab.push(tag.familiar, compression=compression, access=access, report=report)
        if not quiet:
            printer.end()
            say(f"{tag.tag}: digest: {transfer.digest} size: {transfer.blobs[-1].size}\n")
    if quiet:
        say(f"{(reference if all_tags else reference.with_default_tag()).familiar}\n")


def access_of(session: Session) -> Access:
    """How a command reaches registries: with docker's accounts on a command line, with the lab's in a notebook."""
    from ..registry.client import Access
    from ..registry.connection.credentials import Credentials

    return session.lab.reached(Access(None if session.notebook else Credentials.of_docker()))


def words_of(error: LabError) -> str:
    """What docker says of an error, where it has words for it."""
    words = getattr(error, "words", None)
    return " ".join(str(words or error).splitlines()) or explain(error)


def check_platform(text: str) -> None:
    """Refuse a platform that is none, in containerd's words (platforms.go); raises LabError."""
    import re

    from ..golang.quote import go_quoted

    known = {"aix", "android", "darwin", "freebsd", "linux", "netbsd", "openbsd", "plan9", "solaris", "windows"}
    if text and not re.fullmatch(r"[A-Za-z0-9_-]+(/[A-Za-z0-9_.-]+){0,2}", text):
        raise LabError(f"{go_quoted(text)} is an invalid component of a platform: invalid argument")
    if text and "/" not in text and text.lower() not in known | {"amd64", "arm64", "arm", "386", "s390x", "ppc64le"}:
        raise LabError(f"{go_quoted(text)}: unknown operating system or architecture: invalid argument")


class Printer:
    """A Report that prints as docker does; `words` are its own for each state, `head` a line before all layers.

    A push names layers by diffID, of which `at_once` travel, and the rest print Waiting; a pull by their blobs.
    """

    def __init__(
        self, words: dict[str, list[str]], *, write: Callable[[str], None], head: str = "", at_once: int = 3
    ) -> None:
        self._words, self._write, self._head, self._at_once = words, write, head, at_once
        terminal = sys.stdout is not None and sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
        self._live = write is say and terminal
        self._guard = threading.Lock()
        self._layers: dict[str, list[str]] = {}  # the states of each layer that have not been printed yet
        self._last: dict[str, Progress] = {}
        self._announced = False
        self._ended, self._drawn, self._drawn_at = 0, 0, 0.0  # layers above those that are drawn again; those; when

    def __call__(self, progress: Progress) -> None:
        with self._guard:
            if self._head and (progress.kind == "layer" or progress.state == "began"):
                self._write(self._head)
                self._head = ""
            if progress.kind != "layer":
                return
            name = progress.digest[7:19] if self._words is PULLED else str(progress.diff_id)[7:19]
            if self._live:
                self._last[name] = progress
                self._draw(final=progress.state in ENDS)
            else:
                self._note(name, progress)

    def end(self) -> None:
        """All layers have ended: print what has not been printed."""
        with self._guard:
            if self._head:
                self._write(self._head)
                self._head = ""
            if self._live:
                self._draw(final=True)
            else:
                self._announce()
                self._flush()

    # Line by line -------------------------------------------------------------------------------------------------

    def _note(self, name: str, progress: Progress) -> None:
        if name not in self._layers and not self._announced:
            self._layers[name] = []
            state = progress.state if progress.state == "exists" and self._words is PULLED else "waiting"
            self._say(name, state, progress)
            if state in ENDS:
                del self._layers[name]
                self._last[name] = progress
            return
        if progress.state in ("began", "moving", "waiting"):
            if progress.state == "began":
                self._announce()
            return
        self._announce()
        if name in self._last and self._last[name].state in ENDS:
            return
        self._last[name] = progress
        self._layers.setdefault(name, []).append(progress.state)
        self._flush()

    def _announce(self) -> None:
        """Say which layers have to wait, once."""
        if self._announced:
            return
        self._announced = True
        for name in list(self._layers)[self._at_once :]:
            self._write(f"{name}: Waiting\n")

    def _flush(self) -> None:
        """Print the states of the first layer, and once it has ended, of the next."""
        for name, states in list(self._layers.items()):
            for state in states:
                self._say(name, state, self._last[name])
            ended = any(state in ENDS for state in states)
            states.clear()
            if not ended:
                return
            del self._layers[name]

    def _say(self, name: str, state: str, progress: Progress) -> None:
        for words in self._words.get(state, ()):
            source = f" {progress.mounted_from}" if state == "mounted" else ""
            self._write(f"{name}: {words}{source}\n")

    # On a terminal ------------------------------------------------------------------------------------------------

    def _draw(self, *, final: bool) -> None:
        """Draw the layers from the first that has not ended on, as many as the terminal has rows for."""
        now = time.monotonic()
        if not final and now - self._drawn_at < REDRAWN:
            return
        self._drawn_at = now
        columns, rows = _size()
        up = f"\x1b[{self._drawn}A" if self._drawn else ""
        shown = list(enumerate(self._last.items()))[self._ended :]
        while shown:
            lines = [
                units.ellipsis(f"{name}: {self._outcome(number, last, columns)}", columns)
                for number, (name, last) in shown[: max(1, rows - 1)]
            ]
            sys.stdout.write(up + "".join(f"\x1b[2K{line}\n" for line in lines))
            ended = list(takewhile(lambda one: one[1][1].state in ENDS, shown[: len(lines)]))
            self._ended, self._drawn, up = self._ended + len(ended), len(lines) - len(ended), ""
            shown = shown[len(lines) :] if not self._drawn else []
        sys.stdout.flush()

    def _outcome(self, number: int, progress: Progress, columns: int) -> str:
        if progress.state == "moving" and progress.total:
            done = min(progress.done, progress.total)
            verb = "Downloading" if self._words is PULLED else "Pushing"
            numbers = f"{units.size(done, 4)}/{units.size(progress.total, 4)}"
            filled = BAR * done // progress.total
            bar = f"[{'=' * filled}>{' ' * (BAR - filled)}]  " if columns >= WIDE else ""
            return f"{verb} {bar}{numbers}"
        if progress.state == "waiting" and number >= self._at_once:
            return "Waiting"
        words = self._words.get(progress.state, self._words["waiting"])
        return words[-1] + (f" {progress.mounted_from}" if progress.mounted_from else "")


def _size() -> tuple[int, int]:
    """The columns and rows of the terminal."""
    try:
        size = os.get_terminal_size(sys.stdout.fileno())
    except (OSError, ValueError):
        return 80, 24
    return size.columns or 80, size.lines or 24  # a terminal may not know its size
