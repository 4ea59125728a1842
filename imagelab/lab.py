"""Lab: one learner's images and containers, with every verb as a method.

It looks names up, sets defaults and calls the verbs, which have modules of their own. The command line, the lessons and
the widgets use a Lab; of its store they read the blobs alone, as `lab.store.blobs`.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import weakref
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Unpack

from .analysis.usage import DiskUsage, disk_usage
from .analysis.waste import Waste, waste
from .build.methods import BuildMethods
from .containers.lifetime import end_all, keep
from .containers.settings import Settings, shows_settings
from .errors import Interrupted, InvalidReference, LabError, NotFound
from .filesystem.entry import Entry
from .filesystem.tree import Changes, Tree
from .host.disk import unpack
from .host.space import names_full_disks
from .oci.digest import Digest
from .oci.image import Image
from .oci.reference import Reference
from .registry.methods import RegistryMethods
from .shown import Displayed, Listing
from .store.gc import Damage, Freed, ImageUser, collect, verify
from .store.ingest import LIMIT
from .store.remove import prune, remove
from .store.store import Store
from .store.taglog import TagMove
from .volumes.methods import VolumeMethods

if TYPE_CHECKING:
    from .analysis.layer_changes import Mark
    from .archive.load import LoadedImages
    from .base_images.images import Fetch
    from .build.context import Source
    from .build.progress import Built, Watcher
    from .containers import Container
    from .oci.mutate import Compared
    from .runtime.program import Output

LayerContent = Mapping[str, "bytes | str | Entry | None"] | Changes | str | os.PathLike[str]


def default_home() -> Path:
    """The folder of a lab that is given none: $IMAGELAB_HOME, or `.imagelab` in the home directory."""
    return Path(os.environ.get("IMAGELAB_HOME") or Path.home() / ".imagelab")


@names_full_disks
class Lab(BuildMethods, RegistryMethods, VolumeMethods, Displayed):
    """A store of images in a folder, and the verbs that work on it.

    `home` is the folder (by default $IMAGELAB_HOME, or `.imagelab` in the home directory). `epoch` (seconds since
    1970; by default $SOURCE_DATE_EPOCH) makes all that is built reproducible: no later time, modes 0644 and 0755.
    `platform` is that of images made from nothing. `%docker` uses the lab made last,
    unless it was made with `current=False`. Raises LabError for an unusable setting.
    """

    _current: weakref.ref[Lab] | None = None

    def __init__(
        self, home: str | os.PathLike[str] | None = None, *, epoch: int | None = None, platform: str = "linux/amd64",
        current: bool = True,
    ) -> None:  # fmt: skip
        if epoch is None and (text := os.environ.get("SOURCE_DATE_EPOCH")):
            if not text.isdigit():
                raise LabError(f"SOURCE_DATE_EPOCH is {text!r}: it must be a number of seconds since 1970")
            epoch = int(text)
        home = home or default_home()
        self.store = Store(home, epoch=epoch, platform=platform)
        if current:
            self.use()

    @classmethod
    def temporary(cls, epoch: int | None = 0, *, platform: str = "linux/amd64", current: bool = True) -> Lab:
        """A lab in a new folder, deleted with the last of its images; with epoch 0, the same digests anywhere.

        Its containers end with it, and with this process, however that ends.
        """
        folder = tempfile.mkdtemp(prefix="imagelab-")
        lab = cls(Path(folder) / "store", epoch=epoch, platform=platform, current=current)
        weakref.finalize(lab.store, _delete, folder, lab.home, keep(lab.home))  # not of the lab: images need it
        return lab

    @classmethod
    def current(cls) -> Lab | None:
        """The lab that `%docker` uses: the one made last in this process, while it exists."""
        return cls._current() if cls._current else None

    def use(self) -> None:
        """Make this the lab that `%docker` speaks to, in place of the one made last."""
        Lab._current = weakref.ref(self)

    def __repr__(self) -> str:
        images = len({image.id for image in self.store.images()})
        return f"<Lab with {images} images and {len(self.store.tags())} tags>"

    @property
    def home(self) -> Path:
        """The folder of the store, an OCI image layout."""
        return self.store.home

    @property
    def epoch(self) -> int | None:
        """The latest time that an image gets, in seconds since 1970; None: the clock's time."""
        return self.store.epoch

    @property
    def platform(self) -> str:
        """The operating system and processor of images made from nothing, such as linux/amd64."""
        return f"{self.store.os}/{self.store.architecture}"

    @property
    def scratch(self) -> Image:
        """The empty image: no layers, an empty config. `FROM scratch` starts from it."""
        return self.store.scratch()

    def base(self, name: str = "lab/shell:1.0") -> Image:
        """A base image, made on first use with the same ID on every machine: the shell's, or `python:3.12-slim`.

        Raises NotFound for a name that no base image has, and LabError when `imagelab-oci[wasm]` is not installed.
        """
        from .base_images.images import PYTHON, SHELL, provide

        if made := provide(self.store, name):
            return made
        raise NotFound(f"imagelab makes no base image {name!r}: there are {SHELL} and {PYTHON}")

    def image(self, ref: str | Image) -> Image:
        """The image of a name, an ID or its unique start, or name@digest; raises as `Store.find`."""
        return ref if isinstance(ref, Image) else self.store.find(ref)

    def images(self, all: bool = False) -> Listing[Image]:
        """The images, newest first: `docker images`; with `all`, untagged ones that another was made from as well."""
        images = self.store.images()
        parents = {image.parent.digest for image in images if image.parent} if not all else set()
        parents -= set(self.store.repo_digests.images().values())  # these have a name: name@digest
        shown = (image for image in images if image.names or image.digest not in parents)
        return Listing(shown, "images")

    def append(
        self, base: str | Image | None, content: LayerContent, tag: str | None = None, *, created_by: str = "",
        comment: str = "", to: str = "",
    ) -> Image:  # fmt: skip
        """Add a layer to an image (None: to the empty image), and tag the result.

        `content` is a mapping (path → bytes or text, None to remove), Changes, a folder, or a tar, which becomes the
        layer as it is. `to` is the directory in the image that a folder's contents go to. Raises Invalid and
        NotFound for content that cannot be applied to the base.
        """
        from .archive.tarball import append_tar, folder_changes

        target = self._new_name(tag) if tag else None
        image = self.scratch if base is None or base == "scratch" else self.image(base)
        with self.store.blobs.lease():
            if isinstance(content, str | os.PathLike) and not os.path.isdir(content):
                created_by = created_by or f"append {os.path.basename(content)}"
                new = append_tar(self.store, image, content, created_by, comment)
            else:
                if isinstance(content, str | os.PathLike):
                    created_by = created_by or f"append {os.path.basename(os.path.abspath(content))}"
                    content = folder_changes(self.store, content, to)
                new = image.append(content, created_by or _described(content), comment=comment)
            if target:
                self.store.point([target], new, "append")
        return new

    def build(
        self, context: Source = ".", tag: str | Iterable[str] = (), *,
        dockerfile: str | os.PathLike[str] | bytes | None = None, build_args: Mapping[str, str] | None = None,
        target: str = "", no_cache: bool = False, labels: Mapping[str, str] | None = None,
        timeout: float | None = None, watcher: Watcher | None = None, pull: str = "missing",
        fetch: Fetch | None = None, secrets: Mapping[str, str | os.PathLike[str] | bytes] | None = None,
    ) -> Built:  # fmt: skip
        """Build an image from a Dockerfile, as `docker build`; returns it with the steps that made it.

        `context` is a folder, a tar (a path or a stream), or a mapping (path → bytes or text) for one that is in no
        folder. `dockerfile` is a path (by default `Dockerfile` in the context), or its text as bytes. `watcher`
        receives the events of the build; by default there is none, or a progress bar in a notebook. `pull` and `fetch`
        as for `create`. `secrets` are for RUN --mount=type=secret, by id: the path of a file, or the secret as bytes.
        Raises DockerfileError with file and line.
        """
        from .build.builder import build
        from .build.context import prepare
        from .build.progress import default_watcher
        from .build.stage import Options
        from .registry.connection.get import get

        watcher = watcher or default_watcher()
        try:
            names = [self._new_name(name) for name in ([tag] if isinstance(tag, str) else tag)]
            parsed, files = prepare(self.store, context, dockerfile)
            pulls, always = self._pulls(pull, fetch), pull == "always"
            options = Options(
                build_args or {}, target, no_cache, labels or {}, timeout, pulls, always, get, secrets or {}
            )  # fmt: skip
            built = build(self.store, parsed, files, options, names, watcher)
        except BaseException as error:
            watcher.failed(error)
            if isinstance(error, KeyboardInterrupt):
                raise Interrupted("the build was interrupted: no image was made and no name moved") from None
            raise
        watcher.finished(built)
        return built

    def tags(self) -> Mapping[Reference, Digest]:
        """Every tag, and the manifest digest of the image that it points to now."""
        return self.store.tags()

    def id_of(self, digest: str) -> Digest | None:
        """The ID of the image with this manifest digest, as tag moves name it; None for one that was removed."""
        return self.store.id_of(digest)

    def tag(self, source: str | Image, target: str) -> TagMove | None:
        """Make a name point to an image; returns the move, or None if it pointed there already."""
        image = self.image(source)
        moves = self.store.point([self._new_name(target)], image, "tag")
        return moves[0] if moves else None

    @staticmethod
    def _new_name(text: str) -> Reference:
        reference = Reference.parse(text)
        if reference.digest:
            raise InvalidReference(f"refusing to create a tag with a digest reference: {text!r}: leave '@…' out")
        return reference.with_default_tag()

    def add(self, image: Image) -> Image:
        """Store an image that `mutate` made, or that is another lab's, untagged; returns this lab's. Idempotent."""
        return self.store.add(image)

    def rmi(self, *refs: str, force: bool = False, no_prune: bool = False) -> list[str]:
        """Remove names, and images with their last name, as `docker rmi`; returns its lines. See `remove.remove`."""
        try:
            return [
                line for ref in refs for line in remove(self.store, ref, self._users, force=force, prune=not no_prune)
            ]
        finally:
            self._sweep_unpacked()

    def save(self, refs: str | Image | Iterable[str | Image], to: str | os.PathLike[str] | BinaryIO) -> None:
        """Write images to one tar that docker, podman, skopeo and `load` read.

        A name saves its image under that name, a repository without a tag under all its tags here, an ID or Image
        under none, as docker does. A file appears whole or not at all.
        """
        from .archive.save import images_named, save, whole_file

        several: Sequence[str | Image] = [refs] if isinstance(refs, str | Image) else list(refs)
        images = [named for ref in several for named in images_named(self.store, ref)]
        if isinstance(to, str | os.PathLike):
            with whole_file(to) as file:
                save(self.store, images, file)
        else:
            save(self.store, images, to)

    def load(
        self, source: str | os.PathLike[str] | BinaryIO, *, ref: str | None = None, limit: int = LIMIT,
        limit_entries: int | None = None,
    ) -> LoadedImages:  # fmt: skip
        """Load the images of an archive or OCI layout, or the one that `ref` (tag, name or ID) names: `docker load`.

        Returns a list of them, whose `left` says what was not loaded, and why; `load.load` says what is verified.
        """
        from .archive.load import load

        return load(self.store, source, ref=ref, limit=limit, limit_entries=limit_entries)

    def import_(
        self, source: str | os.PathLike[str] | BinaryIO, target: str | None = None, *, message: str = "",
        config: Mapping[str, Any] | None = None, changes: Sequence[str] = (), limit: int = LIMIT,
    ) -> Image:  # fmt: skip
        """Make a root file system's tar into an image of one layer, as `docker import`.

        `changes` are Dockerfile instructions that set keys of the config, which begins as `config`. Raises Invalid
        for a stream that is not a tar, and DockerfileError for an instruction that cannot change a config.
        """
        from .archive.tarball import import_tar

        name = self._new_name(target) if target else None
        with self.store.blobs.lease():
            image = import_tar(self.store, source, config, changes, message=message, limit=limit)
            if name:
                self.store.point([name], image, "import")
        return image

    @shows_settings
    def create(
        self, image: str | Image, *command: str, pull: str = "missing", fetch: Fetch | None = None,
        **settings: Unpack[Settings],
    ) -> Container:  # fmt: skip
        """Make a container, which does not run yet: `docker create`. Returns it.

        What is left out of these settings comes from the image, or is empty:
        `name` of the container (by default one is made up), `hostname` (by default the start of its ID),
        `env`, a mapping or NAME=VALUE lines (None, or NAME alone, unsets a variable), `labels`,
        `entrypoint`, a program, a list of its arguments, or "" for none; given, it takes the image's command away,
        `workdir`, an absolute path, `user`, as `name`, `uid` or `uid:gid`,
        `interactive`: keep its standard input open, `remove`: remove the container when its program has ended,
        `runtime`: bubblewrap, shell, wasm or pip; by default the program's first bytes decide,
        `volumes`, `mounts`, `tmpfs` and `volumes_from`: lists of what docker's flags -v, --mount, --tmpfs and
        --volumes-from take; `read_only`: only what is mounted can be changed.

        A base image that imagelab makes is made, if no other image of that name is here. Others are pulled if they are
        "missing", "always", or "never", as `pull` says; `fetch` gets a name and a platform ("" for this machine's) and
        returns the image: by default `Lab.pull`'s. Raises NotFound for an image that is not here, Conflict when the
        name is taken, and LabError for settings that no container can have; with "always" as `Lab.pull` too.
        """
        from .base_images.images import find
        from .containers import collection

        pulls = self._pulls(pull, fetch)
        base = image if isinstance(image, Image) else find(self.store, image, pulls, always=pull == "always")
        image_name = image if isinstance(image, str) else next((name.familiar for name in image.names), "")
        return collection.create(self.store, base, image_name, command, settings)

    @shows_settings
    def run(
        self, image: str | Image, *command: str, detach: bool = False, input: int | bytes | None = None,
        output: Output | None = None, pull: str = "missing", fetch: Fetch | None = None, **settings: Unpack[Settings],
    ) -> Container:  # fmt: skip
        """Make a container and start it: `docker run`. Returns it when its program has ended, with `detach` at once.

        `output` is called with the stream's name and bytes, as they come; `input` (bytes, or a file descriptor) is the
        program's standard input. `pull`, `fetch` and the settings are those of `create`, and so are the errors; raises
        `CannotStart` too, with docker's exit code, when there is no such program.
        """
        if input is not None:
            settings["interactive"] = True
        container = self.create(image, *command, pull=pull, fetch=fetch, **settings)
        return container.start(input=input, output=output, wait=not detach)

    def _pulls(self, pull: str, fetch: Fetch | None) -> Fetch | None:
        """What pulls an image, under a policy; None for "never"."""
        if pull not in ("missing", "always", "never"):
            raise LabError(f"pull is {pull!r}: expected missing, always or never")

        def pulled(name: str, platform: str) -> Image:
            image = self.pull(name, platform=platform).image
            assert image is not None
            return image

        return None if pull == "never" else fetch or pulled

    def containers(self, all: bool = True) -> Listing[Container]:
        """The containers, newest first, as `docker ps -a`; without `all`, only those that run."""
        from .containers import collection

        return Listing((one for one in collection.everything(self.store) if all or one.running), "containers")

    def container(self, ref: str) -> Container:
        """The container of a name, an ID, or the unique start of an ID; raises NotFound."""
        from .containers import collection

        return collection.find(self.store, ref)

    def rename_container(self, ref: str, name: str) -> Container:
        """Give a container another name: `docker rename`. Raises NotFound, Conflict, and LabError for a bad name."""
        from .containers import collection

        return collection.rename(self.store, ref, name)

    def prune_containers(self, keep: Callable[[Container], bool] = lambda container: False) -> tuple[list[str], int]:
        """Remove the containers that do not run, except those that `keep` accepts: `docker container prune`.

        Returns their IDs, and the bytes freed.
        """
        from .containers import collection

        return collection.prune(self.store, keep)

    def unpack(self, ref: str | Image, folder: str | os.PathLike[str]) -> list[str]:
        """Write an image's merged file system into an empty folder; returns notes on what the disk could not store."""
        notes: list[str] = []
        unpack(self.image(ref).tree(), folder, warn=notes.append)
        return notes

    def diff(self, before: str | Image, after: str | Image) -> Changes:
        """What one would have to change in the first image's file system to get the second's."""
        return Tree.diff(self.image(before).tree(), self.image(after).tree())

    def gc(self) -> Freed:
        """Delete blobs that no image holds, left by crashes and removals."""
        freed = collect(self.store, self._users)
        self._sweep_unpacked()
        return freed

    def prune(
        self, all: bool = False, keep: Callable[[Image], bool] = lambda image: False
    ) -> tuple[list[str], Freed]:
        """Remove dangling images, or with `all` every image without a container: `docker image prune`.

        Images that `keep` accepts stay. Returns docker's lines, and what was freed; see `remove.prune`.
        """
        removed = prune(self.store, self._users, all=all, keep=keep)
        self._sweep_unpacked()
        return removed

    def _users(self) -> Mapping[Digest, Sequence[ImageUser]]:
        """The containers of each image, by its ID."""
        if not (self.store.home / "containers").is_dir():
            return {}
        from .containers.collection import image_users

        return image_users(self.store)

    def volume_users(self) -> Mapping[str, Sequence[str]]:
        """The IDs of the containers that have each volume."""
        from .volumes import users

        return users.volume_users(self.store.home)

    def _sweep_unpacked(self) -> None:
        """Remove the unpacked files of images that are gone."""
        if (self.store.home / "cache" / "unpacked").is_dir():
            from .containers.rootfs import sweep

            with self.store.lock:
                sweep(self.store, self.store.images())

    def verify(self) -> list[Damage]:
        """Hash every blob again; returns what is damaged or missing."""
        return list(verify(self.store))

    def tag_log(self, ref: str | None = None) -> Listing[TagMove]:
        """The moves of a tag, or of all tags, oldest first; raises NotFound for a name that never was a tag.

        The table counts the moves over all tags, and says when each was with `table(times=True)`.
        """
        moves = self.store.moves()
        name = Reference.parse(ref).with_default_tag() if ref is not None else None
        numbered = [(number, move) for number, move in enumerate(moves, 1) if name in (None, move.name)]
        if name and not numbered:
            raise NotFound(f"the tag {ref!r} has never pointed to an image here")
        numbers = [number for number, _ in numbered]
        return Listing((move for _, move in numbered), "tag_log", self.store, numbers=numbers)

    def tag_undo(self, ref: str) -> TagMove:
        """Take back a tag's last move; undo again to go further back."""
        return self.store.undo(Reference.parse(ref))

    def waste(self, ref: str | Image) -> Waste:
        """Which bytes of an image its later layers cover or remove, path by path, and its efficiency as dive has it."""
        return waste(self.image(ref).layers)

    def changes(self, ref: str | Image) -> Listing[Mark]:
        """Every path that each layer of an image adds (A), changes (C) or removes (D)."""
        from .analysis.layer_changes import stages

        return Listing((mark for stage in stages(self.image(ref)) for mark in stage.marks.values()), "changes")

    def compare(self, old: str | Image, new: str | Image, path: str = "") -> Listing[Compared]:
        """Every identifier of two images side by side; with `path`, those of that file's content too.

        Raises LabError for images with different numbers of layers, and NotFound for a path without
        bytes in `old`.
        """
        from .oci import mutate

        before, after = self.image(old), self.image(new)
        place = mutate.find(before, path) if path else None
        return Listing(mutate.compare(before, after, place), "compared")

    def df(self) -> DiskUsage:
        """How many bytes the images take, shared and unique."""
        return disk_usage(self.store.images(), frozenset(self._users()))

    def pinned(self, ref: str) -> str:
        """The name@digest of an image, which means the same image whatever its tag points to later."""
        image, reference = self.image(ref), Reference.parse(ref)
        return reference.pinned(image.digest).familiar


def _delete(folder: str, home: Path, kept: ExitStack) -> None:
    end_all(home)
    kept.close()
    shutil.rmtree(folder, ignore_errors=True)


def _described(content: object) -> str:
    """The history's text for a layer without a description."""
    if isinstance(content, Mapping):
        changes = [f"remove {name}" if value is None else f"add {name}" for name, value in content.items()]
        return ", ".join(changes[:3]) + (f" and {len(changes) - 3} more" if len(changes) > 3 else "")
    return "append"
