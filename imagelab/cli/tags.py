"""`docker tag`, `rmi` and `image prune`, and imagelab's own `tag-log`, `tag-undo` and `gc`.

Follows docker/cli (image/remove.go, image/prune.go), version 20.10; with `--as 29`, see `docker29`.
"""

from __future__ import annotations

import sys
from functools import partial

from .. import units
from ..analysis import docker_stores
from ..errors import InvalidReference, LabError, NotFound
from ..golang.template import Row
from ..oci.digest import Digest
from ..oci.reference import Reference
from . import filters
from .command import Session, explain, fail, flag, option, say, verb
from .table import print_rows

LOG_TITLES = {"Time": "WHEN", "Tag": "TAG", "Old": "FROM", "New": "TO", "Verb": "BY"}


@verb("SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]", takes=(2, 2))
def tag(session: Session, args: tuple[str, ...]) -> None:
    """Create a tag TARGET_IMAGE that refers to SOURCE_IMAGE."""
    source, target = args
    try:
        if Reference.parse(target).digest:
            fail("refusing to create a tag with a digest reference")
    except InvalidReference as error:
        fail(f'Error parsing reference: "{target}" is not a valid repository/tag: {error}')
    session.lab.tag(source, target)


@verb("IMAGE [IMAGE...]", takes=(1, None))
@flag("-f", "--force", help="Force removal of the image")
@flag("--no-prune", help="Do not delete untagged parents")
def rmi(session: Session, args: tuple[str, ...], force: bool, no_prune: bool) -> None:
    """Remove one or more images."""
    errors: list[str] = []
    fatal = False
    for ref in args:
        image = None
        try:
            image = session.lab.image(ref) if session.docker == "29" else None
            lines = session.lab.rmi(ref, force=force, no_prune=no_prune)
            if image:
                lines = docker_stores.removed(lines, image)
            say("".join(f"{line}\n" for line in lines))
        except NotFound:
            errors.append(f"Error: No such image: {ref}")
            fatal = fatal or not force  # with -f, docker counts a missing one as removed
        except LabError as error:
            errors.append(docker_stores.refused(explain(error), image) if image else explain(error))
            fatal = True
    if errors:
        fail("\n".join(errors), 1 if fatal else 0)


@verb()
@flag("-a", "--all", help="Remove all unused images, not just dangling ones")
@option("--filter", "texts", kind="filter", help="Provide filter values (e.g. 'until=<timestamp>')", many=True)
@flag("-f", "--force", help="Do not prompt for confirmation")
def prune(session: Session, args: tuple[str, ...], all: bool, texts: tuple[str, ...], force: bool) -> None:
    """Remove unused images."""
    conditions = filters.parse(texts, ("dangling", *filters.PRUNE))
    passes = filters.prune_condition(conditions)
    if filters.dangling(conditions) is False:
        all = True
    what = "all images without at least one container associated to them" if all else "all dangling images"
    warning = f"WARNING! This will remove {what}.\nAre you sure you want to continue? [y/N] "
    if not force and not agreed(session, warning):
        say("" if session.docker == "29" else f"Total reclaimed space: {units.size(0)}\n")
        return
    lines, freed = prune_images(session, all, passes)
    if lines:
        say("Deleted Images:\n" + "".join(f"{line}\n" for line in lines) + "\n")
    say(f"Total reclaimed space: {units.size(freed)}\n")


def prune_images(session: Session, all: bool, passes: filters.Passes) -> tuple[list[str], int]:
    """Remove images that are dangling, or with `all` unused; returns docker's lines of it, and the bytes freed."""
    remove = partial(
        session.lab.prune, all, keep=lambda image: not passes(filters.image_labels(image), image.moment)
    )  # fmt: skip
    if session.docker == "29":
        return docker_stores.pruned(session.lab.images, remove)
    images = session.lab.images(all=True)
    pairs = (pair for image in images for pair in zip(image.chain_ids, image.layers, strict=True))
    sizes = {str(chain_id): layer.files_size for chain_id, layer in pairs}
    lines = [f"{line[:1].lower()}{line[1:]}" for line in remove()[0]]
    return lines, sum(sizes.get(line.removeprefix("deleted: "), 0) for line in lines)


def agreed(session: Session, question: str) -> bool:
    """Ask a yes-or-no question on the terminal; ends the command in a notebook, which cannot answer."""
    if session.notebook:
        fail("Error: a notebook cell cannot answer a question: add -f if you are sure")
    say(question)
    sys.stdout.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


@verb()
@flag("-f", "--force", help="Accepted for compatibility; gc never prompts")
def gc(session: Session, args: tuple[str, ...], force: bool) -> None:
    """Delete content that no image uses, for example after a crash."""
    freed = session.lab.gc()
    say(f"Deleted blobs: {freed.blobs}\n\nTotal reclaimed space: {units.size(freed.bytes)}\n")


@verb("[IMAGE[:TAG]]", takes=(0, 1))
@option("--format", "template", kind="string", help="Pretty-print moves using a Go template")
@flag("--no-trunc", help="Don't truncate output")
def tag_log(session: Session, args: tuple[str, ...], template: str | None, no_trunc: bool) -> None:
    """Show where a tag has pointed, or all tags, newest first."""
    rows = [
        Row(
            "tagMove", New=_id_of(session, move.new, no_trunc), NewDigest=move.new,
            Old=_id_of(session, move.old, no_trunc), OldDigest=move.old,
            Tag=move.name.familiar, Time=move.time or "unknown", Verb=move.verb,
        )
        for move in reversed(session.lab.tag_log(*args))
    ]  # fmt: skip
    print_rows(rows, LOG_TITLES, ["Time", "Tag", "Old", "New", "Verb"], template)


@verb("IMAGE[:TAG]", takes=(1, 1))
def tag_undo(session: Session, args: tuple[str, ...]) -> None:
    """Undo a tag's last move; repeat it to go further back."""
    move = session.lab.tag_undo(args[0])
    say(f"{move.name.familiar}: {_id_of(session, move.old)} -> {_id_of(session, move.new)}\n")


def _id_of(session: Session, digest: str, no_trunc: bool = False) -> str:
    """The ID that `images` shows of a manifest digest; `<removed>` if the image is gone, `<none>` for no image."""
    id_ = session.lab.id_of(digest) if digest else None
    if id_ and session.docker == "29":
        id_ = Digest(digest)
    return (id_ if no_trunc else id_.short) if id_ else "<removed>" if digest else "<none>"
