"""Copies of a container's files for programs of this machine, so that no link in it can mislead them.

A `Shadow` is a folder that holds the few files that pip is told of, at the paths they have in the root folder: wheels,
requirement files, and what is known of installed packages. Requirement files are rewritten on the way, so that the
paths in them lead to the shadow too.
"""

from __future__ import annotations

import os
import posixpath
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit

from ...errors import LabError
from ...host.root import Root

SITE = "usr/local/lib/python3.12/site-packages"
_KNOWN = ("METADATA", "RECORD", "INSTALLER", "REQUESTED", "WHEEL", "direct_url.json", "entry_points.txt")
_FILES = re.compile(r"(-r|--requirement|-c|--constraint|-f|--find-links)(?:\s*=\s*|\s+|(?<=-[rcf]))(\S.*)")
_PLAIN = re.compile(
    r"--(no-index|pre|prefer-binary|require-hashes|(trusted-host|index-url|extra-index-url|only-binary)[\s=].*)|-i\s.*"
)
_COMMENT = re.compile(r"(^|\s+)#.*$")
_VARIABLE = re.compile(r"\$\{([A-Z0-9_]+)\}")
_ARCHIVES = (".whl", ".zip", ".tar", ".tgz", ".tar.gz", ".tar.bz2", ".tbz", ".tar.xz", ".txz", ".tlz", ".tar.lz")


class Shadow:
    """Copies of a container's files in a folder of this machine; `cwd` and `env` are those of who asked for pip."""

    def __init__(self, folder: Path, root: Root, cwd: str, env: Mapping[str, str]) -> None:
        self.folder, self.root, self.cwd, self.env = folder, root, cwd, env
        self._seen: set[str] = set()
        (folder / cwd.strip("/")).mkdir(parents=True, exist_ok=True)

    def path(self, text: str) -> str:
        """A path, or the file: URL of one, as a path of the copy; a URL of the network stays as it is."""
        if urlsplit(text).scheme.lower() == "file":
            return self._copied(unquote(urlsplit(text).path))
        return text if "://" in text else self._copied(text)

    def requirement(self, text: str) -> str:
        """What to install, as pip takes it: a name, a path, `name @ URL`. Raises LabError for what is not supported."""
        if re.match(r"([^@]*@\s*)?(git|hg|svn|bzr)\+", text):
            raise LabError(f"{text}: a version control system is not asked: name a version, or a wheel's URL")
        found = re.fullmatch(r"([^/@\s]+\s*@\s*)?([^\s;\[]+)((?:\[[^\]]*\])?\s*(?:[;\s].*)?)", text)
        if not found:
            return text
        name, what, rest = found.groups(default="")
        if what.lower().startswith("file:"):
            return f"{name}{Path(self.path(what)).as_uri()}{rest}"
        if not name and "://" not in what and ("/" in what or what.startswith(".") or what.endswith(_ARCHIVES)):
            return self.path(what) + rest
        return text

    def requirements(self, text: str) -> str:
        """The path of a copy of a requirement file, with those that it names; network URLs stay as they are."""
        copy = self.path(text)
        if not os.path.isfile(copy) or copy in self._seen:
            return copy
        self._seen.add(copy)
        inside = copy.removeprefix(str(self.folder))
        with open(copy, "rb") as file:
            data = file.read()
        try:
            lines = re.sub(r"\\\r?\n", " ", data.decode("utf-8-sig")).splitlines()
        except UnicodeDecodeError:
            raise LabError(f"{inside} is not text in UTF-8") from None
        new = [self._line(_COMMENT.sub("", line).strip(), posixpath.dirname(inside), inside) for line in lines]
        Path(copy).write_text("\n".join(new) + "\n", "utf-8")
        return copy

    def _line(self, line: str, folder: str, inside: str) -> str:
        line = _VARIABLE.sub(lambda found: self.env.get(found[1]) or found[0], line)
        if found := _FILES.fullmatch(line):
            option, what = found.groups()
            what = what.strip("'\"")
            if not urlsplit(what).scheme:
                what = posixpath.join(folder, what)
            return f"{option} {self.path(what) if option in ('-f', '--find-links') else self.requirements(what)}"
        if line.startswith("-") and ("file:" in line or not _PLAIN.fullmatch(line)):
            raise LabError(f"{inside}: {line.split()[0]} is not supported: only wheels are installed")
        return self.requirement(line) if line and not line.startswith("-") else line

    def site(self) -> str:
        """A folder with what is known of the installed packages, and none of their code."""
        folder = self.folder / SITE
        folder.mkdir(parents=True, exist_ok=True)
        for name in self._names(SITE):
            if name.endswith(".dist-info") and self._kind(f"{SITE}/{name}", follow=False) == "dir":
                (folder / name).mkdir(exist_ok=True)
                for file in _KNOWN:
                    if self._kind(path := f"{SITE}/{name}/{file}") == "file":
                        self._copy(path, folder / name / file)
        return str(folder)

    def _copied(self, path: str) -> str:
        real = posixpath.normpath(posixpath.join(self.cwd, path))
        target = self.folder / real.strip("/")
        if target.is_file():
            return str(target)
        kind = self._kind(real)
        target.parent.mkdir(parents=True, exist_ok=True)
        if kind == "file":
            self._copy(real, target)
        elif kind == "dir":  # of wheels; pip looks no deeper
            target.mkdir(exist_ok=True)
            for name in self._names(real):
                if self._kind(f"{real}/{name}") == "file":
                    self._copy(f"{real}/{name}", target / name)
        return str(target)

    def _kind(self, path: str, *, follow: bool = True) -> str:
        try:
            return self.root.kind(path, follow=follow)
        except LabError:  # what is above it is missing, or is no directory
            return ""

    def _copy(self, path: str, target: Path) -> None:
        with target.open("wb") as file:
            for piece in self.root.find(path).chunks():
                file.write(piece)

    def _names(self, path: str) -> Iterator[str]:
        if self._kind(path) == "dir":
            yield from sorted(os.listdir(self.root.folder / self.root.resolve(path)))

    def close(self) -> None:
        """Remove the copies."""
        shutil.rmtree(self.folder, ignore_errors=True)
