"""Container: an image's files, a writable layer, and a program that runs in them.

Starting a container changes neither the image nor other containers; stopping it ends the processes and keeps the files;
removing it deletes the writable layer. Errors have docker's texts.

Follows Docker Engine's API for containers, version 1.41.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import replace
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from ..archive.save import whole_file
from ..build.config import applied
from ..cp.copy import copy_in, copy_out
from ..errors import Conflict, Interrupted, LabError, NotFound
from ..filesystem.tree import Changes, Tree
from ..filesystem.users import user_of
from ..host.root import Bind, Root
from ..host.snapshot import remove
from ..host.space import names_full_disks
from ..oci.digest import Digest
from ..oci.layer import pack, sum_of_files
from ..oci.reference import Reference
from ..runtime.process import feed, stdin_of, watch
from ..runtime.program import NO_CONTAINER, CannotStart, Output, Streams, named
from ..shown import Displayed, Listing
from ..units import parse_time
from ..volumes.place import bind_all, still_there
from ..volumes.users import GONE, remove_anonymous
from . import log
from .command import program_of, runtime_of
from .names import image_called
from .pause import counted, left_stopped, mounts_still, resume
from .record import Env, Launch, Record, Spec, State
from .settings import config_of, signal_number
from .start import attend, interrupts_held, launch
from .writable_layer import WritableLayer

if TYPE_CHECKING:
    from ..oci.image import Image
    from ..store.store import Store

STOP_SECONDS = 10.0  # docker's grace between the stop signal and the kill
NOT_STARTED = 128  # docker's exit code of a container that it could not start, while the command says 125


@names_full_disks
class Container(Displayed):
    """One container; its state is read from disk each time, since it changes without this process."""

    def __init__(self, store: Store, record: Record) -> None:
        self._store, self._record = store, record
        self.id = record.folder.name
        self._last = State("created")
        self._shim: subprocess.Popen[bytes] | None = None  # if this very object started it
        self._damage = ""
        try:
            self.spec = record.spec()
        except LabError as error:
            self._damage = str(error)
            self.spec = Spec(self.id, self.id[:12], "", "", "<damaged>", "1970-01-01T00:00:00Z")

    def __repr__(self) -> str:
        return f"<Container {self.name} of {self.image_name}: {self.status}>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Container) and self.id == other.id

    def __hash__(self) -> int:
        return hash(self.id)

    # What it is ------------------------------------------------------------------------------------------------

    @property
    def short(self) -> str:
        """The first 12 digits of its ID, as docker prints it."""
        return self.id[:12]

    @property
    def name(self) -> str:
        """Its name: a chosen or a generated one."""
        return self.spec.name

    @property
    def image_name(self) -> str:
        """The name or ID by which `create` was given its image; the name may point to another image now."""
        return self.spec.image_name

    @property
    def image_id(self) -> Digest:
        """The ID of the image it was made from, the same whatever tags point to now."""
        return Digest(self.spec.image_id)

    @property
    def image_digest(self) -> Digest:
        """The manifest digest of the image it was made from."""
        return Digest(self.spec.image)

    @property
    def home(self) -> Path:
        """The folder of its lab."""
        return self._store.home

    @property
    def image(self) -> Image:
        """The image it was made from; raises NotFound if that has been removed."""
        if not self.spec.image:
            raise NotFound(f"container {self.spec.name}: the record of its image is damaged")
        return self._store.image(Digest(self.spec.image))

    def image_called(self, *, trunc: bool = True, by_digest: bool = False) -> str:
        """Its image as `docker ps` shows it: `image_name` while that points to the image, or else the ID.

        With `trunc`, IDs have 12 digits, and names are short and without a digest; with `by_digest`, the ID is the
        manifest's digest, as in Docker 29. Follows docker/cli, formatter/container.go (20.10).
        """
        return image_called(self._store, self.spec, trunc=trunc, by_digest=by_digest)

    @property
    def argv(self) -> tuple[str, ...]:
        """The arguments of its program: entrypoint and command."""
        return self.spec.entrypoint + self.spec.command

    @property
    def gone(self) -> bool:
        """Whether it has been removed."""
        return not self._record.folder.is_dir()

    def _here(self) -> None:
        if self.gone:
            raise NotFound(f"No such container: {self.spec.name}")

    @property
    def log_path(self) -> Path:
        """The file that holds what its program printed, one JSON object a line."""
        return self._record.log

    @property
    def root(self) -> Path:
        """Its root folder on this machine's disk."""
        return self._record.root

    @property
    def command_text(self) -> str:
        """Entrypoint and command on one line, as `docker ps` prints them."""
        words = [f"'{word}'" if " " in word else word for word in self.argv[1:]]
        return " ".join([*self.argv[:1], *words])

    @property
    def labels(self) -> Mapping[str, str]:
        """The image's labels, and its own."""
        return self.spec.labels

    @property
    def created(self) -> datetime:
        """When it was created."""
        return parse_time(self.spec.created)

    @property
    def state(self) -> State:
        """Its state now; after it has been removed, its last state."""
        with suppress(FileNotFoundError):
            self._last = State("dead", error=self._damage) if self._damage else self._record.state()
            if self._last.status == "running" and left_stopped(self._record):
                resume(self._record)
        return self._last

    @property
    def status(self) -> str:
        """created, running, exited, or dead: its record is damaged."""
        return self.state.status

    @property
    def running(self) -> bool:
        """Whether its program is running."""
        return self.state.status == "running"

    @property
    def pid(self) -> int | None:
        """The PID of its program on this machine, or None if it does not run (`docker inspect` prints 0 then)."""
        return self.state.pid

    @property
    def exit_code(self) -> int:
        """The exit code of its last run; 0 before the first."""
        return self.state.exit_code

    # Its life --------------------------------------------------------------------------------------------------

    def start(
        self, *, input: int | bytes | None = None, output: Output | None = None, wait: bool = False
    ) -> Container:
        """Start its program; does nothing if it runs. With `wait` or `output`, returns when the program has ended.

        `output` is called with the stream's name and bytes, as they come. `input` is a file descriptor, or bytes.
        An interrupt (Ctrl-C, a notebook's ■) goes to the program as soon as that runs; a second one kills the program
        and raises Interrupted. Without `wait` and `output`, it is raised when the program has been started. Raises
        `CannotStart`, with docker's exit code, when the program is not there or cannot be run, and LabError for a
        container whose record is damaged.
        """
        self._here()
        with interrupts_held() as release:
            with self._record.changing():
                if self.running:
                    return self
                if self.status == "dead":
                    raise LabError(self.state.error)
                try:
                    binds = bind_all(self.home, self._record.root_folder(), self.spec.mounts, self._record.tmpfs)
                    program = program_of(self._record, self.spec, binds=binds)
                    what = Launch(program, runtime_of(self.spec, self._record, program), self.spec.remove)
                    with mounts_still(self._record, self.spec.mounts):
                        shim = self._shim = launch(self._record, what, input, output is not None)
                except CannotStart as error:
                    code = NOT_STARTED if error.code == NO_CONTAINER else error.code
                    self._record.write(State("created", exit_code=code, error=str(error)))
                    raise
            if output is not None or wait:
                hand_on = output or (lambda stream, data: None)
                killed = attend(shim, hand_on, self._signal, self._print_still_running, release)
                self._ended(shim.returncode)
                if killed:
                    raise Interrupted(f"the container {self.name} was killed")
        return self

    def _print_still_running(self) -> None:
        print(
            f"{self.argv[0]} was interrupted and goes on running, as the container {self.name}: "
            "interrupt again to kill it",
            file=sys.stderr, flush=True,
        )  # fmt: skip

    def _ended(self, code: int) -> None:
        if self.gone:
            self._last = replace(self._last, status="exited", pid=None, exit_code=code)

    def stop(self, timeout: float = STOP_SECONDS) -> Container:
        """Send its program the stop signal, and after `timeout` seconds SIGKILL; does nothing if it does not run."""
        self._here()
        if self.running:
            self._signal(signal_number(self.spec.stop_signal))
            if not self._record.ends_within(timeout):
                self._signal(signal.SIGKILL)
                self.wait()
        return self

    def kill(self, signal_name: str | int = "KILL") -> Container:
        """Send its program a signal; raises Conflict if it does not run, and LabError for an invalid signal."""
        self._here()
        number = signal_number(signal_name)
        if not self.running:
            raise Conflict(f"Container {self.id} is not running")
        self._signal(number)
        if number == signal.SIGKILL:
            self.wait()
        return self

    def wait(self) -> int:
        """Wait until its program has ended, and return the exit code; returns at once if it does not run."""
        code = self._record.wait()
        if self.gone and code is None and self._shim:  # its shim removed it meanwhile
            code = self._shim.wait()
        if code is not None:
            self._ended(code)
        return self.exit_code

    def remove(self, force: bool = False, volumes: bool = False) -> None:
        """Remove it and its writable layer; raises Conflict if it runs, unless `force` kills it first.

        Its volumes stay; with `volumes`, only those that have a name of their own.
        """
        self._here()
        if self.running and not force:
            raise Conflict(
                f"You cannot remove a running container {self.id}. Stop the container before attempting removal or "
                "force remove"
            )
        if self.running:
            with suppress(Conflict):
                self.kill()
        self._record.end()  # also when the state is wrong
        gone = self._record.folder.with_name(f"{GONE}{self.id}")
        with suppress(FileNotFoundError), self._record.changing():
            self._last = self.state
            os.rename(self._record.folder, gone)
        remove(gone)
        if volumes:
            remove_anonymous(self.home, self.spec.mounts)

    def _signal(self, number: int) -> None:
        if pid := self.pid:
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    # What it runs ----------------------------------------------------------------------------------------------

    def exec(
        self, *argv: str, env: Env = (), workdir: str = "",
        input: int | bytes | None = None, output: Output = lambda stream, data: None,
        timeout: float | None = None,
    ) -> int:  # fmt: skip
        """Run another program beside the container's own, and return its exit code.

        `output` is called with the stream's name and bytes, as they come. `input` is a file descriptor, or bytes.
        `timeout` is in seconds; then the program is killed, with a LabError.

        Raises Conflict if the container does not run, and `CannotStart` as `start` does.
        """
        self._here()
        state = self.state
        if state.status != "running":
            raise Conflict(f"Container {self.id} is not running")
        with self._mounts_held() as binds:
            program = replace(program_of(self._record, self.spec, argv, env, workdir, binds=binds), timeout=timeout)
            kind = runtime_of(self.spec, self._record, program, beside=state.runtime)
            running = named(kind).start(self._record.root, program, Streams(stdin_of(input)), state.pid)
        if isinstance(input, bytes):
            feed(running.process, input)
        with counted(self._record, running.pid):
            return watch(running, program, output)

    @contextmanager
    def _mounts_held(self) -> Iterator[tuple[Bind, ...]]:
        """What is mounted in it while it runs; meanwhile no program can put a link in a mount's way."""
        with mounts_still(self._record, self.spec.mounts):
            mounts = self._record.launch().program.mounts if self.spec.mounts else ()
            yield still_there(self._record.root, mounts)

    def log(self, *, tail: int | None = None, follow: bool = False) -> Iterator[log.LogLine]:
        """What its program printed, line by line; with `follow`, until it ends."""
        self._here()
        return log.read(self._record.log, tail=tail, follow=self._record.alive if follow else None)

    def logs(self, tail: int | None = None) -> str:
        """What its program printed, both streams in the order in which they came."""
        return "".join(line.text for line in self.log(tail=tail))

    # Its files -------------------------------------------------------------------------------------------------

    @cached_property
    def _layer(self) -> WritableLayer:
        self._here()
        return WritableLayer(self._record, self.spec.user)

    def still(self) -> AbstractContextManager[None]:
        """Stop its programs and make its files readable, for as long as the block lasts."""
        return self._layer.still()

    def diff(self) -> Listing[tuple[str, str]]:
        """What it changed, as `docker diff`: ("A", "C" or "D", path), sorted by path. Does not pause its programs.

        The table has the kind of each path too, and the bytes of files.
        """
        self._here()
        return Listing(self._layer.listing(), "container_diff", self)

    def tree(self) -> Tree:
        """Its merged file system as it is now; its contents can be read inside `with container.still()`."""
        return self._layer.tree(self.image.tree())

    def read(self, path: str) -> bytes:
        """The bytes of a file as it has it now, symlinks followed inside it; raises NotFound."""
        with self.still():
            root = self._files()
            entry = (root if root.mounted_at(root.place(path)).target else self.tree()).find(path)
            if entry.kind != "file":
                raise NotFound(f"{path!r} is a {entry.kind}, not a file")
            return entry.read()

    def changes(self) -> Changes:
        """Its writable layer: what one would have to change in the image's files to get its own."""
        return self._layer.changes(self.image.tree())

    @property
    def layer_size(self) -> int:
        """Bytes of the files in its writable layer: docker's SIZE of a container."""
        return sum_of_files(self.changes())

    def commit(
        self, tag: str | None = None, *, message: str = "", author: str = "",
        settings: Mapping[str, Any] | None = None, changes: Sequence[str] = (),
    ) -> Image:  # fmt: skip
        """Make its writable layer the top layer of a new image, whose config is the container's: `docker commit`.

        `changes` are Dockerfile instructions, and `settings` keys that replace those of the config. Raises
        InvalidReference for an invalid tag, and DockerfileError for instructions that cannot change a config.
        """
        name = Reference.parse(tag).with_default_tag() if tag else None
        self._here()
        of_image = self.image.config.get("config") or {}
        own = config_of(self.spec, of_image)
        config = own | applied(changes, {**of_image, **own}) | dict(settings or {})
        with self._store.blobs.lease(), self.still():
            layer = self._store.pack(self.changes())
            image = self.image.stack(layer, " ".join(self.argv), comment=message, author=author, settings=config)
            if name:
                self._store.point([name], image, "commit")
        return image

    def copy_out(self, path: str, to: str | os.PathLike[str] | BinaryIO, *, follow: bool = False) -> None:
        """Copy a file or folder of the container to this machine, or as a tar to a stream: `docker cp web:/x .`

        With `follow`, a link is copied as what it leads to.
        """
        self._here()
        with self.still():
            copy_out(self._files(), self.tree, path, to, follow=follow)

    def copy_in(
        self, source: str | os.PathLike[str] | BinaryIO, path: str, *, archive: bool = False, follow: bool = False
    ) -> None:
        """Copy a file or folder of this machine, or a stream's tar, into the container: `docker cp x web:/`.

        What comes in keeps its owners; with `archive` it becomes the container's user's, if there is one. With
        `follow`, a link is copied as what it leads to. Raises NotFound for a user that the container does not know.
        """
        self._here()
        root = self._files()
        with self.still():
            owner = user_of(self.spec.user, root) if archive and self.spec.user else None
            copy_in(root, source, path, owner=owner, follow=follow)

    def _files(self) -> Root:
        """Its root folder, with what is mounted there, a tmpfs apart."""
        binds = bind_all(self.home, self._record.root_folder(), self.spec.mounts)
        return Root(self._record.root, binds, readonly=self.spec.read_only)

    def export(self, to: str | os.PathLike[str] | BinaryIO) -> None:
        """Write the merged files as a tar: `docker export`. A file appears whole or not at all."""
        self._here()
        with ExitStack() as opened:
            opened.enter_context(self.still())
            out = opened.enter_context(whole_file(to)) if isinstance(to, str | os.PathLike) else to
            pack(Tree.diff(Tree(), self.tree()), out.write)
