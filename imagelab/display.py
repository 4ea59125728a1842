"""One idea: the nouns do not know what they look like; their notebook face is put on from outside.

`put_on` gives the classes of the engine their tables (`lab.images()`, `image.history()`, …) and an HTML form each. It
imports no view: each function here does, when it is called.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from .analysis.docker_stores import Shown
from .analysis.usage import DiskUsage
from .analysis.waste import PathWaste, Waste
from .archive.load import Loaded
from .build.progress import Built, Default, Quiet, Watcher
from .containers.looks import Looks
from .containers.record import Spec, State
from .filesystem.entry import Entry
from .filesystem.tree import Changes, Tree
from .lab import Lab
from .oci.image import Identifier, Image, Step
from .oci.layer import Layer
from .oci.mutate import Compared, Place
from .oci.reference import Reference
from .store.gc import Damage, Freed
from .store.store import Store
from .store.taglog import TagMove

if TYPE_CHECKING:
    from .containers import Container
    from .tables import Table


def put_on() -> None:
    """Attach the views; doing it twice is doing it once."""
    views: dict[type, dict[str, Callable[..., object] | property]] = {
        Lab: {
            "images": lab_images,
            "containers_table": lab_containers,
            "tag_log_table": lab_tag_log,
            "_repr_html_": lab_html,
        },
        Image: {
            "history": image_history,
            "layers_table": image_layers,
            "changes_table": image_changes,
            "files_table": image_files,
            "identifiers_table": image_identifiers,
            "compare_table": image_compare,
            "waste_table": image_waste,
            "_repr_html_": image_html,
        },
        Layer: {"_repr_html_": layer_html},
        Tree: {"_repr_html_": tree_html},
        Changes: {"_repr_html_": changes_html},
        DiskUsage: {"_repr_html_": usage_html},
        Built: {"steps": property(built_steps), "times": property(built_times), "_repr_html_": built_html},
        Waste: {"_repr_html_": waste_html},
    }
    for plain in (Entry, Step, Identifier, Reference, Store, TagMove, Loaded, Freed, Damage, PathWaste):
        views[plain] = {"_repr_html_": fields_html}
    views |= {plain: {"_repr_html_": fields_html} for plain in (Compared, Place, Shown)}
    views |= {plain: {"_repr_html_": fields_html} for plain in (State, Spec)}
    Looks.html, Looks.diff_table = container_html, container_diff
    for noun, functions in views.items():
        for name, function in functions.items():
            setattr(noun, name, function)
    Default.watcher = build_watcher


def lab_images(lab: Lab, all: bool = False) -> Table:
    """The images as a table, newest first: `docker images`, or with `all` `docker images -a`."""
    from . import tables

    return tables.images(lab, all)


def lab_containers(lab: Lab, all: bool = True, times: bool = False) -> Table:
    """The containers as a table, newest first: `docker ps -a`; with `times`, when each began and ended."""
    from . import tables

    return tables.containers(lab, all, times)


def container_diff(container: Container) -> Table:
    """What a container changed, as a table."""
    from . import tables

    return tables.container_diff(container)


def lab_tag_log(lab: Lab, ref: str | None = None, *, times: bool = False) -> Table:
    """Where a tag has pointed, or every tag: the moves as a table, oldest first; with `times`, also when."""
    from . import tables

    return tables.tag_log(lab, ref, times=times)


def image_history(image: Image) -> Table:
    """How the image was made, last step first: `docker history`."""
    from . import tables

    return tables.history(image)


def image_layers(image: Image) -> Table:
    """Every layer with every identifier it has."""
    from . import tables

    return tables.layers(image)


def image_changes(image: Image) -> Table:
    """Every path each layer adds (A), changes (C) or removes (D)."""
    from . import tables

    return tables.changes(image)


def image_files(image: Image) -> Table:
    """The merged file system, and the layer each path comes from."""
    from . import tables

    return tables.files(image)


def image_identifiers(image: Image) -> Table:
    """Every identifier of the image side by side, and what each is the digest of."""
    from . import tables

    return tables.identifiers(image)


def image_waste(image: Image, all: bool = False) -> Table:
    """The paths whose bytes later layers cover or remove, those that waste most first; with `all` every path."""
    from . import tables
    from .analysis.waste import waste

    return tables.waste(waste(image.layers), all)


def image_compare(image: Image, other: Image, path: str = "") -> Table:
    """Every name of this image and of another with as many layers, and which of them changed."""
    from . import tables

    return tables.compared(image, other, path)


def built_steps(built: Built) -> Table:
    """Each step: its place, whether the cache had it (HIT or MISS) and why not, the bytes it added, its image."""
    from . import tables

    return tables.steps(built)


def built_times(built: Built) -> Table:
    """The steps with the seconds each took."""
    from . import tables

    return tables.steps(built, times=True)


def build_watcher() -> Watcher:
    """Who watches a build that names nobody: a bar where a person looks at a notebook, else nobody."""
    if "ipykernel" in sys.modules:
        from .widgets.build_progress import BuildProgress, somebody_looks

        if somebody_looks():
            return BuildProgress()
    return Quiet()


def lab_html(lab: Lab) -> str:
    containers = lab_containers(lab)
    below = f"<p><b>Containers</b></p>{containers._repr_html_()}" if len(containers) else ""
    return f"<p><b>Lab</b></p>{lab_images(lab)._repr_html_()}{below}"


def image_html(image: Image) -> str:
    names = ", ".join(name.familiar for name in image.names) or "<none>"
    settings = image.config.get("config") or {}
    return _facts(f"Image {names}", [
        ("image ID", image.id, f"SHA-256 of the config, {len(image.config_bytes):,} bytes"),
        ("digest", image.digest, f"SHA-256 of the manifest, {len(image.manifest_bytes):,} bytes"),
        ("layers", len(image.layers), f"{image.size:,} bytes in files"),
        ("platform", f"{image.os}/{image.architecture}", "what it runs on"),
        *((key, _one_line(value), "in the config") for key, value in settings.items()),
    ])  # fmt: skip


def container_html(container: Container) -> str:
    """A container at a glance. When it began and its PID are left out: they are another each time (see `state`)."""
    if container.gone:
        return _facts(f"Container {container.name}", [("state", "removed", "and its writable layer with it")])
    state, diff = container.state, container.diff() if container.status != "dead" else []
    said = {"running": "its program is a process of this machine", "created": "its program has never run"}
    ended = f"its program ended with exit code {state.exit_code}"
    return _facts(f"Container {container.name}", [
        ("container ID", container.id, "its first 12 digits are enough"),
        ("image", container.image_name, "as it was asked for"),
        ("image ID", container.image_id, "what it was made from"),
        ("command", container.command_text, "entrypoint and command"),
        ("state", state.status, state.error or said.get(state.status, ended)),
        ("writable layer", f"{len(diff):,} paths", "differ from the image's"),
    ])  # fmt: skip


def built_html(built: Built) -> str:
    from html import escape

    called = f"<b>Built {escape(', '.join(built.tags) or '<none>')}</b> {built.image.id.short}"
    return f"<p>{called}: {built.said}</p>{built_steps(built)._repr_html_()}"


def layer_html(layer: Layer) -> str:
    stored = "SHA-256 of the blob as stored, " + ("compressed" if layer.compressed else "the same tar")
    return _facts("Layer", [
        ("diffID", layer.diff_id, "SHA-256 of the tar, uncompressed"),
        ("digest", layer.digest, stored),
        ("size", f"{layer.size:,} bytes", "of the blob as stored"),
        ("files", f"{layer.files_size:,} bytes", "in regular files"),
    ])  # fmt: skip


def tree_html(tree: Tree) -> str:
    return _paths(f"Tree: {len(tree) - 1:,} paths", ((path, entry) for path, entry in tree.items() if path))


def changes_html(changes: Changes) -> str:
    removed = [("removed", path, "", "") for path in sorted(changes.removed)]
    opaque = [("emptied", path, "", "") for path in sorted(changes.opaque)]
    links = [("linked", path, f"to {target}", "") for path, target in changes.links.items()]
    written = [("written", path, entry.kind, f"{entry.size:,}") for path, entry in changes.entries.items()]
    return _table(f"Changes: {len(changes):,} paths", ["", "PATH", "KIND", "BYTES"], removed + opaque + links + written)


def usage_html(usage: DiskUsage) -> str:
    rows = [
        (", ".join(name.familiar for name in row.image.names) or row.image.id.short, row.size, row.shared, row.unique)
        for row in usage.images
    ]
    title = f"{usage.size:,} bytes, each shared layer once; {usage.reclaimable:,} in images that no container uses"
    return _table(title, ["IMAGE", "BYTES", "SHARED", "UNIQUE"], rows)


def waste_html(found: Waste) -> str:
    from . import tables, units

    percent = units.percent(found.smallest, found.size)
    facts = _table(f"Waste: {found.wasted:,} bytes, efficiency {percent}", ["", "BYTES", "WHAT IT IS"], [
        ("image size", found.size, "files of all layers"),
        ("merged size", found.visible, "files that a container would see"),
        ("hidden", found.hidden, "in a layer, and covered or removed by a later one"),
        ("wasted", found.wasted, "beyond the fewest that each path has had"),
    ])  # fmt: skip
    return facts + (tables.waste(found)._repr_html_() if found.worst else "")


def fields_html(value: Any) -> str:
    """The public fields of a small value, one to a row."""
    names = getattr(value, "__dataclass_fields__", None) or ("home", "epoch")
    rows = [(name, getattr(value, name)) for name in names if name != "content"]
    shown = [(name, f"{field:04o}" if name == "mode" else _one_line(field)) for name, field in rows]
    return _table(type(value).__name__, ["", "VALUE"], shown)


def _one_line(value: Any) -> Any:
    if isinstance(value, dict):
        return ", ".join(f"{key}={each}" if each else str(key) for key, each in value.items())
    if isinstance(value, list | tuple):
        return " ".join(map(str, value))
    return value if isinstance(value, str | int) else str(value)


def _paths(title: str, found: Iterable[tuple[str, Entry]]) -> str:
    rows = [(entry.kind, f"{entry.mode:04o}", f"{entry.uid}:{entry.gid}", entry.size, path) for path, entry in found]
    return _table(title, ["KIND", "MODE", "OWNER", "BYTES", "PATH"], rows)


def _facts(title: str, rows: list[tuple[Any, ...]]) -> str:
    return _table(title, ["", "VALUE", "WHAT IT IS"], rows)


def _table(title: str, titles: list[str], rows: list[tuple[Any, ...]]) -> str:
    from html import escape

    from . import tables

    return f"<p><b>{escape(title)}</b></p>{tables.of(rows, titles)._repr_html_()}"
