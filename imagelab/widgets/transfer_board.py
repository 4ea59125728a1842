"""TransferBoard: push images to a registry and pull them back, and see which bytes travel.

The drawing is the control: drag a name of the lab onto a repository to push it, a tag of the registry onto the lab to
pull it, a name off the drawing to remove it here. The buttons do the same. Below is the last transfer, blob by blob,
with both names of each layer and the HTTP requests; it is played step by step.
"""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import TYPE_CHECKING

import ipywidgets

from ..drawings.drawing import Drawing, count
from ..drawings.transfer import ids, kinds, layout, own_name, totals, verdict
from ..errors import LabError
from ..lab import Lab
from ..oci import mutate
from ..oci.digest import Digest
from ..registry.transfer import silent
from ..units import harmless
from .base import html_area, show_errors, side_by_side, toggles
from .board import Board, offer, screen
from .replay import Replay
from .touch import Node, TouchDrawing
from .transfer_requests import by_blob, requests_table

if TYPE_CHECKING:
    from ..registry.server.embedded import EmbeddedRegistry
    from ..registry.transfer import Moved, Transfer

ANOTHER = ""  # the value of the choice "another" in the row of repositories
MOST = 8  # names, tags and transfers to choose from
TITLE = "<b>Transfer board</b>"
HINT = (
    "Drag a name of the lab onto a repository (docker push), a tag of the registry onto the lab (docker pull), or a "
    "name out of the drawing (docker rmi). Click a blob to see its requests. By keyboard: arrows move, Enter chooses, "
    "Space picks up and Enter drops, Delete removes, Escape puts back."
)
PAST = "This transfer is not finished yet. Step goes on; after its last step, names and tags can be dragged again."
OWN_NAME = {
    "layer": "The lab calls this layer by its diffID {own}, the digest of its tar. {travels}",
    "config": "The config's digest is the image ID, {own}. It travels as it is.",
    "manifest": "The manifest's digest is {own}. It travels as it is, and the tag points to it.",
    "index": "The index's digest is {own}. It travels as it is, and the tag points to it.",
}


class TransferBoard(Board):
    """A widget that moves images between a lab and a registry, and shows what travelled.

    `drawing` is the drawing to take hold of. `name.value` is the chosen name of the lab, `repository.value` the chosen
    repository, or "" for the one typed into `other`. The buttons are `push`, `pull`, `change` and `remove`; `output`
    shows the docker commands of the last one; `replay` plays the transfer that `shown.value` chooses. `transfers` are
    those shown from the start.
    """

    def __init__(self, lab: Lab, registry: EmbeddedRegistry, *transfers: Transfer) -> None:
        self.lab, self.registry = lab, registry
        self.transfers = list(transfers)
        self.drawing = TouchDrawing(self._touched, HINT)
        self.output, self.details = html_area(), html_area()
        self.name, self.repository, self.shown = toggles("Name"), toggles("Repository"), toggles("Transfer")
        narrow = ipywidgets.Layout(max_width="calc(100% - 4px)")  # it has a margin
        self.other = ipywidgets.Text(description="Its name", placeholder="kitchen/shop", layout=narrow)
        self.replay = Replay("Replay the transfer:", "blob", self._steps, self._show_moment, self.output)
        self.push = self._button("Push", "docker tag NAME REGISTRY/REPOSITORY:TAG; docker push", self._push)
        self.pull = self._button("Pull", "docker pull REGISTRY/REPOSITORY:TAG, with the tag of the name", self._pull)
        self.change = self._button("Change a byte", "One byte of a file changes; the name moves to that image",
                                   self._change)  # fmt: skip
        self.remove = self._button("Remove name", "docker rmi NAME", self._remove)
        self._blob: int | None = None  # the blob that was clicked
        self._showing = False
        show = show_errors(self.output, self._show)
        for choice in (self.name, self.repository, self.other, self.shown):
            choice.observe(lambda *_: None if self._showing else show(), "value")
        self.shown.observe(lambda *_: self._other_transfer(), "value")
        show()
        drawn = self._draw()
        first = self.transfers[-1] if self.transfers else None
        rows = self._requests_html(first) if first else ""
        super().__init__(
            [html_area(TITLE), self.replay.row, *self.drawing.parts, self.name, self.repository, self.other,
             side_by_side(self.push, self.pull, self.change, self.remove), self.output, self.shown, self.details],
            html=f"<p>{TITLE}</p>{drawn._repr_html_()}{rows}",
            plain=f"Transfer board\n{drawn!r}",
        )  # fmt: skip

    def _act(self, action: Callable[[], str]) -> bool:
        self._blob = None
        return super()._act(action)

    # What the buttons do ------------------------------------------------------------------------------------------

    def _push(self) -> str:
        return self._send_image(self._chosen_name(), self._chosen_repository())

    def _send_image(self, name: str, repository: str) -> str:
        target = f"{self.registry.name}/{repository}:{_tag_of(name)}"
        commands = []
        if target != name:
            self.lab.tag(name, target)
            commands.append(f"$ docker tag {name} {target}")
        transfer = self.lab.push(target, report=silent)
        self.transfers.append(transfer)
        return screen([*commands, f"$ docker push {target}", _summary(transfer)])

    def _pull(self) -> str:
        return self._fetch_image(f"{self._chosen_repository()}:{_tag_of(self._chosen_name())}")

    def _fetch_image(self, pointer: str) -> str:
        target = f"{self.registry.name}/{pointer}"
        transfer = self.lab.pull(target, report=silent)
        self.transfers.append(transfer)
        return screen([f"$ docker pull {target}", _summary(transfer)])

    def _change(self) -> str:
        name = self._chosen_name()
        image = self.lab.image(name)
        places = mutate.files(image)
        if not places:
            raise LabError(f"{name} has no file with bytes in it: choose another name")
        place = places[-1]
        content = image.layers[place.layer - 1].read(place.path)
        at = next((n for n, byte in enumerate(content) if chr(byte).isdecimal()), len(content) - 1)
        new = (content[at] - 48 + 1) % 10 + 48 if chr(content[at]).isdecimal() else content[at] ^ 1
        changed = self.lab.add(mutate.byte(image, place, at, new))
        self.lab.tag(changed, name)
        return (f"<p>Byte {at:,} of <code>{escape(harmless(place.path))}</code>, in layer {place.layer}, has changed: "
                f"<b>{escape(name)}</b> points to the image {changed.id.short} now. Push it.</p>")  # fmt: skip

    def _remove(self) -> str:
        return self._untag(self._chosen_name())

    def _untag(self, name: str) -> str:
        return screen([f"$ docker rmi {name}", *self.lab.rmi(name)])

    def _chosen_name(self) -> str:
        if not self.name.value:
            raise LabError("the lab has no names: drag a tag of the registry onto it, or pull one with %docker")
        return str(self.name.value)

    def _chosen_repository(self) -> str:
        if not (repository := self.repository.value or self.other.value.strip()):
            raise LabError("no repository is chosen: type a name, such as kitchen/shop")
        return str(repository)

    # The drawing --------------------------------------------------------------------------------------------------

    def _touched(self, event: str, node: str, target: str | None) -> str:
        kind, _, name = node.partition(":")
        onto, _, place = (target or "").partition(":")
        if event == "off" and kind == "name":
            return f"The name {name} is removed from the lab." if self._act(lambda: self._untag(name)) else ""
        if event == "drop" and kind == "name" and onto in ("repository", "pointer"):
            repository = place.rpartition(":")[0] if onto == "pointer" else place
            pushed = self._act(lambda: self._send_image(name, repository))
            return f"{name} is pushed: {self._last}." if pushed else ""
        if event == "drop" and kind == "pointer" and onto in ("lab", "name"):
            pulled = self._act(lambda: self._fetch_image(name))
            return f"{name} is pulled: {self._last}." if pulled else ""
        if event == "drop":
            return "A name of the lab goes onto a repository, and a tag of the registry onto the lab."
        if kind == "name":
            self.name.value = name
            return f"Chosen: {name}, image {self.lab.image(name).id.short}."
        if kind in ("repository", "pointer"):
            self.repository.value = name.rpartition(":")[0] if kind == "pointer" else name
            return f"Chosen: the repository {self.repository.value}."
        if kind == "lab":
            return "Drop a tag of the registry here, to pull it."
        return self._choose_blob(node)

    @property
    def _last(self) -> str:
        return totals(self.transfers[-1].blobs)

    def _choose_blob(self, node: str) -> str:
        transfer = self._transfer
        assert transfer is not None
        self._blob = next(at for at, rows in enumerate(ids(transfer.blobs)) if node in rows)
        self._show()
        return _about(transfer.blobs[self._blob])

    def _nodes(self) -> dict[str, Node]:
        """What can be reached in the drawing. While a transfer is replayed, nothing can be moved."""
        live = self.replay.moment is None
        nodes = {"lab": Node("the lab: drop a tag of the registry here to pull it", drop=live)}
        for name, image_id in self._names().items():
            nodes[f"name:{name}"] = Node(
                f"name {name}, image {image_id}", drag=live, off=live, drop=live, pressed=name == self.name.value
            )
        for repository, pointers in self.registry.tags().items():
            chosen = self.repository.value == repository
            nodes[f"repository:{repository}"] = Node(
                f"repository {repository} of {self.registry.name}", drop=live, pressed=chosen
            )
            for tag, digest in pointers.items():
                label = f"tag {repository}:{tag} of {self.registry.name}, digest {Digest(digest).short}"
                nodes[f"pointer:{repository}:{tag}"] = Node(label, drag=live, drop=live)
        if transfer := self._transfer:
            done = self._done
            rows = zip(transfer.blobs, kinds(transfer.blobs), ids(transfer.blobs), strict=True)
            for at, (blob, kind, pair) in enumerate(rows):
                happened = verdict(blob) if at < done else "not yet"
                for node in pair:
                    nodes[node] = Node(
                        f"{kind}, {own_name(blob)}, as blob {Digest(blob.digest).short}: {happened}", same=pair,
                        note=_about(blob), pressed=at == self._blob,
                    )  # fmt: skip
        return nodes

    # Showing ------------------------------------------------------------------------------------------------------

    @property
    def _transfer(self) -> Transfer | None:
        """The transfer that is shown."""
        return self.transfers[self.shown.value] if self.transfers and self.shown.value is not None else None

    @property
    def _done(self) -> int:
        """How many blobs of it are shown as finished."""
        return self._steps() if self.replay.moment is None else self.replay.moment

    def _steps(self) -> int:
        return len(self._transfer.blobs) if self._transfer else 0

    def _names(self) -> dict[str, str]:
        """The names of the lab's images, and their short IDs; those that were moved last."""
        names = {name.familiar: str(self.lab.image(name.familiar).id.short) for name in sorted(self.lab.tags())}
        return dict(list(names.items())[-MOST:])

    def _other_transfer(self) -> None:
        if not self._showing:
            self.replay.end()
            self._blob = None
            show_errors(self.output, self._show)()

    def _show(self) -> None:
        """Offer what there is to choose, and draw."""
        self._showing = True
        try:
            offer(self.name, [(name, name) for name in self._names()])
            offer(self.repository, [*((name, name) for name in self.registry.tags()), ("another", ANOTHER)])
            numbers = range(len(self.transfers))[-MOST:]
            last = self.shown.options[-1][1] if self.shown.options else None
            options = [(f"{n + 1}: {self.transfers[n].verb} {self.transfers[n].name}", n) for n in numbers]
            offer(self.shown, options)
            if options and options[-1][1] != last:
                self.shown.value = options[-1][1]
        finally:
            self._showing = False
        self.other.layout.display = "flex" if self.repository.value == ANOTHER else "none"
        self.drawing.hint = HINT if self.replay.moment is None else PAST
        self.drawing.show(self._draw(), self._nodes())
        self._show_details()

    def _draw(self) -> Drawing:
        return layout(self._transfer, self.replay.moment, self._names(), self.registry.tags(), self.registry.name)

    def _show_details(self) -> None:
        transfer = self._transfer
        self.details.value = self._requests_html(transfer) if transfer else ""

    def _requests_html(self, transfer: Transfer) -> str:
        """The requests so far, or those of the blob that was clicked."""
        others, each = by_blob(transfer)
        called = kinds(transfer.blobs)
        if self._blob is not None:
            about = f"<p>{escape(_about(transfer.blobs[self._blob]))}</p>"
            return about + requests_table(each[self._blob], f"The requests for {called[self._blob]}")
        requests = [*others, *(one for own in each[: self._done] for one in own)]
        title = f"{transfer.verb.capitalize()} of {transfer.name}: {count(len(requests), 'request')}"
        return requests_table(requests, title)

    def _show_moment(self, moment: int | None) -> None:
        self._blob = None
        self._show()
        transfer = self._transfer
        if transfer is None:
            self.drawing.announce("Nothing was pushed or pulled yet.")
            return
        done = self._done
        if done == 0:
            self.drawing.announce(f"Before the first of {count(len(transfer.blobs), 'blob')}.")
            return
        blob, kind = transfer.blobs[done - 1], kinds(transfer.blobs)[done - 1]
        end = f" Done: {totals(transfer.blobs)}." if moment is None else ""
        self.drawing.announce(
            f"{done:,} of {len(transfer.blobs):,}: {kind}, {verdict(blob)}, {blob.size:,} bytes.{end}"
        )


def _about(blob: Moved) -> str:
    own, wire = own_name(blob), Digest(blob.digest).short
    if own == wire:
        travels = "It travels uncompressed, under the same digest."
    else:
        travels = f"Compressed, it travels as the blob {wire}: another digest, for other bytes."
    return f"{OWN_NAME[blob.kind].format(own=own, travels=travels)} {blob.size:,} bytes, {verdict(blob)}."


def _summary(transfer: Transfer) -> str:
    return f"digest: {transfer.digest}\n({totals(transfer.blobs)})"


def _tag_of(name: str) -> str:
    return name.rpartition(":")[2]
