"""Conditions on the files of an image, the bytes it wastes, and the layers it shares."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from ...analysis.waste import waste
from ...errors import NotFound
from ...filesystem.entry import Entry
from ..markup import plain
from .goal import Condition, Lines, Look

if TYPE_CHECKING:
    from ...lab import Lab
    from ...oci.image import Image

Files = tuple[tuple[str, str], ...]  # (path, what `described` says of the file there), sorted


def described(entry: Entry) -> str:
    """A file with all its attributes and the SHA-256 of its bytes, as text; of a directory, the time is left out."""
    time = "" if entry.kind == "dir" else f" {entry.mtime}"
    content = sha256(entry.read()).hexdigest() if entry.kind == "file" else f"{entry.link}{entry.device}"
    return f"{entry.kind} {entry.mode:o} {entry.uid}:{entry.gid}{time} {sorted(entry.xattrs.items())} {content}"


def files_of(image: Image, paths: Collection[str] | None = None, without: str = "") -> Files:
    """The files of an image as they are described: all, or those at some paths; `without` is left out."""
    tree: Mapping[str, Entry] = image.tree()
    chosen = [path for path in tree if path != without and (paths is None or path in paths)]
    return tuple((path, described(tree[path])) for path in sorted(chosen))


@dataclass(frozen=True)
class FileText(Condition):
    """A file in it has this text, spaces around it not counted. The text is never shown; `called` describes it."""

    path: str
    text: str
    called: str
    place = "files"

    @property
    def sentence(self) -> str:
        return f"shows a file `{self.path}` with {self.called} in it, and nothing else"

    @property
    def lines(self) -> Lines:
        return (f"{self.path}: {plain(self.called)}",)

    def look_at(self, image: Image, lab: Lab) -> Look:
        entry = image.tree().get(self.path)
        if entry is None or entry.kind != "file":
            return Look((f"{self.path}: not there",), f"it shows no file `{self.path}`")
        size = f"`{self.path}` has {entry.size:,} bytes"
        if entry.read().strip() == self.text.encode():
            return Look(self.lines, size)
        return Look((f"{self.path}: another text",), f"{size}, with another text")


@dataclass(frozen=True)
class SameFiles(Condition):
    """Its file system is that of another image: paths, bytes, modes, owners, times; but for `without`, if given."""

    like: str
    files: Files
    without: str = ""
    place = "files"

    @classmethod
    def of(cls, name: str, like: str, lab: Lab, without: str = "") -> SameFiles:
        """The condition, with the files that `like` has now."""
        return cls(name, like, files_of(lab.image(like), without=without), without)

    @property
    def sentence(self) -> str:
        but = f", `{self.without}` aside" if self.without else ""
        return f"shows the same files as {self.like}{but}, with the same bytes and modes"

    @property
    def lines(self) -> Lines:
        return (f"all {'other ' * bool(self.without)}files as in {self.like}",)

    def look_at(self, image: Image, lab: Lab) -> Look:
        mine, theirs = dict(files_of(image, without=self.without)), dict(self.files)
        if mine == theirs:
            return Look(self.lines, "they are the same")
        differ = sorted(path for path in {*mine, *theirs} if mine.get(path) != theirs.get(path))
        first = next((path for path in differ if not mine.get(path, "").startswith("dir")), differ[0])
        return Look((f"{first}: not as in {self.like}",), f"it differs in `{first}`")


@dataclass(frozen=True)
class KeepsFiles(Condition):
    """It has some files as another image has them: the same bytes, modes, owners and times."""

    like: str
    files: Files
    place = "files"

    @classmethod
    def of(cls, name: str, like: str, lab: Lab, *paths: str) -> KeepsFiles:
        """The condition, with the files that `like` has now at these paths."""
        return cls(name, like, files_of(lab.image(like), paths))

    @property
    def sentence(self) -> str:
        return f"shows {', '.join(f'`{path}`' for path, _ in self.files)} as {self.like} does"

    @property
    def lines(self) -> Lines:
        return tuple(f"{path}: as in {self.like}" for path, _ in self.files)

    def look_at(self, image: Image, lab: Lab) -> Look:
        tree = image.tree()
        lines, actual = [], []
        for path, description in self.files:
            entry = tree.get(path)
            same = entry is not None and described(entry) == description
            lines.append(f"{path}: " + (f"as in {self.like}" if same else "different" if entry else "not there"))
            actual += [] if same else [f"`{path}` is {'different' if entry else 'not there'}"]
        return Look(tuple(lines), ", ".join(actual) or "they are the same")


class NoWaste(Condition):
    """No layer of it holds a byte that a later one covers or removes."""

    place = "layers"
    sentence = "wastes no bytes"
    lines = ("no byte is hidden by a later layer",)

    def look_at(self, image: Image, lab: Lab) -> Look:
        usage = waste(image.layers)
        lines = (f"{usage.wasted:,} bytes are hidden by later layers",) if usage.wasted else self.lines
        return Look(lines, f"it has {usage.size:,} bytes, and wastes {usage.wasted:,}")


@dataclass(frozen=True)
class Shares(Condition):
    """The layers it shares with another image hold at least this many bytes of files."""

    sharer: str
    least: int
    place = "layers"

    @property
    def sentence(self) -> str:
        return f"shares layers of at least {self.least:,} bytes with {self.sharer}"

    @property
    def lines(self) -> Lines:
        return (f"{self.least:,} bytes or more shared with {self.sharer}",)

    def look_at(self, image: Image, lab: Lab) -> Look:
        try:
            theirs = set(lab.image(self.sharer).chain_ids)
        except NotFound:
            return Look(("shared with no image",), f"there is no image called {self.sharer}")
        layers = zip(image.chain_ids, image.layers, strict=True)
        shared = sum(layer.files_size for chain_id, layer in layers if chain_id in theirs)
        lines = self.lines if shared >= self.least else (f"{shared:,} bytes shared with {self.sharer}",)
        return Look(lines, f"it shares {shared:,} bytes")


@dataclass(frozen=True)
class FolderFile(Condition):
    """A folder on the disk, called `name`, has a file with the bytes that it had at the start."""

    folder: Path
    path: str
    digest: str
    kind = "folder"
    place = "files"

    @classmethod
    def of(cls, name: str, folder: Path, path: str) -> FolderFile:
        """The condition, with the bytes that the file has now."""
        return cls(name, folder, path, sha256((folder / path).read_bytes()).hexdigest())

    @property
    def sentence(self) -> str:
        return f"has the file `{self.path}` as it was at the start"

    @property
    def lines(self) -> Lines:
        return (f"{self.path}: as at the start",)

    def look_in(self, lab: Lab) -> Look:
        try:
            digest = sha256((self.folder / self.path).read_bytes()).hexdigest()
        except OSError:
            return Look((f"{self.path}: not there",), f"there is no file `{self.path}`")
        same = digest == self.digest
        lines = self.lines if same else (f"{self.path}: another text",)
        return Look(lines, "it has" if same else f"`{self.path}` has another text")
