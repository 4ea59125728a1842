"""Scenes of lesson 02: a photo album whose zip is deleted too late, and a service with a secret."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...filesystem.entry import Entry
from . import nothing

if TYPE_CHECKING:
    from ...lab import Lab

ROOTFS: dict[str, bytes | str] = {"bin/sh": b"#!" * 20_000, "etc/os-release": "NAME=tiny\n"}
PHOTOS = {"data/1.jpg": b"one." * 150_000, "data/2.jpg": b"two." * 150_000}
LEAN = "RUN mkdir /data && cd /data && wget example.com/photos.zip && unzip photos.zip && rm photos.zip"


def album(lab: Lab) -> None:
    """The base tiny:1.0, and the album before and after its zip is deleted: album:0.9 and album:1.0."""
    tiny = lab.append(None, ROOTFS, "tiny:1.0", created_by="COPY rootfs /")
    copied = lab.append(tiny, {"data/photos.zip": b"ZIP." * 250_000}, created_by="COPY photos.zip /data/")
    before = lab.append(copied, PHOTOS, "album:0.9", created_by="RUN cd /data && unzip photos.zip")
    lab.append(before, {"data/photos.zip": None}, "album:1.0", created_by="RUN rm /data/photos.zip")


def service(lab: Lab) -> None:
    """The image service:1.0, whose last layer deletes a secret."""
    image = lab.append("tiny:1.0", {"app/.env": "DB_PASSWORD=hunter2\n"}, created_by="COPY .env /app/")
    image = lab.append(image, {"app/ready": "yes\n"}, created_by="RUN /app/setup.sh")
    lab.append(image, {"app/.env": None}, "service:1.0", created_by="RUN rm /app/.env")
    lab.save("service:1.0", lab.home.parent / "service.tar")


def lean(lab: Lab) -> None:
    """The album in one instruction, album:2.0."""
    lab.append("tiny:1.0", PHOTOS, "album:2.0", created_by=LEAN)


def private(lab: Lab) -> None:
    """One bit of one photo's mode changed: album:1.1."""
    photo = Entry.file(PHOTOS["data/1.jpg"], mode=0o640)
    lab.append("album:1.0", {"data/1.jpg": photo}, "album:1.1", created_by="RUN chmod o-r /data/1.jpg")


def emptied(lab: Lab) -> None:
    """The album without its folder, in an image that has no name."""
    lab.append("album:1.0", {"data": None}, created_by="RUN rm -r /data")


SECTIONS = [album, nothing, nothing, service, lean, nothing, nothing, nothing, private, emptied]
