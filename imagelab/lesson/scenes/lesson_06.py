"""Scenes of lesson 06: containers of a soup shop's image, what they write, and what is left of it."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

from . import nothing

if TYPE_CHECKING:
    from ...lab import Lab

COMMAND = ["sh", "-c", "echo open; while true; do sleep 1; done"]


def two_containers(lab: Lab) -> None:
    """The image shop:1.0, and its containers left and right, which run."""
    image = lab.base().append({"menu.txt": "soup 4\n"}, "COPY menu.txt /")
    lab.tag(image.with_config("CMD open the shop", Cmd=COMMAND), "shop:1.0")
    for name in ("left", "right"):
        lab.run("shop:1.0", name=name, detach=True)


def killed(lab: Lab) -> None:
    """left killed, and started again."""
    left = lab.container("left")
    next(left.log(follow=True))
    left.kill(signal.SIGKILL)
    left.start()


def edited(lab: Lab) -> None:
    """A third container; left has a new price and an order, third has no menu any more."""
    left = lab.container("left")
    left.exec("sh", "-c", "echo soup 5 > /menu.txt")
    lab.run("shop:1.0", name="third", detach=True).exec("rm", "/menu.txt")
    left.exec("sh", "-c", 'echo "table 4: 2 soups" > /orders.txt')


def restarted(lab: Lab) -> None:
    """left stopped, and started again."""
    lab.container("left").stop(timeout=0).start()


def committed(lab: Lab) -> None:
    """The image shop:2.0, made from left."""
    lab.container("left").commit("shop:2.0", message="soup 5")


def replaced(lab: Lab) -> None:
    """left removed, and a new container of that name."""
    lab.container("left").stop(timeout=0).remove()
    lab.run("shop:1.0", name="left", detach=True)


def tag_moved(lab: Lab) -> None:
    """shop:1.0 moved to the new image; right stopped, and started again."""
    lab.tag("shop:2.0", "shop:1.0")
    lab.container("right").stop(timeout=0).start()


def copied(lab: Lab) -> None:
    """A file copied into right, and another out of it."""
    note, orders = lab.home.parent / "note.txt", lab.home.parent / "orders.txt"
    note.write_text("table 7: 1 soup\n")
    right = lab.container("right")
    right.copy_in(note, "/note.txt")
    right.exec("sh", "-c", "cat /note.txt > /orders.txt; rm /note.txt")
    right.copy_out("/orders.txt", orders)


def kept_in_a_volume(lab: Lab) -> None:
    """The volume orders with an order in it, which kitchen and till mount; the image shop:3.0, which has no order."""
    write = ("sh", "-c", 'echo "table 9: 3 soups" > /data/orders.txt')
    first = lab.run("shop:1.0", *write, name="till", volumes=["orders:/data"])
    first.commit("shop:3.0")
    first.remove(volumes=True)
    lab.run("shop:1.0", "cat", "/orders/orders.txt", name="kitchen", volumes=["orders:/orders:ro"])
    lab.run("shop:1.0", "cat", "/data/orders.txt", name="till", volumes=["orders:/data"])


SECTIONS = [
    two_containers, killed, edited, restarted, committed, replaced, nothing, nothing, nothing, tag_moved, copied,
    nothing, kept_in_a_volume,
]  # fmt: skip
