"""`draw.timeline`: what happened on several hosts and in a registry, one event a row, the first on top.

Each host and the registry has a column. The events are the moves of tags, the last start and end of each container that
is still there, and the manifests that the registry was given, was asked for and was told to delete. Each image, that is
each image ID, has a letter, A for the first one: two rows with one letter are about the same files and settings, even
where a push has compressed the layers, and so made another manifest.

Left out: the times, which no two runs share; they only put the rows in order.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from string import ascii_uppercase
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from ..errors import LabError
from ..oci.digest import Digest
from .drawing import CONFIG, MANIFEST, QUIET, TAG, Drawing, count, digraph, text

if TYPE_CHECKING:
    from ..containers import Container
    from ..lab import Lab
    from ..registry.server.embedded import EmbeddedRegistry

MOST = 40  # events: the last ones
MILLISECONDS = 23  # characters of a time: the least exact clock is that of the tags
FILLS = {"tag": TAG, "container": CONFIG, "registry": MANIFEST}


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened: when, where, of which kind (a key of FILLS), to what, how, and to which manifest.

    `image` is the image ID, or the manifest's digest where the manifest is gone or is an index.
    """

    time: str
    place: str
    kind: str
    what: str
    how: str
    digest: str = ""
    image: str = ""


def timeline(hosts: Mapping[str, Lab], registry: EmbeddedRegistry | None = None) -> Drawing:
    """What happened on each of `hosts`, which has names for labs, and in the registry, in order."""
    events = [event for name, lab in hosts.items() for event in _on_host(name, lab)]
    if registry is not None:
        events += _in_registry(registry)
    return draw_events([*hosts, *([registry.name] if registry is not None else [])], events)


def draw_events(places: list[str], events: list[Event]) -> Drawing:
    """The picture of events, with a column for each place."""
    events = sorted(events, key=lambda event: event.time[:MILLISECONDS])
    images = dict.fromkeys(event.image for event in events if event.image)
    letters = {image: _letter(number) for number, image in enumerate(images)}
    head = "".join(_cell(text(name, bold=True), fill=QUIET) for name in ["", *places])
    rows, words = [f"<tr>{head}</tr>"], []
    if len(events) > MOST:
        words.append(f"Left out: {count(len(events) - MOST, 'earlier event')}.")
    for number, event in [*enumerate(events, 1)][-MOST:]:
        image = f" → {letters[event.image]}" if event.image else ""
        short = f", digest {Digest(event.digest).short}" if event.digest else ""
        label = f"{text(event.what + image, bold=True)}<br/>{text(event.how + short, size=11, limit=100)}"
        here = _cell(label, fill=FILLS[event.kind], id=f"event:{number}")
        cells = [here if name == event.place else _cell(" ") for name in places]
        rows.append(f"<tr>{_cell(text(str(number)), fill=QUIET)}{''.join(cells)}</tr>")
        words.append(f"{number}. {event.place}: {event.what}{image}, {event.how}{short}.")
    graph = digraph()
    table = '<table border="0" cellborder="0" cellspacing="3" cellpadding="5">'
    graph.node("timeline", f"<{table}{''.join(rows)}</table>>")
    return Drawing(graph, "What happened, in order", "\n".join(words or ["Nothing yet."]))


def _cell(label: str, *, fill: str = "", id: str = "") -> str:
    looks = (f' bgcolor="{fill}"' if fill else "") + (f' id="{id}" href="#"' if id else "")
    return f'<td align="left" balign="left"{looks}>{label}</td>'


def _letter(number: int) -> str:
    """A to Z, then A1 to Z1 and so on."""
    turn, place = divmod(number, len(ascii_uppercase))
    return ascii_uppercase[place] + (str(turn) if turn else "")


def _on_host(name: str, lab: Lab) -> Iterator[Event]:
    time = ""
    for move in lab.tag_log():
        time = move.time or time  # of a move by another tool only the place in the order is known
        how = f"by {move.verb}" if move.verb != "elsewhere" else "by another tool"
        image = _image_of(move.new, lab.store.blobs.read)
        yield Event(time, name, "tag", move.name.familiar, how if move.new else f"removed {how}", move.new, image)
    for container in lab.containers():
        yield from _of_container(name, container)


def _of_container(place: str, container: Container) -> Iterator[Event]:
    spec, state = container.spec, container.state
    about = (spec.image, spec.image_id)
    if state.started:
        yield Event(state.started, place, "container", spec.name, f"started from {spec.image_name}", *about)
    if state.finished:
        yield Event(state.finished, place, "container", spec.name, f"exited ({state.exit_code})", *about)


def _in_registry(registry: EmbeddedRegistry) -> Iterator[Event]:
    verbs = {"PUT": "pushed", "HEAD": "looked up", "GET": "pulled", "DELETE": "deleted"}
    for request in registry.log():
        path = unquote(urlsplit(request.path).path).removeprefix("/v2/")
        repository, _, name = path.partition("/manifests/")
        if not name or request.method not in verbs or request.status >= 400:
            continue
        by_digest = ":" in name
        what = repository if by_digest else f"{repository}:{name}"
        how = verbs[request.method] + (" by digest" if by_digest else "")
        digest = request.digest or (name if by_digest else "")
        image = _image_of(digest, registry.images.repository(repository).read)
        yield Event(request.time, registry.name, "registry", what, how, digest, image)


def _image_of(digest: str, read: Callable[[Digest], bytes]) -> str:
    """The image ID that a manifest names; the digest itself of one that is gone or is an index."""
    try:
        return str(json.loads(read(Digest(digest)))["config"]["digest"])
    except (LabError, OSError, ValueError, KeyError, TypeError):
        return digest
