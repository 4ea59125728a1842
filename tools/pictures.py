"""Draw README's pictures again, from a real image: `python tools/pictures.py [FOLDER]` (docs by default)."""

from __future__ import annotations

import sys
from pathlib import Path

from imagelab import Lab, draw


def main(folder: Path) -> None:
    """Write anatomy.svg, stack.svg, sharing.svg and containers.svg; the same bytes on every machine."""
    lab = Lab.temporary(epoch=0)
    base = lab.append(None, {"bin/sh": b"#!" * 50, "etc/os-release": "NAME=lab\n"}, "base:1.0", created_by="base")
    copied = base.append({"app/app.py": "print('hi')\n", "app/secret.txt": b"s" * 1000}, "COPY . /app")
    app = copied.append({"app/secret.txt": None}, "RUN rm /app/secret.txt")
    app = app.with_config('CMD ["python" "app.py"]', Cmd=["python", "app.py"])
    lab.tag(app, "myapp:1.0")
    lab.tag(app, "myapp:latest")
    other = lab.append("base:1.0", {"srv/index.html": "<h1>hi</h1>\n"}, "web:1.0", created_by="COPY index.html /srv/")
    pictures = {"anatomy": draw.anatomy(app), "stack": draw.stack(app), "sharing": draw.sharing([app, other])}
    pictures["containers"] = draw.containers(shop())
    folder.mkdir(exist_ok=True)
    for name, picture in pictures.items():
        (folder / f"{name}.svg").write_text(picture._repr_svg_(), encoding="utf-8", newline="\n")


def shop() -> Lab:
    """A lab with two containers of one image, which have gone different ways; one has become an image."""
    lab = Lab.temporary(epoch=0)
    image = lab.base().append({"menu.txt": "soup 4\n"}, "COPY menu.txt /")
    lab.tag(image.with_config("CMD open", Cmd=["sh", "-c", "while true; do sleep 1; done"]), "shop:1.0")
    left, right = (lab.run("shop:1.0", name=name, detach=True) for name in ("left", "right"))
    left.exec("sh", "-c", "echo soup 5 > /menu.txt; echo table 4 > /orders.txt")
    left.commit("shop:2.0")
    right.exec("rm", "/menu.txt")
    right.stop(0)
    return lab


if __name__ == "__main__":
    main(Path(*sys.argv[1:] or ["docs"]))
