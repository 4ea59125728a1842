"""Scenes of lesson 05: a soup shop's image, its digests, and one changed byte."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...build.progress import Watcher
from ...oci import mutate
from . import nothing, pushed

if TYPE_CHECKING:
    from ...lab import Lab

STEPS = "COPY etc /etc\nCOPY app /app\nCOPY menu.txt /\nENV PORT=8080\n"
FILES = {
    "Dockerfile": f'FROM scratch\n{STEPS}CMD ["python", "/app/shop.py"]\n',
    "menu.txt": "tea and soup\n",
    "app/shop.py": "print(open('/app/prices.csv').read())\n",
    "app/prices.csv": "tea,3\nsoup,4\n",
    "etc/os-release": "NAME=tiny\n",
}


def built(lab: Lab) -> None:
    """The folder with the Dockerfile, and the image shop:1.0."""
    shop = lab.home.parent / "shop"
    for name, text in FILES.items():
        (shop / name).parent.mkdir(parents=True, exist_ok=True)
        (shop / name).write_text(text)
    lab.build(shop, "shop:1.0", watcher=Watcher())


def one_byte(lab: Lab) -> None:
    """The price list with one byte changed, and the image shop:1.1."""
    shop = lab.home.parent / "shop"
    (shop / "app" / "prices.csv").write_text("tea,3\nsoup,5\n")
    lab.build(shop, "shop:1.1", watcher=Watcher())


def pinned(lab: Lab) -> None:
    """shop:1.0 moved, put back, and pushed; before that, shop:9090 built on the image that shop:1.0 pointed to."""
    tested = lab.pinned("shop:1.0")
    lab.tag("shop:1.1", "shop:1.0")
    lab.build({"Dockerfile": f"FROM {tested}\nENV PORT=9090\n"}, "shop:9090", watcher=Watcher())
    lab.tag(tested, "shop:1.0")
    pushed(lab, tested, "none")


def compressed(lab: Lab) -> None:
    """The same image with gzipped layers, as shop:packed."""
    lab.tag(lab.add(mutate.compressed(lab.image("shop:1.0"))), "shop:packed")


SECTIONS = [built, nothing, one_byte, nothing, nothing, pinned, nothing, nothing, nothing, compressed, nothing, nothing]
