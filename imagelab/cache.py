"""One idea: a step that was done before, on the same image with the same inputs, need not be done again.

A step's key is its parent image, its instruction, and for COPY and ADD the sums of its sources; what RUN does is never
looked at. Each build also leaves a record of its steps, so that the next one can say why a step was not found: which
file, which instruction, which argument.

Follows moby's image cache (builder/dockerfile/imageprobe.go): one miss means that the rest of the stage misses too.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from .blobs import write_atomically
from .digest import Digest
from .image import Image
from .store import Store


@dataclass(frozen=True, slots=True)
class Inputs:
    """All that decides a step: the parent image, the instruction, the build arguments it sees, the files it reads."""

    parent: str
    instruction: str
    arguments: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    settings: str = ""  # of the lab: epoch and platform reach an image too

    @property
    def key(self) -> str:
        """One name for all of it."""
        return hashlib.sha256(json.dumps(self.plain(), sort_keys=True).encode()).hexdigest()

    def plain(self) -> dict[str, Any]:
        """All of it as JSON has it."""
        return {
            "parent": self.parent, "instruction": self.instruction, "arguments": dict(self.arguments),
            "files": dict(self.files), "settings": self.settings,
        }  # fmt: skip


class BuildCache:
    """The steps that a store remembers; `recipe` tells one Dockerfile's builds from another's."""

    def __init__(self, store: Store, recipe: Sequence[str], *, use: bool = True) -> None:
        self._store = store
        self._folder = store.home / "cache" / "build"
        self._folder.mkdir(parents=True, exist_ok=True)
        self._use = use
        self._record = self._folder / f"last-{_short(*recipe)}"
        self._now: dict[str, Inputs] = {}
        self._before: dict[str, Inputs] = {}
        with suppress(OSError, ValueError, TypeError, AttributeError):
            self._before = {k: Inputs(**v) for k, v in json.loads(self._record.read_bytes()).items()}

    def find(self, step: str, inputs: Inputs) -> tuple[Image | None, str]:
        """The image that a step gave before, or None and the reason, in words; `step` is its place ("0.3")."""
        self._now[step] = inputs
        if not self._use:
            return None, "--no-cache"
        try:
            digest = Digest((self._folder / inputs.key).read_text())
        except FileNotFoundError:
            return None, self._why(step, inputs)
        if digest not in self._store.index.images():
            return None, "the image of this step was removed"
        return self._store.image(digest), ""

    def tried(self, parent: str, instruction: str) -> bool:
        """Whether a step of this instruction on this parent was ever done, with whatever files."""
        return self._use and (self._folder / f"tried-{_short(parent, instruction)}").exists()

    def remember(self, inputs: Inputs, image: Image) -> None:
        """Note what a step gave; losing the note to a power cut only costs time."""
        (self._folder / inputs.key).write_text(image.digest)
        (self._folder / f"tried-{_short(inputs.parent, inputs.instruction)}").touch()

    def save(self) -> None:
        """Keep this build's steps, for the next one to compare with."""
        record = {step: inputs.plain() for step, inputs in (self._before | self._now).items()}
        write_atomically(self._record, json.dumps(record).encode())

    def _why(self, step: str, now: Inputs) -> str:
        before = self._before.get(step)
        if before is None:
            return "not built before"
        if before.instruction != now.instruction:
            return f"instruction changed: it was {before.instruction[:60]!r}"
        changed = sorted(
            k for k in {*before.arguments, *now.arguments} if before.arguments.get(k) != now.arguments.get(k)
        )
        if changed:
            return f"--build-arg {', '.join(changed)} changed"
        files = {*before.files, *now.files}
        if told := sorted(path for path in files if before.files.get(path) != now.files.get(path)):
            verbs = {path: "added" if path not in before.files else "removed" for path in told}
            said = [f"{p} {'changed' if p in before.files and p in now.files else verbs[p]}" for p in told[:3]]
            return ", ".join(said) + (f" and {len(told) - 3} more" if len(told) > 3 else "")
        if before.parent != now.parent:
            return "parent changed"
        if before.settings != now.settings:
            return "the lab's epoch or platform changed"
        return "not built before"


def _short(*texts: str) -> str:
    return hashlib.sha256(json.dumps(texts).encode()).hexdigest()[:32]
