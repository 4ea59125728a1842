"""A container's folder: its settings and its state on disk.

    <store>/containers/<id>/
        config.json    what it was created with; never changes
        program.json   what its shim starts, from the last start on
        state.json     created, running or exited; written by its shim
        before.json    how the root folder looked when it was new
        root/          its files: a clone of the image's, and then its own
        tmpfs/         the files of its tmpfs mounts, while it runs
        log.jsonl      what its program printed, as docker's json-file driver writes it
        alive          locked by its shim while that runs: a free lock means that the shim is dead; holds its PID
        lock           locked by the process that changes its state

If the state is "running" and `alive` is not locked, a crash or a reboot ended the container: the state is corrected to
exited, with docker's exit code for this case, 255.
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
from ..volumes.mount import Mount

Env = Sequence[str] | Mapping[str, str | None]  # NAME=VALUE lines, or a mapping; NAME alone, or None, unsets it
SHIM = "shim "  # precedes the shim's PID in `alive` while it runs; afterwards `alive` holds the last state
_ROOM = 4096  # bytes, more than a state takes
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
    runtime: str = ""  # a runtime's name; "" lets the program's first bytes decide
    stop_signal: str = "SIGTERM"
    mounts: tuple[Mount, ...] = ()
    binds: tuple[str, ...] = ()  # -v as it was given, but for anonymous volumes
    volumes_from: tuple[str, ...] = ()
    read_only: bool = False  # its root folder

    @property
    def env_lines(self) -> list[str]:
        """Its environment as docker writes it: NAME=VALUE, or NAME alone for a variable that it unsets."""
        return [name if value is None else f"{name}={value}" for name, value in self.env.items()]


@dataclass(frozen=True, slots=True)
class State(Displayed):
    """The state of a container: created, running, exited, or dead (its record is damaged); times are RFC 3339."""

    status: str = "created"
    pid: int | None = None  # of its program while that runs; never 0: `os.kill(0, …)` signals one's own group
    exit_code: int = 0
    started: str = ""
    finished: str = ""
    error: str = ""
    runtime: str = ""  # that runs it, or ran it last

    @classmethod
    def parse(cls, data: bytes) -> State:
        """Read a state from JSON; raises ValueError, TypeError or KeyError when the JSON is not a state."""
        values = json.loads(data)
        return cls(**{**values, "pid": values["pid"] or None})


@dataclass(frozen=True, slots=True)
class Launch:
    """What a shim starts: a program, the name of its runtime, and whether to remove the container afterwards."""

    program: Program
    runtime: str
    remove: bool


class Record:
    """One container's folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.root = folder / "root"
        self.log = folder / "log.jsonl"
        self.tmpfs = folder / "tmpfs"

    def spec(self) -> Spec:
        """What it was created with; raises LabError when config.json is damaged."""
        try:
            values: dict[str, Any] = json.loads((self.folder / "config.json").read_bytes())
            lists = {key: tuple(values.get(key, ())) for key in ("entrypoint", "command", "binds", "volumes_from")}
            mounts = tuple(Mount(**mount) for mount in values.get("mounts", ()))
            return Spec(**{**values, **lists, "env": environment(values["env"]), "mounts": mounts})
        except FileNotFoundError:
            raise
        except (OSError, ValueError, TypeError, AttributeError, KeyError) as error:
            raise self._damaged("config.json", error) from None

    def state(self) -> State:
        """Its state, corrected when a crash or a reboot has ended it."""
        state = self._read()
        if state.status == "running" and not self.alive():
            state = self._read()  # it may have ended normally between the two reads
            if state.status == "running":
                lost = replace(
                    state, status="exited", pid=None, exit_code=LOST, finished=now(), error="its supervisor was killed",
                )  # fmt: skip
                state = self._last_words() or lost
                with suppress(OSError):
                    self.write(state)
        return state

    def _read(self) -> State:
        try:
            return State.parse((self.folder / "state.json").read_bytes())
        except FileNotFoundError:
            if self.folder.is_dir():
                return State("dead", error=str(self._damaged("state.json", "it is missing")))
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
        """Reserve disk space for a state before a program can fill the disk; yields a function that writes it."""
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
        """Write the last state, also to `alive`, open as descriptor `alive`: that has room even on a full disk."""
        os.ftruncate(alive, os.pwrite(alive, json.dumps(asdict(state)).encode(), 0))
        with suppress(OSError):
            self.write(state)

    def write(self, state: State) -> None:
        """Write its state."""
        write_atomically(self.folder / "state.json", json.dumps(asdict(state)).encode(), durable=False)

    def write_spec(self, spec: Spec) -> None:
        """Write what it was created with."""
        write_atomically(self.folder / "config.json", json.dumps(asdict(spec)).encode(), durable=False)

    def launch(self) -> Launch:
        """Read what its shim starts."""
        values = json.loads((self.folder / "program.json").read_bytes())
        return Launch(Program.from_json(values["program"]), values["runtime"], values["remove"])

    def write_launch(self, launch: Launch) -> None:
        """Write what its shim starts, readable by the owner only: the environment may hold secrets."""
        path = self.folder / "program.json"
        path.touch(0o600)
        path.write_text(json.dumps(asdict(launch)))

    def before(self) -> dict[str, tuple[int, ...]]:
        """What `stat` said of each path of the new root folder (see `host.snapshot`); raises LabError if damaged."""
        try:
            return {
                path: tuple(stat) for path, stat in json.loads((self.folder / "before.json").read_bytes()).items()
            }
        except (OSError, ValueError, TypeError, AttributeError) as error:
            raise self._damaged("before.json", error) from None

    def write_before(self, before: Mapping[str, tuple[int, ...]]) -> None:
        """Write what `stat` says of each path of the new root folder."""
        (self.folder / "before.json").write_text(json.dumps(before))

    def root_folder(self) -> Path:
        """Its root folder; raises LabError when that has been deleted."""
        if not self.root.is_dir():
            name = self.spec().name
            gone = f"the root folder of the container {name} is gone"
            raise LabError(f"{gone} ({self.root}): remove it with: rm -f {name}")
        return self.root

    def alive(self) -> bool:
        """Whether its shim is running."""
        with suppress(FileNotFoundError), flock(self.folder / "alive", shared=True, wait=False) as alive:
            return alive is None
        return False

    def wait(self) -> int | None:
        """Wait until its shim has ended, and return the exit code that it left, or None if it left none.

        Works too for a container that its shim removes at the end.
        """
        with suppress(FileNotFoundError), flock(self.folder / "alive", shared=True) as alive:
            assert alive is not None
            with suppress(ValueError, TypeError, KeyError):
                return State.parse(os.pread(alive, 1 << 16, 0)).exit_code
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
        """Kill its shim, if one is running, and with it the program."""
        while self.alive():
            with suppress(FileNotFoundError, ProcessLookupError):
                if pid := self._read().pid:
                    os.kill(pid, signal.SIGKILL)
            with suppress(FileNotFoundError, ProcessLookupError, ValueError):  # no PID in `alive`
                os.kill(int((self.folder / "alive").read_text().removeprefix(SHIM)), signal.SIGKILL)
                break
            time.sleep(0.01)
        self.wait()

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Lock the container: no other process starts, stops or removes it inside the block."""
        with flock(self.folder / "lock"):
            yield


def environment(env: Env) -> dict[str, str | None]:
    """Environment variables by name; of a name that comes twice, the last value counts."""
    if isinstance(env, Mapping):
        return dict(env)
    lines = (line.partition("=") for line in env)
    return {name: value if equals else None for name, equals, value in lines}


def now() -> str:
    """The time now, as docker writes it; containers have real times, whatever the lab's epoch."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f000Z")
