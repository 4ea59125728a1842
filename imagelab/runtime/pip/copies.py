"""Copies of a container's files for pip, which runs on this machine, so that no link in the container misleads it.

A `Shadow` is a folder with the few files that pip reads, at the paths they have in the root folder: wheels, requirement
files, and the metadata of installed packages. Requirement files are rewritten, so that their paths lead to the shadow.
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
    """Copies of a container's files in a folder of this machine; `cwd` and `env` are those of the pip command."""

    def __init__(self, folder: Path, root: Root, cwd: str, env: Mapping[str, str]) -> None:
        self.folder, self.root, self.cwd, self.env = folder, root, cwd, env
        self._seen: set[str] = set()
        (folder / cwd.strip("/")).mkdir(parents=True, exist_ok=True)

    def path(self, text: str) -> str:
        """Copy a path or file: URL, and return the path of the copy; a network URL is returned unchanged."""
        if urlsplit(text).scheme.lower() == "file":
            return self._copied(unquote(urlsplit(text).path))
        return text if "://" in text else self._copied(text)

    def requirement(self, text: str) -> str:
        """Rewrite a requirement (name, path, `name @ URL`) to lead to the copies; raises LabError for one of a VCS."""
        if re.match(r"([^@]*@\s*)?(git|hg|svn|bzr)\+", text):
            raise LabError(f"{text}: version control systems are not supported: name a version, or the URL of a wheel")
        match = re.fullmatch(r"([^/@\s]+\s*@\s*)?([^\s;\[]+)((?:\[[^\]]*\])?\s*(?:[;\s].*)?)", text)
        if not match:
            return text
        name, target, rest = match.groups(default="")
        if target.lower().startswith("file:"):
            return f"{name}{Path(self.path(target)).as_uri()}{rest}"
        if not name and "://" not in target and ("/" in target or target.startswith(".") or target.endswith(_ARCHIVES)):
            return self.path(target) + rest
        return text

    def requirements(self, text: str) -> str:
        """Copy a requirement file and those it includes, and return its copy's path; a network URL stays unchanged.

        Raises LabError for a file that is not text in UTF-8.
        """
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
        line = _VARIABLE.sub(lambda match: self.env.get(match[1]) or match[0], line)
        if match := _FILES.fullmatch(line):
            option, path = match.groups()
            path = path.strip("'\"")
            if not urlsplit(path).scheme:
                path = posixpath.join(folder, path)
            return f"{option} {self.path(path) if option in ('-f', '--find-links') else self.requirements(path)}"
        if line.startswith("-") and ("file:" in line or not _PLAIN.fullmatch(line)):
            raise LabError(f"{inside}: {line.split()[0]} is not supported: only wheels are installed")
        return self.requirement(line) if line and not line.startswith("-") else line

    def site(self) -> str:
        """A folder with copies of the installed packages' metadata, and none of their code."""
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
        elif kind == "dir":  # of wheels; pip does not read its subfolders
            target.mkdir(exist_ok=True)
            for name in self._names(real):
                if self._kind(f"{real}/{name}") == "file":
                    self._copy(f"{real}/{name}", target / name)
        return str(target)

    def _kind(self, path: str, *, follow: bool = True) -> str:
        try:
            return self.root.kind(path, follow=follow)
        except LabError:  # a folder above it is missing or not a directory
            return ""

    def _copy(self, path: str, target: Path) -> None:
        with target.open("wb") as file:
            for piece in self.root.find(path).chunks():
                file.write(piece)

    def _names(self, path: str) -> Iterator[str]:
        if self._kind(path) == "dir":
            yield from sorted(self.root.names(path))

    def close(self) -> None:
        """Remove the copies."""
        shutil.rmtree(self.folder, ignore_errors=True)
