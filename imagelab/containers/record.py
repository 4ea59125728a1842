"""A container's folder: its settings and its state on disk.

    <store>/containers/<id>/
        config.json    what it was created with; never changes
        program.json   what its shim starts, from the last start on
        state.json     created, running or exited; written by its shim
        before.json    how the root folder looked when it was new
        root/          its files: a clone of the image's, and then its own
        log.jsonl      what its program printed, as docker's json-file driver writes it
        alive          locked for as long as its shim lives, and so never out of date, whatever was killed; its PID
        lock           held by whoever is changing its state

A state that says "running" while nobody holds `alive` is a lie that a crash or a reboot has left: it is corrected, with
docker's exit code for it, 255.
"""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..errors import LabError
from ..host.atomic import write_atomically
from ..host.locks import flock
from ..runtime.program import Program
from ..shown import Displayed

Env = Sequence[str] | Mapping[str, str | None]  # NAME=VALUE lines, or a mapping; NAME alone, or None, unsets it
SHIM = "shim "  # before its PID, in `alive`, while it lives; later the last state stands there
_ROOM = 4096  # bytes, more than a state has
LOST = 255  # docker's exit code of a container that a crash or a reboot ended


@dataclass(frozen=True, slots=True)
class Spec(Displayed):
    """What a container was created with. `image` is the manifest's digest, `image_id` the config's."""

    id: str
    name: str
    image: str
    image_id: str
    image_name: str
    created: str
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    env: Mapping[str, str | None] = field(default_factory=dict)  # None unsets a variable
    workdir: str = ""
    user: str = ""
    hostname: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    interactive: bool = False
    remove: bool = False
    runtime: str = ""  # asked for by name; "" leaves it to the program's first bytes
    stop_signal: str = "SIGTERM"

    @property
    def env_lines(self) -> list[str]:
        """Its environment as docker writes it: NAME=VALUE, or NAME alone for a variable that it unsets."""
        return [name if value is None else f"{name}={value}" for name, value in self.env.items()]


@dataclass(frozen=True, slots=True)
class State(Displayed):
    """Where a container is in its life: created, running or exited; or dead, which is one whose record is damaged."""

    status: str = "created"
    pid: int | None = None  # of its program while that runs; never 0: `os.kill(0, …)` signals one's own group
    exit_code: int = 0
    started: str = ""
    finished: str = ""
    error: str = ""
    runtime: str = ""  # what runs it, or ran it last

    @classmethod
    def parse(cls, data: bytes) -> State:
        """The state that JSON describes; raises ValueError, TypeError or KeyError where it describes none."""
        values = json.loads(data)
        return cls(**{**values, "pid": values["pid"] or None})


@dataclass(frozen=True, slots=True)
class Launch:
    """What a shim starts: a program, its runtime's name, and whether the container is removed when that has ended."""

    program: Program
    runtime: str
    remove: bool


class Record:
    """One container's folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.root = folder / "root"
        self.log = folder / "log.jsonl"

    def spec(self) -> Spec:
        """What it was created with; raises LabError where that cannot be read."""
        try:
            values: dict[str, Any] = json.loads((self.folder / "config.json").read_bytes())
            lists = {key: tuple(values[key]) for key in ("entrypoint", "command")}
            return Spec(**{**values, **lists, "env": environment(values["env"])})
        except FileNotFoundError:
            raise
        except (OSError, ValueError, TypeError, AttributeError, KeyError) as error:
            raise self._damaged("config.json", error) from None

    def state(self) -> State:
        """Where it is in its life, corrected where it says more than is true."""
        found = self._read()
        if found.status == "running" and not self.alive():
            found = self._read()  # it may have ended well between the two looks
            if found.status == "running":
                lost = replace(
                    found, status="exited", pid=None, exit_code=LOST, finished=now(), error="its supervisor was killed",
                )  # fmt: skip
                found = self._last_words() or lost
                with suppress(OSError):
                    self.write(found)
        return found

    def _read(self) -> State:
        try:
            return State.parse((self.folder / "state.json").read_bytes())
        except FileNotFoundError:
            if self.folder.is_dir():
                return State("dead", error=str(self._damaged("state.json", "it is gone")))
            raise
        except (OSError, ValueError, TypeError, KeyError) as error:
            return State("dead", error=str(self._damaged("state.json", error)))

    def _damaged(self, name: str, why: object) -> LabError:
        return LabError(
            f"the container {self.folder.name[:12]} is damaged, {self.folder / name}: {why}; "
            f"remove it with: rm -f {self.folder.name[:12]}"
        )

    def _last_words(self) -> State | None:
        try:
            return State.parse((self.folder / "alive").read_bytes())
        except (OSError, ValueError, TypeError, KeyError):
            return None

    @contextmanager
    def room_for_state(self) -> Iterator[Callable[[State], None]]:
        """Take the disk space of a state before a program starts that could fill the disk; yields what writes one."""
        place = self.folder / f".state.json.{os.urandom(16).hex()}"
        try:
            with open(place, "xb", buffering=0) as file:
                file.write(bytes(_ROOM))

                def write(state: State) -> None:
                    os.ftruncate(file.fileno(), os.pwrite(file.fileno(), json.dumps(asdict(state)).encode(), 0))
                    os.replace(place, self.folder / "state.json")

                yield write
        finally:
            place.unlink(missing_ok=True)

    def ended(self, alive: int, state: State) -> None:
        """Say how it ended, in `alive` too, whose lock is held: there is room for that even on a full disk."""
        words = json.dumps(asdict(state)).encode()
        os.ftruncate(alive, os.pwrite(alive, words, 0))
        with suppress(OSError):
            self.write(state)

    def write(self, state: State) -> None:
        """Say where it is in its life now."""
        write_atomically(self.folder / "state.json", json.dumps(asdict(state)).encode(), durable=False)

    def write_spec(self, spec: Spec) -> None:
        """Say what it was created with."""
        write_atomically(self.folder / "config.json", json.dumps(asdict(spec)).encode(), durable=False)

    def launch(self) -> Launch:
        """What its shim is to start."""
        values = json.loads((self.folder / "program.json").read_bytes())
        return Launch(Program.from_json(values["program"]), values["runtime"], values["remove"])

    def write_launch(self, launch: Launch) -> None:
        """Keep what its shim is to start, readable by its owner alone: the environment may hold secrets."""
        path = self.folder / "program.json"
        path.touch(0o600)
        path.write_text(json.dumps(asdict(launch)))

    def before(self) -> dict[str, tuple[int, ...]]:
        """How the root folder looked when it was new, path → Stat (see `writable`)."""
        try:
            return {
                path: tuple(known) for path, known in json.loads((self.folder / "before.json").read_bytes()).items()
            }
        except (OSError, ValueError, TypeError, AttributeError) as error:
            raise self._damaged("before.json", error) from None

    def write_before(self, before: Mapping[str, tuple[int, ...]]) -> None:
        """Say how the root folder looks, which is new."""
        (self.folder / "before.json").write_text(json.dumps(before))

    def root_folder(self) -> Path:
        """Its root folder; raises LabError when that has been deleted."""
        if not self.root.is_dir():
            name = self.spec().name
            gone = f"the root folder of the container {name} is gone"
            raise LabError(f"{gone} ({self.root}): remove it with: rm -f {name}")
        return self.root

    def alive(self) -> bool:
        """Whether its shim lives."""
        with suppress(FileNotFoundError), flock(self.folder / "alive", shared=True, wait=False) as ours:
            return ours is None
        return False

    def wait(self) -> int | None:
        """Return when its shim has ended, at once if there is none, with the exit code it has left, if any.

        Works for a container that its shim removes at its end, too.
        """
        with suppress(FileNotFoundError), flock(self.folder / "alive", shared=True) as ours:
            assert ours is not None
            with suppress(ValueError, TypeError, KeyError):
                return State.parse(os.pread(ours, 1 << 16, 0)).exit_code
        return None

    def ends_within(self, seconds: float) -> bool:
        """Whether its shim ends in the given time; returns as soon as it does."""
        end = time.monotonic() + seconds
        while self.alive():
            if time.monotonic() >= end:
                return False
            time.sleep(0.01)
        return True

    def end(self) -> None:
        """Kill its shim, if one lives, and with it its program."""
        while self.alive():
            with suppress(FileNotFoundError, ProcessLookupError):
                if pid := self._read().pid:
                    os.kill(pid, signal.SIGKILL)
            with suppress(FileNotFoundError, ProcessLookupError, ValueError):  # no PID yet, or its last state
                os.kill(int((self.folder / "alive").read_text().removeprefix(SHIM)), signal.SIGKILL)
                break
            time.sleep(0.01)
        self.wait()

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Nobody else starts, stops or removes it meanwhile."""
        with flock(self.folder / "lock"):
            yield


def environment(env: Env) -> dict[str, str | None]:
    """Environment variables by name; of a name that comes twice, the last value counts."""
    if isinstance(env, Mapping):
        return dict(env)
    lines = (line.partition("=") for line in env)
    return {name: value if equals else None for name, equals, value in lines}


def now() -> str:
    """This moment as docker writes it; a container lives in real time, whatever the lab's epoch."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f000Z")
