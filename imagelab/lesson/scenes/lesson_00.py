"""Scenes of lesson 00: a first image, greeting:1.0."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import nothing

if TYPE_CHECKING:
    from ...lab import Lab
    from ...oci.image import Image

TEXT = "hello from a container image\n"


def greeting(lab: Lab, text: str) -> Image:
    """An image with one file, and the command that prints it."""
    with_file = lab.append(lab.scratch, {"greeting.txt": text}, created_by="COPY greeting.txt /")
    return with_file.with_config('CMD ["cat" "/greeting.txt"]', Cmd=["cat", "/greeting.txt"])


def first_image(lab: Lab) -> None:
    """The image greeting:1.0."""
    lab.tag(greeting(lab, TEXT), "greeting:1.0")


def louder(lab: Lab) -> None:
    """The same image again, which changes nothing, and one with the text in capitals, without a name."""
    greeting(lab, TEXT)
    greeting(lab, TEXT.upper())


SECTIONS = [nothing, first_image, nothing, nothing, louder]
