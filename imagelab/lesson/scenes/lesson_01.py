"""Scenes of lesson 01: a shop of three layers, and what its config says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import nothing

if TYPE_CHECKING:
    from ...lab import Lab

ROOTFS = {"etc/os-release": "NAME=tiny\n", "etc/motd": "Welcome to tiny.\n"}
APP = {
    "app/shop.py": "print(open('/app/prices.csv').read())\n",
    "app/prices.csv": "tea,3\nsoup,4\n",
    "app/notes.txt": "call the bank about the loan\n",
}
RUN = "RUN sed -i s/soup,4/soup,5/ /app/prices.csv && rm /app/notes.txt"


def shop(lab: Lab) -> None:
    """The image shop:1.0, one step for each instruction of its Dockerfile."""
    copied = lab.append(lab.scratch, ROOTFS, created_by="COPY rootfs /")
    copied = lab.append(copied, APP, created_by="COPY . /app")
    copied = copied.with_config("ENV PORT=8080", Env=["PORT=8080"])
    image = lab.append(copied, {"app/prices.csv": "tea,3\nsoup,5\n", "app/notes.txt": None}, created_by=RUN)
    image = image.with_config("EXPOSE 8080", ExposedPorts={"8080/tcp": {}})
    image = image.with_config('CMD ["python" "/app/shop.py"]', Cmd=["python", "/app/shop.py"])
    lab.tag(image, "shop:1.0")


def other_port(lab: Lab) -> None:
    """A second image, shop:1.1, with another setting and the same layers."""
    lab.tag(lab.image("shop:1.0").with_config("ENV PORT=9090", Env=["PORT=9090"]), "shop:1.1")


def saved(lab: Lab) -> None:
    """The file shop.tar beside the lab's folder, as docker save writes it."""
    lab.save("shop:1.0", lab.home.parent / "shop.tar")


SECTIONS = [shop, nothing, nothing, nothing, nothing, other_port, saved, nothing, nothing, nothing, nothing]
