"""The HTML of every noun, for notebooks: `html(value)` is what its `_repr_html_` gives."""

from __future__ import annotations

from collections.abc import Iterable
from functools import singledispatch
from html import escape
from typing import Any

from . import tables, units
from .analysis.usage import DiskUsage
from .analysis.waste import Waste
from .build.progress import Built
from .containers.container import Container
from .filesystem.entry import Entry
from .filesystem.tree import Changes, Tree
from .lab import Lab
from .oci.image import Image
from .oci.layer import Layer
from .registry.transfer import Transfer


@singledispatch
def html(value: Any) -> str:
    """The public fields of a small value, one to a row."""
    names = getattr(value, "__dataclass_fields__", None) or ("home", "epoch")
    rows = [(name, getattr(value, name)) for name in names if name != "content"]
    octal = {name for name, field in rows if name == "mode" and isinstance(field, int)}
    shown = [(name, f"{field:04o}" if name in octal else _one_line(field)) for name, field in rows]
    return _table(type(value).__name__, ["", "VALUE"], shown)


@html.register
def _lab(lab: Lab) -> str:
    containers = lab.containers()
    below = f"<p><b>Containers</b></p>{containers._repr_html_()}" if len(containers) else ""
    return f"<p><b>Lab</b></p>{lab.images()._repr_html_()}{below}"


@html.register
def _image(image: Image) -> str:
    names = ", ".join(name.familiar for name in image.names) or "<none>"
    settings = image.config.get("config") or {}
    return _facts(f"Image {names}", [
        ("image ID", image.id, f"SHA-256 of the config, {len(image.config_bytes):,} bytes"),
        ("digest", image.digest, f"SHA-256 of the manifest, {len(image.manifest_bytes):,} bytes"),
        ("layers", len(image.layers), f"{image.size:,} bytes in files"),
        ("platform", f"{image.os}/{image.architecture}", "what it runs on"),
        *((key, _one_line(value), "in the config") for key, value in settings.items()),
    ])  # fmt: skip


@html.register
def _container(container: Container) -> str:
    """A container at a glance. When it began and its PID are left out: they are another each time (see `state`)."""
    if container.gone:
        return _facts(f"Container {container.name}", [("state", "removed", "and its writable layer with it")])
    state, diff = container.state, container.diff() if container.status != "dead" else []
    meaning = {"running": "its program is a process of this machine", "created": "its program has never run"}
    ended = f"its program ended with exit code {state.exit_code}"
    mounts = [("mount", one.target, f"{one.type} {one.source}".strip()) for one in container.spec.mounts]
    return _facts(f"Container {container.name}", [
        ("container ID", container.id, "its first 12 digits are enough"),
        ("image", container.image_name, "as given to docker run"),
        ("image ID", container.image_id, "what it was made from"),
        ("command", container.command_text, "entrypoint and command"),
        ("state", state.status, state.error or meaning.get(state.status, ended)),
        ("writable layer", f"{len(diff):,} paths", "differ from the image's"),
        *mounts,
    ])  # fmt: skip


@html.register
def _built(built: Built) -> str:
    called = f"<b>Built {escape(', '.join(built.tags) or '<none>')}</b> {built.image.id.short}"
    return f"<p>{called}: {built.summary}</p>{built.steps._repr_html_()}"


@html.register
def _transfer(transfer: Transfer) -> str:
    title = f"<b>{transfer.verb.capitalize()} {escape(transfer.name)}</b> <code>{transfer.digest}</code>"
    return f"<p>{title}</p>{transfer.table()._repr_html_()}<p>{transfer.summary}</p>"


@html.register
def _layer(layer: Layer) -> str:
    stored = "SHA-256 of the blob as stored, " + ("compressed" if layer.compressed else "the same tar")
    return _facts("Layer", [
        ("diffID", layer.diff_id, "SHA-256 of the tar, uncompressed"),
        ("digest", layer.digest, stored),
        ("size", f"{layer.size:,} bytes", "of the blob as stored"),
        ("files", f"{layer.files_size:,} bytes", "in regular files"),
    ])  # fmt: skip


@html.register
def _tree(tree: Tree) -> str:
    return _paths(f"Tree: {len(tree) - 1:,} paths", ((path, entry) for path, entry in tree.items() if path))


@html.register
def _changes(changes: Changes) -> str:
    removed = [("removed", path, "", "") for path in sorted(changes.removed)]
    opaque = [("emptied", path, "", "") for path in sorted(changes.opaque)]
    links = [("linked", path, f"to {target}", "") for path, target in changes.links.items()]
    written = [("written", path, entry.kind, f"{entry.size:,}") for path, entry in changes.entries.items()]
    return _table(f"Changes: {len(changes):,} paths", ["", "PATH", "KIND", "BYTES"], removed + opaque + links + written)


@html.register
def _usage(usage: DiskUsage) -> str:
    rows = [
        (", ".join(name.familiar for name in row.image.names) or row.image.id.short, row.size, row.shared, row.unique)
        for row in usage.images
    ]
    title = f"{usage.size:,} bytes, each shared layer once; {usage.reclaimable:,} in images that no container uses"
    return _table(title, ["IMAGE", "BYTES", "SHARED", "UNIQUE"], rows)


@html.register
def _waste(waste: Waste) -> str:
    percent = units.percent(waste.smallest, waste.size)
    facts = _table(f"Waste: {waste.wasted:,} bytes, efficiency {percent}", ["", "BYTES", "WHAT IT IS"], [
        ("image size", waste.size, "files of all layers"),
        ("merged size", waste.visible, "files that a container would see"),
        ("hidden", waste.hidden, "in a layer, and covered or removed by a later one"),
        ("wasted", waste.wasted, "beyond the smallest size of each path"),
    ])  # fmt: skip
    return facts + (waste.table()._repr_html_() if waste.worst else "")


def _one_line(value: Any) -> Any:
    if isinstance(value, dict):
        return ", ".join(f"{key}={each}" if each else str(key) for key, each in value.items())
    if isinstance(value, list | tuple):
        return " ".join(map(str, value))
    return value if isinstance(value, str | int) else str(value)


def _paths(title: str, entries: Iterable[tuple[str, Entry]]) -> str:
    rows = [(entry.kind, f"{entry.mode:04o}", f"{entry.uid}:{entry.gid}", entry.size, path) for path, entry in entries]
    return _table(title, ["KIND", "MODE", "OWNER", "BYTES", "PATH"], rows)


def _facts(title: str, rows: list[tuple[Any, ...]]) -> str:
    return _table(title, ["", "VALUE", "WHAT IT IS"], rows)


def _table(title: str, titles: list[str], rows: list[tuple[Any, ...]]) -> str:
    return f"<p><b>{escape(title)}</b></p>{tables.of(rows, titles)._repr_html_()}"
