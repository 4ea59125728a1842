"""Tables: what docker prints in columns, as pandas DataFrames.

Every table is a pandas DataFrame under docker's own column titles. The cells hold whole values (full digests, sizes
in bytes, times); only when shown are they shortened the way docker does it. So `images["SIZE"].sum()` is exact.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from html import escape
from math import floor
from typing import TYPE_CHECKING, Any

import pandas as pd

from . import units
from .oci.digest import Digest

if TYPE_CHECKING:
    from .analysis.layer_changes import Mark
    from .analysis.waste import Waste
    from .build.progress import BuildStep
    from .containers import Container
    from .oci.image import Identifier, Image, ImageFile, Step
    from .oci.mutate import Compared
    from .registry.connection.transport import Request
    from .registry.server.handlers import Request as Answered
    from .registry.transfer import Moved
    from .store.store import Store
    from .store.taglog import TagMove
    from .volumes.volume import Volume

MISSING = "<missing>"  # docker's word for a step whose image is not here
SHOWN_ROWS = 60


class Table(pd.DataFrame):
    """A DataFrame shown as docker would print it: IDs short, sizes in kB, no numbers down the side.

    The index is shown only where it has a name, and so a meaning. Everything a DataFrame can do, it can.
    """

    @property
    def _constructor(self) -> type[Table]:
        return Table

    def __repr__(self) -> str:
        titles, rows = self._shown()
        right = [bool(column) and all(map(_is_number, column)) for column in _columns(titles, rows)]
        widths = [max(map(units.width, column)) for column in zip(titles, *rows, strict=True)]
        lines = []
        for cells in [titles, *rows]:
            padded = (
                " " * (width - units.width(cell)) + cell if to_right else cell + " " * (width - units.width(cell))
                for cell, width, to_right in zip(cells, widths, right, strict=True)
            )
            lines.append("   ".join(padded).rstrip())
        return "\n".join([*lines, *self._left_out()])

    def _repr_html_(self) -> str:
        titles, rows = self._shown()
        styles = ["right" if column and all(map(_is_number, column)) else "left" for column in _columns(titles, rows)]

        def cells(row: list[str], tag: str) -> str:
            start = (f'<{tag} style="text-align:{style};padding:2px 8px">' for style in styles)
            return "".join(f"{a}{_cell(value)}</{tag[:2]}>" for a, value in zip(start, row, strict=True))

        head = cells(titles, 'th scope="col"')
        body = "".join(f"<tr>{cells(row, 'td')}</tr>\n" for row in rows)
        more = "".join(f"<p>{escape(line)}</p>" for line in self._left_out())
        return f"<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody></table>{more}"

    def _shown(self) -> tuple[list[str], list[list[str]]]:
        titles = [str(title) for title in self.columns]
        rows = [
            [_show(title, value) for title, value in zip(titles, values, strict=True)]
            for values in self.iloc[:SHOWN_ROWS].itertuples(index=False, name=None)
        ]
        if self.index.name:
            titles = [str(self.index.name), *titles]
            rows = [[str(at), *row] for at, row in zip(self.index, rows, strict=False)]
        return titles, rows

    def _left_out(self) -> list[str]:
        more = len(self) - SHOWN_ROWS
        return [f"and {more:,} more rows"] if more > 0 else []


def _show(title: str, value: Any) -> str:
    """One value as docker shows it in a column of this title."""
    if isinstance(value, Digest):
        return value.short if title in ("IMAGE ID", "IMAGE", "FROM", "TO") else f"sha256:{value.short}…"
    if title == "SIZE":
        return units.size(int(value), 3)
    if title in ("CREATED BY", "INSTRUCTION"):
        return units.ellipsis(units.harmless(" ".join(str(value).split())), 45)
    if title == "COMMAND":
        return f'"{units.ellipsis(units.harmless(str(value)), 20)}"'
    if title == "CONTAINER ID":
        return str(value)[:12]
    if isinstance(value, pd.Timestamp):
        return f"{value:%Y-%m-%d %H:%M:%S}"
    if value is pd.NaT:
        return ""
    if isinstance(value, float):
        return f"{value:.2f}"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return units.harmless(str(value))


def _cell(value: str) -> str:
    return f"<code>{escape(value)}</code>" if value.startswith("sha256:") else escape(value)


def _columns(titles: list[str], rows: list[list[str]]) -> list[list[str]]:
    return [[row[at] for row in rows] for at in range(len(titles))]


def _is_number(cell: str) -> bool:
    return cell.replace(",", "").isdigit()


def images(images: Iterable[Image]) -> Table:
    """Images, a row for each name: `docker images`."""
    rows = []
    for image in images:
        named = [(name.familiar_name, name.tag or "<none>") for name in image.names] or [("<none>", "<none>")]
        rows += [(name, tag, image.id, _time(image.created), image.size) for name, tag in named]
    return _table(rows, ["REPOSITORY", "TAG", "IMAGE ID", "CREATED", "SIZE"])


def history(steps: Iterable[Step]) -> Table:
    """The steps that made an image: `docker history`."""
    rows = [
        (step.image_id or MISSING, _time(step.created), step.created_by, step.size, step.comment)
        for step in steps
    ]
    return _table(rows, ["IMAGE", "CREATED", "CREATED BY", "SIZE", "COMMENT"])


def containers(containers: Iterable[Container], times: bool = False) -> Table:
    """Containers: `docker ps -a`; SIZE is the bytes of files in the writable layer.

    With `times` also when each was made, was started, and ended, which no two runs agree on.
    """
    rows = []
    for one in containers:
        state = one.state
        ended = state.exit_code if state.status == "exited" else ""
        when = (one.spec.created, state.started, state.finished)
        shown = [one.id, one.image_called(), one.command_text, state.status, ended, one.layer_size]
        rows.append((*shown, *(_time(moment) if moment else pd.NaT for moment in when), one.name))
    moments = ["CREATED", "STARTED", "ENDED"]
    titles = ["CONTAINER ID", "IMAGE", "COMMAND", "STATE", "EXIT CODE", "SIZE", *moments, "NAMES"]
    table = _table(rows, titles)
    return table if times else table.drop(columns=moments)


def volumes(volumes: Iterable[Volume], users: Callable[[], Mapping[str, Sequence[str]]], sizes: bool = False) -> Table:
    """Volumes: `docker volume ls`; with `sizes`, also how many containers have each, and the bytes in its files."""
    of = users() if sizes else {}
    more = ["LINKS", "SIZE"] * sizes
    rows = [
        ("local", one.name, *([len(of.get(one.name, ())), one.size] if sizes else []))
        for one in volumes
    ]
    return _table(rows, ["DRIVER", "VOLUME NAME", *more])


def container_diff(diff: Iterable[tuple[str, str]], container: Container) -> Table:
    """Every path a container added (A), changed (C) or deleted (D), with its size in bytes: `docker diff`."""
    now, before = container.tree(), container.image.tree()
    rows = []
    for letter, path in diff:
        entry = (before if letter == "D" else now).get(path.strip("/"))
        kind, size = (entry.kind, entry.size) if entry else ("", 0)
        rows.append((letter, path, kind, 0 if letter == "D" else size))
    return _table(rows, ["CHANGE", "PATH", "KIND", "BYTES"])


def tag_log(moves: Iterable[TagMove], store: Store, times: bool = False, *, numbers: Sequence[int]) -> Table:
    """Moves of tags by image IDs, numbered as in the whole log; with `times`, also when, which no two runs share."""
    rows = []
    for move in moves:
        ends = [(store.id_of(end) or "<removed>") if end else "<none>" for end in (move.old, move.new)]
        when = [_time(move.time)] if times else []
        rows.append((move.name.familiar, *when, *ends, move.verb))
    table = _table(rows, ["TAG", *["WHEN"] * times, "FROM", "TO", "BY"])
    table.index = pd.Index(numbers, name="MOVE")
    return table


def layers(image: Image) -> Table:
    """Every layer with every name it has, the first layer first; sizes in bytes."""
    made_by = [step.created_by for step in image.steps if step.layer is not None]
    rows = [
        (layer.diff_id, layer.digest, chain_id, layer.size, layer.files_size, created_by)
        for layer, chain_id, created_by in zip(image.layers, image.chain_ids, made_by, strict=True)
    ]
    titles = ["DIFF ID", "DIGEST", "CHAIN ID", "BYTES AS STORED", "BYTES IN FILES", "CREATED BY"]
    return _table(rows, titles, index="LAYER", start=1)


def changes(marks: Sequence[Mark]) -> Table:
    """What layers did to paths: each added (A), changed (C) or removed (D), with its size in bytes."""
    rows = [(mark.letter, mark.path, mark.entry.kind, mark.entry.size if mark.letter != "D" else 0) for mark in marks]
    table = _table(rows, ["CHANGE", "PATH", "KIND", "BYTES"])
    table.index = pd.Index([mark.layer for mark in marks], name="LAYER")
    return table


def identifiers(identifiers: Iterable[Identifier]) -> Table:
    """Identifiers of an image side by side, and what each is the digest of."""
    rows = [(identifier.name, identifier.value, identifier.of) for identifier in identifiers]
    return _table(rows, ["NAME", "VALUE", "THE SHA-256 OF"])


def compared(names: Iterable[Compared]) -> Table:
    """The names of two images side by side, and whether each changed."""
    rows = [(row.name, "changed" if row.changed else "the same", row.old, row.new) for row in names]
    return _table(rows, ["NAME", "IS NOW", "BEFORE", "AFTER"])


def steps(steps: Iterable[BuildStep], times: bool = False, *, numbers: Sequence[int]) -> Table:
    """What a build did, step by step: whether the cache had it, and if not, why; sizes in bytes.

    With `times` also how many seconds each took, which no two builds agree on.
    """
    rows = [
        (step.stage, step.line, step.instruction, step.cache, step.reason, step.seconds, step.size,
         step.image.id if step.image else MISSING)
        for step in steps
    ]  # fmt: skip
    titles = ["STAGE", "LINE", "INSTRUCTION", "CACHE", "REASON", "SECONDS", "SIZE", "IMAGE ID"]
    table = _table(rows, titles)
    table.index = pd.Index(numbers, name="STEP")
    return table if times else table.drop(columns="SECONDS")


def files(files: Iterable[ImageFile]) -> Table:
    """Paths of a merged file system, each with the layer it comes from."""
    rows = [
        (file.path, entry.kind, f"{entry.mode:04o}", f"{entry.uid}:{entry.gid}", entry.size, file.layer)
        for file in files
        if (entry := file.entry)
    ]
    return _table(rows, ["PATH", "KIND", "MODE", "OWNER", "BYTES", "FROM LAYER"])


def waste(waste: Waste, all: bool = False) -> Table:
    """The paths that waste bytes, those that waste most first, or with `all` every path in order.

    LAYERS are those that wrote or removed it, BYTES IN ALL the bytes that they hold for it together, SMALLEST its
    smallest size so far.
    """
    rows = [
        (path.path, ", ".join(map(str, dict.fromkeys(path.layers))), path.cumulative, path.smallest, path.wasted)
        for path in (waste.paths if all else waste.worst)
    ]
    return _table(rows, ["PATH", "LAYERS", "BYTES IN ALL", "SMALLEST", "WASTED"])


def blobs(blobs: Iterable[Moved]) -> Table:
    """What a push or a pull did with each blob, layers first: both names of a layer, its bytes on the wire."""
    rows = [
        (blob.kind, blob.diff_id or "", blob.digest, blob.size,
         f"mounted from {blob.mounted_from}" if blob.mounted_from else blob.verdict)
        for blob in blobs
    ]  # fmt: skip
    return _table(rows, ["KIND", "DIFF ID", "DIGEST", "BYTES", "VERDICT"])


def requests(requests: Iterable[Request | Answered]) -> Table:
    """Requests as a client made them, or as a registry answered them: SENT and RECEIVED are bytes of bodies.

    What the client sent, the registry received. Digests in the path have 12 digits, and an upload's name, which no two
    runs share, is left out. A registry's log has captions.
    """
    rows = [
        (one.method, _brief_path(one.path), one.status, one.sent, one.received, getattr(one, "caption", ""))
        for one in requests
    ]
    table = _table(rows, ["METHOD", "PATH", "STATUS", "SENT", "RECEIVED", "CAPTION"])
    return table if any(row[-1] for row in rows) else table.drop(columns="CAPTION")


def _brief_path(path: str) -> str:
    path = re.sub(r"(/blobs/uploads/)[^/?]+", r"\1…", path)
    path = re.sub(r"[?&]_state=[^&]*", "", path)
    return re.sub(r"(sha\d+)(?::|%3A)([0-9a-f]{12})[0-9a-f]+", r"\1:\2", path)


def of(rows: Iterable[Sequence[Any]], titles: Sequence[str]) -> Table:
    """A table of any rows under these titles."""
    return _table(list(rows), list(titles))


def _table(rows: list[Any], titles: list[str], index: str = "", start: int = 0) -> Table:
    table = Table(rows, columns=titles, dtype=object)  # whatever a cell holds, it keeps: a Digest stays one
    for title in titles:
        kinds = {type(value) for value in table[title]}
        if kinds == {int}:
            table[title] = table[title].astype("int64")
        elif kinds and kinds <= {pd.Timestamp, type(pd.NaT)}:
            table[title] = pd.to_datetime(table[title], utc=True)
    if index:
        table.index = pd.RangeIndex(start, start + len(rows), name=index)
    return table


def _time(created: str) -> pd.Timestamp:
    """A moment, or NaT where the image says nothing."""
    moment = units.parse_time(created)
    return pd.NaT if moment == units.NO_TIME else pd.Timestamp(floor(moment.timestamp()), unit="s", tz="UTC")  # type: ignore[return-value]
