"""Installed Python packages: put in place, replaced and removed by the files that the RECORD of each lists.

Implements "Recording installed projects" of the Python packaging specifications.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import os
import posixpath
import re
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from ...errors import LabError
from ...host.disk import scan
from ...host.root import Root
from ..binfmt import PIP_MARK
from .copies import SITE

_PREFIX = "usr/local/"


class Packages:
    """The packages in a root folder; `metadata` is a folder with copies of their dist-infos."""

    def __init__(self, root: Root, metadata: Path) -> None:
        self.root, self.metadata = root, metadata

    def put(self, stage: Path, *, hidden: Path) -> None:
        """Copy the staged packages into the root folder, and remove other versions of them.

        `hidden` is the folder of the shadow: its path is cut from direct_url.json, which leaves the container's.
        """
        if not stage.exists():
            return
        for info in (stage / SITE).glob("*.dist-info"):
            self.remove(_name(info.name))
            if (origin := info / "direct_url.json").exists():
                _rewrite(origin, origin.read_bytes().replace(bytes(hidden), b""))
        for path, entry in scan(stage).entries.items():
            if entry.kind == "dir":
                self.root.make_folders(path)
            elif not self._is_ours(path):
                self.root.write(path, replace(entry, mode=0o755 if entry.mode & 0o100 else 0o644), None)

    def remove(self, name: str) -> str:
        """Remove a package; returns its name and version, "" if it is not installed."""
        removed = ""
        for info in self._installed(name):
            removed = info.removesuffix(".dist-info")
            record = self.metadata / info / "RECORD"
            rows: list[list[str]] = []
            if record.exists():
                rows = list(csv.reader(record.read_text("utf-8", "replace").splitlines()))
            files = {posixpath.normpath(posixpath.join(SITE, row[0])) for row in rows if row}
            folders = set()
            for path in (path for path in files if path.startswith(_PREFIX) and not self._is_ours(path)):
                self.root.remove(path)
                above, file = posixpath.split(path)
                if file.endswith(".py"):
                    self.root.remove(f"{above}/__pycache__/{file[:-3]}.cpython-312.pyc")
                    folders.add(f"{above}/__pycache__")
                folders |= {above, *map(str, Path(above).parents)}
            for folder in sorted((f for f in folders if f.startswith(SITE + "/")), key=len, reverse=True):
                self.root.remove(folder)
        return removed

    def uninstall(self, words: list[str]) -> int:
        """Run `pip uninstall`; returns the exit code, and raises LabError for an option that is not supported."""
        if "-y" not in words and "--yes" not in words:
            raise LabError("pip uninstall asks a question that nobody could answer here: pip uninstall -y …")
        if others := [word for word in words if word.startswith("-") and word not in ("-y", "--yes", "-q", "--quiet")]:
            raise LabError(f"pip uninstall {others[0]} is not supported: name the packages")
        for name in (word for word in words if not word.startswith("-")):
            if removed := self.remove(name):
                print(f"Successfully uninstalled {removed}")
            else:
                print(f"WARNING: Skipping {name} as it is not installed.", file=sys.stderr)
        return 0

    def _installed(self, name: str) -> Iterator[str]:
        """The dist-infos of a package; names are compared in normalised form."""
        for folder in sorted(os.listdir(self.metadata)):
            if folder.endswith(".dist-info") and _name(folder) == _plain(name):
                yield folder

    def _is_ours(self, path: str) -> bool:
        """Whether this is the mark in place of a `pip` script, which an installed pip must not replace."""
        return self.root.kind(path) == "file" and self.root.read(path, len(PIP_MARK)) == PIP_MARK


def _name(info: str) -> str:
    """NAME-VERSION.dist-info → NAME."""
    return _plain(info.removesuffix(".dist-info").rsplit("-", 1)[0])


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _rewrite(path: Path, data: bytes) -> None:
    """Change a file of a dist-info, and its digest and size in RECORD; both keep their times."""
    record = path.parent / "RECORD"
    name = f"{path.parent.name}/{path.name}"
    digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
    lines = record.read_text("utf-8").splitlines()
    new = [f"{name},sha256={digest},{len(data)}" if line.startswith(f"{name},") else line for line in lines]
    for file, content in ((path, data), (record, "".join(f"{line}\n" for line in new).encode())):
        when = file.stat().st_mtime
        file.write_bytes(content)
        os.utime(file, (when, when))
