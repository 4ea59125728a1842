"""Widgets: how soon a click is answered, in the kernel, and on the page of a real browser."""

from __future__ import annotations

import importlib.util
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median, quantiles
from typing import TYPE_CHECKING

from measure import Result

from imagelab import Lab
from imagelab.analysis.waste import waste
from imagelab.filesystem.entry import Entry
from imagelab.filesystem.tree import Changes
from imagelab.oci.layer import Layer
from imagelab.widgets import CacheSimulator, ContainerPlayground, DigestMicroscope, LayerExplorer, TagBoard, WasteMeter

if TYPE_CHECKING:
    from playwright.sync_api import Locator

PROMPT = 0.1  # seconds from a click to its answer: what a person takes for "at once"


def clicks(folder: Path, rounds: int) -> Iterator[Result]:
    yield timed("click: layer explorer, 20,000 files", explorer(), rounds)
    yield timed("click: tag board, 200 tags", board(), rounds)
    yield timed("click: waste meter, 3 layers of 2 MB", meter(), rounds)
    yield timed("click: digest microscope", microscope(), rounds)
    yield timed("click: cache simulator", simulator(), rounds)
    yield from playground(rounds)
    yield timed("waste of 20,000 files, 10 layers", many_files(), rounds, floor=1)
    if importlib.util.find_spec("playwright") and (chromium := shutil.which("chromium")):
        yield from on_the_page(folder, chromium)
    else:
        print("skipped: clicks in a browser (apt-get install chromium, pip install playwright)")


def timed(name: str, act: Callable[[int], object], rounds: int, floor: float = PROMPT) -> Result:
    """The median time of an act, which is given the number of the round."""
    taken = []
    for number in range(rounds + 1):
        began = time.perf_counter()
        act(number)
        taken.append(time.perf_counter() - began)
    taken = sorted(taken[1:])
    return Result(name, median(taken), "s", floor, f"{taken[0]:.3f} to {taken[-1]:.3f} s")


def explorer() -> Callable[[int], object]:
    lab = Lab.temporary()
    image = lab.append(None, {f"usr/d{n % 100}/f{n}": "x" for n in range(20_000)})
    widget = LayerExplorer(lab.append(image, {f"usr/d{n}/new": "y" for n in range(300)}))
    return lambda number: setattr(widget.slider, "value", 2 - number % 2)


def board() -> Callable[[int], object]:
    lab = Lab.temporary()
    images = [lab.append(None, {"n": str(number)}, f"app:{number}") for number in range(200)]
    for image in images[-2:]:
        lab.tag(image, "shop")
    widget = TagBoard(lab)

    def click(number: int) -> None:
        widget.tag.value, widget.image.value = "shop:latest", images[-1 - number % 2].digest
        widget.point.click()

    return click


def meter() -> Callable[[int], object]:
    megabyte = 1_000_000
    image = Lab.temporary().append(None, {f"d{n % 20}/f{n}": b"x" * 4000 for n in range(500)})
    steps = [("overwrite", "d0/f0"), ("overwrite", "d1/f1"), ("add", "new.bin")]
    widget = WasteMeter(image, [(kind, path, 2 * megabyte) for kind, path in steps])
    paths = widget.files[0].values[3:]
    return lambda number: setattr(widget.files[0], "value", paths[number])


def microscope() -> Callable[[int], object]:
    image = Lab.temporary().append(None, {"app/prices.csv": "tea,3\nsoup,4\n"}, "shop:1.0")
    widget = DigestMicroscope(image, "app/prices.csv", 11)
    return lambda number: setattr(widget.at, "value", number % 2)


def simulator() -> Callable[[int], object]:
    files = {"Dockerfile": "FROM scratch\nCOPY . /app/\nCOPY a /a\nCMD [\"x\"]\n", "a": "a\n", "b": "b\n"}
    widget = CacheSimulator(Lab.temporary(), files)
    widget.file.value = "b"
    return lambda number: widget.edit.click()


def playground(rounds: int) -> Iterator[Result]:
    lab = Lab.temporary()
    lab.build({"Dockerfile": "FROM lab/shell:1.0\nCMD while true; do sleep 1; done\n"}, "shop:1.0")
    for name in ("left", "right"):
        lab.run("shop:1.0", name=name, detach=True)
    side = ContainerPlayground(lab, "left", "right").sides["left"]

    def enter(number: int) -> None:
        side.line.value = f"echo {number} >> /log"

    yield timed("click: exec in the playground", enter, rounds)
    yield timed("click: commit in the playground", lambda number: side.commit.click(), rounds)

    def restart(number: int) -> None:
        side.stop.click()
        side.start.click()

    yield timed("click: stop, and start again", restart, rounds, floor=0.5)


def many_files() -> Callable[[int], object]:
    stack = [Layer.of(Changes({f"d{n % 100}/f{n}": Entry.file(b"x") for n in range(20_000)}))]
    stack += [Layer.of(Changes({f"d{n}/f{n}": Entry.file(b"yy")})) for n in range(9)]
    for layer in stack:
        layer.changes()
    return lambda number: waste(stack)


# What is measured in the page: from a press to the first words, or the first picture, that differ.
PRESS = """async (widget, [press, look, property]) => {
    const button = text => [...widget.querySelectorAll("button")].find(
        each => each.title === text || each.textContent.trim() === text || each.textContent.includes(text));
    const shown = () => widget.querySelector(look)?.[property];
    const old = shown(), started = performance.now();
    button(press).click();
    while (shown() === old && performance.now() - started < 5000) await new Promise(requestAnimationFrame);
    return performance.now() - started;
}"""
SAID = (":is([role=status],[role=alert]):not(.imagelab-touch-status)", "outerHTML")
PAGES = {  # widget -> its lesson, its cell, the presses in turn, and where their answers show
    "waste meter": ("02-layers", "WasteMeter(lab.image(", ["Step 1: delete", "Step 1: overwrite"], SAID),
    "digest microscope": ("05-digests", "DigestMicroscope(image", ["the tag", "the mode of a file"], SAID),
    "container playground": ("06-image-and-container", "ContainerPlayground(bench", ["Remove", "Commit"], SAID),
    "tag board": ("04-tags", "TagBoard(bench)", ["e497c1132910", "8621fbe1d52b"], SAID),  # choose an image
}
# What is done to drawings with the mouse, in turn: a group is clicked, or dropped on another one. touch.js writes how
# many milliseconds it took from letting go to the new drawing.
ANATOMY = """from imagelab import Lab
from imagelab.widgets import Anatomy
Anatomy(Lab.temporary(epoch=0).append(None, {"menu.txt": "soup"}, "shop:1.0"))"""
TOUCHES: dict[str, tuple[str, str, list[tuple[str, str | None]]]] = {  # of a lesson, or of a cell alone
    "tag board": (
        "04-tags", "TagBoard(bench)",
        [("tag:shop:3.0", "image:e497c1132910"), ("tag:shop:3.0", "image:8621fbe1d52b")],
    ),
    "container playground": (
        "06-image-and-container", "ContainerPlayground(bench", [("container:blue", None), ("container:red", None)],
    ),
    "layer explorer": ("01-what-an-image-contains", "LayerExplorer(", [("layer:3", None), ("layer:1", None)]),
    "digest microscope": ("05-digests", "DigestMicroscope(image", [("byte:3", None), ("byte:11", None)]),
    "cache simulator": ("03-building", "CacheSimulator(", [("line:5", "line:3"), ("line:3", "line:5")]),
    "transfer board": (  # the image is pushed, and pulled: all of it is there already
        "07-registries", "TransferBoard(bench",
        [("name:market.test/shop:1.0", "repository:shop"), ("pointer:shop:1.0", "lab")],
    ),
    "anatomy": ("", ANATOMY, [("manifest.config", None), ("layer:1", None)]),
}  # fmt: skip
TURNS = 22  # the first two are to get warm


def on_the_page(folder: Path, chromium: str) -> Iterator[Result]:
    """The same in a browser, where the page draws what the kernel answers."""
    sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
    from playwright.sync_api import sync_playwright

    from browser.classroom import Classroom, start_all
    from browser.page import widget_of

    (folder / "jupyter").mkdir()
    with Classroom(folder / "jupyter").open() as room, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page = room.enter(browser)
        for name, (lesson, cell, presses, look) in PAGES.items():
            room.show(page, room.excerpt(lesson, cell), dark=False)
            start_all(page)
            widget = widget_of(page, cell)
            widget.wait_for()
            taken = [widget.evaluate(PRESS, [presses[turn % 2], *look]) / 1000 for turn in range(10)][2:]
            room.tidy(page)
            detail = f"{min(taken):.3f} to {max(taken):.3f} s"
            yield Result(f"press in the page: {name}", median(taken), "s", PROMPT, detail)
        for name, (lesson, cell, touches) in TOUCHES.items():
            room.show(page, room.excerpt(lesson, cell) if lesson else room.notebook(name, cell), dark=False)
            start_all(page)
            widget = widget_of(page, cell.splitlines()[-1])
            taken = sorted([touch(widget, *touches[turn % 2]) for turn in range(TURNS)][2:])
            room.tidy(page)
            detail = f"95th percentile; {taken[0]:.3f} to {taken[-1]:.3f} s, median {median(taken):.3f} s"
            yield Result(f"touch in the page: {name}", quantiles(taken, n=20)[-1], "s", PROMPT, detail)
        browser.close()


def touch(widget: Locator, name: str, onto: str | None) -> float:
    """Click a group of a drawing, or drop it on another one; returns the seconds until it was drawn again."""
    from browser.page import drag

    drawing = widget.locator(".imagelab-touch")
    drawing.evaluate("each => { each.dataset.redrawn = ''; }")
    drag(widget, name, onto=onto)
    redrawn = drawing.evaluate(
        "async each => { while (!each.dataset.redrawn) await new Promise(requestAnimationFrame);"
        " return each.dataset.redrawn; }"
    )
    drawing.get_by_text("building …").first.wait_for(state="detached")  # a build goes on after the first redraw
    return float(redrawn) / 1000
