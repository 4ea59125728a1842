"""Scenes of lesson 04: a soup shop whose tags move."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import nothing, pushed

if TYPE_CHECKING:
    from ...lab import Lab
    from ...oci.image import Image


def menu(lab: Lab, price: str, name: str) -> Image:
    """An image with one file, the menu, under a name."""
    return lab.append(None, {"menu.txt": f"soup {price}\n"}, name, created_by="COPY menu.txt /")


def two_names(lab: Lab) -> None:
    """One image called shop:1.0 and shop:latest."""
    menu(lab, "4", "shop:1.0")
    lab.tag("shop:1.0", "shop")


def latest_moves(lab: Lab) -> None:
    """A second image, and latest moved to it."""
    menu(lab, "5", "shop:2.0")
    lab.tag("shop:2.0", "shop")


def made_again(lab: Lab) -> None:
    """On Monday, shop:1.0 is pushed; on Tuesday it goes to a third image, and that of Monday has no name left."""
    pushed(lab, "shop:1.0", "gzip")
    menu(lab, "4.50", "shop:1.0")


def put_back(lab: Lab) -> None:
    """shop:1.0 back on the image of Monday."""
    monday = lab.tag_log("shop:1.0")[0].new
    lab.tag(next(image for image in lab.images() if image.digest == monday), "shop:1.0")


def names_removed(lab: Lab) -> None:
    """The second image removed, with its two names."""
    lab.rmi("shop:2.0")
    lab.rmi("shop")


SECTIONS = [two_names, latest_moves, made_again, nothing, put_back, names_removed, nothing, nothing, nothing, nothing]
