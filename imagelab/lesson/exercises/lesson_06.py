"""Exercises of lesson 06: writable layers, commit, stop and rm."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...errors import NotFound
from ...oci.digest import Digest
from ..exercise import Exercise, Mistake
from ..goals.containers import (
    KeepsFile,
    MadeFrom,
    NothingChanged,
    Runs,
    SameContainer,
    SameFileAsContainer,
    Wrote,
    read,
)
from ..goals.goal import BuiltOn, Condition, PointsTo

if TYPE_CHECKING:
    from ...containers import Container

SHOP, MENU, ORDERS = "shop:1.0", "/menu.txt", "/orders.txt"
LOOP = "echo open; while true; do sleep 1; done"


def diverge() -> Exercise:
    """Two containers of one image; one of them changes, and becomes an image."""
    return Exercise(
        "06.diverge",
        "`diverge.lab` holds `shop:1.0`, whose `/menu.txt` says `soup 4`, and no container. Let two containers of it "
        "run, `calm` and `busy`. Write another price into the menu of `busy`, and leave `calm` as it is. Then make "
        "`busy` an image, `shop:busy`. `shop:1.0` stays as it is, and both containers go on. (The shop never closes: "
        "without `-d`, a cell with `docker run` waits until you interrupt the kernel.)",
        start=lambda diverge: _shop(diverge),
        goal=_diverge_goal,
        hints=[
            "Two containers of one image, each with a name: what is written in one is not in the other. And an image "
            "is made from a container with one command.",
            '`diverge.lab.run("shop:1.0", name="calm", detach=True)` is `docker run -d --name calm shop:1.0`. With '
            "`detach=True` it returns at once, which it must, since the shop never closes.",
            '`diverge.lab.container("busy")` has `.exec("sh", "-c", "echo … > /menu.txt")`, and then '
            '`.commit("shop:busy")`. With `%docker`: `run -d`, `exec busy sh -c …` and `commit busy shop:busy`.',
        ],
        docker=lambda diverge: [
            "%docker run -d --name calm shop:1.0",
            "%docker run -d --name busy shop:1.0",
            "%docker exec busy sh -c 'echo soup 5 > /menu.txt'",
            "%docker commit busy shop:busy",
        ],
        solution="""
for name in ("calm", "busy"):
    diverge.lab.run("shop:1.0", name=name, detach=True)
busy = diverge.lab.container("busy")
busy.exec("sh", "-c", "echo soup 5 > /menu.txt")
busy.commit("shop:busy")
""",
        mistakes=[
            Mistake(
                code="""
busy = diverge.lab.run("shop:1.0", name="busy", detach=True)
busy.exec("sh", "-c", "echo soup 5 > /menu.txt")
busy.commit("shop:1.0")
diverge.lab.run("shop:1.0", name="calm", detach=True)
""",
                matches=lambda diverge: diverge.lab.image(SHOP).digest != _first(diverge, SHOP),
                message="`shop:1.0` leads to another image now: a commit under that name moves the tag, and whoever "
                "asks for it next gets the new menu. `diverge.lab.tag_undo` takes it back.",
            ),
            Mistake(
                code="""
for name in ("calm", "busy"):
    one = diverge.lab.run("shop:1.0", name=name, detach=True)
    one.exec("sh", "-c", "echo soup 5 > /menu.txt")
one.commit("shop:busy")
""",
                matches=lambda diverge: _wrote(diverge, "calm"),
                message="Both menus were changed, and so both containers have the same file in a writable layer of "
                "their own. Have a `calm` that has written nothing: remove it, and run it again.",
            ),
            Mistake(
                code="""
calm = diverge.lab.run("shop:1.0", name="calm", detach=True)
busy = diverge.lab.run("shop:1.0", name="busy", detach=True)
busy.commit("shop:busy")
busy.exec("sh", "-c", "echo soup 5 > /menu.txt")
""",
                matches=lambda diverge: (
                    _wrote(diverge, "busy") and diverge.content_of("shop:busy", "menu.txt") == b"soup 4\n"
                ),
                message="`shop:busy` has the old menu. A commit takes what is in the writable layer of one container "
                "at one moment: commit `busy`, and after the menu was written.",
            ),
            Mistake(
                code='diverge.lab.append("shop:1.0", {"menu.txt": "soup 5\\n"}, tag="shop:busy")',
                matches=lambda diverge: diverge.has("shop:busy") and not diverge.lab.containers(),
                message="There is a new image, with no container behind it. That is how a build does it; here, let a "
                "container write the file, and commit that.",
            ),
            Mistake(
                code="""
for name in ("calm", "busy"):
    diverge.lab.create("shop:1.0", name=name)
""",
                matches=lambda diverge: (
                    {one.name for one in diverge.lab.containers() if one.status == "created"} >= {"calm", "busy"}
                ),
                message="They were created and have never run. `run` is `create` and then `start`.",
            ),
        ],
        summary="One image, two containers, and a file that says two things. The commit put the writable layer of "
        "`busy` on top of the image's layers, once; `calm` and `shop:1.0` have heard nothing of it.",
    )


def _diverge_goal(diverge: Exercise) -> list[Condition]:
    shop = diverge.lab.image(SHOP)
    return [
        MadeFrom("calm", shop.id, "shop:1.0"),
        Runs("calm"),
        NothingChanged("calm"),
        MadeFrom("busy", shop.id, "shop:1.0"),
        Runs("busy"),
        Wrote("busy", MENU, shop.read(MENU.strip("/"))),
        BuiltOn.of("shop:busy", SHOP, diverge.lab, more=1),
        SameFileAsContainer("shop:busy", "busy", MENU),
        PointsTo(SHOP, shop.digest, "the image it led to at the start"),
    ]


def kept() -> Exercise:
    """Two stopped containers: one's data are wanted back, the other's are to go."""
    return Exercise(
        "06.kept",
        "`kept.lab` has two containers of `shop:1.0`, `till` and `draft`. Both took orders into `/orders.txt`, both "
        "have stopped, and somebody says that the orders are lost. Start the same container `till` again, with its "
        "orders. The orders in `draft` were a trial: run a new container `draft` (`-d`) that has changed nothing.",
        start=_taken,
        goal=_kept_goal,
        hints=[
            "What does `stop` take from a container, and what does `rm`? One of the two is done already.",
            'Look: `kept.lab.container("till").diff()` lists what is in its writable layer, running or not.',
            '`kept.lab.container("till").start()` brings one back. The other must go with its writable layer, '
            '`kept.lab.container("draft").remove()`, and `kept.lab.run(…, name="draft", detach=True)` makes a new one. '
            "With `%docker`: `start`, `rm` and `run -d --name draft`.",
        ],
        docker=lambda kept: [
            "%docker start till",
            "%docker rm draft",
            "%docker run -d --name draft shop:1.0",
        ],
        solution="""
kept.lab.container("till").start()
kept.lab.container("draft").remove()
kept.lab.run("shop:1.0", name="draft", detach=True)
""",
        mistakes=[
            Mistake(
                code="""
for name in ("till", "draft"):
    kept.lab.container(name).remove()
    kept.lab.run("shop:1.0", name=name, detach=True)
""",
                matches=lambda kept: _orders(kept, "till") is None,
                message="**Now** the orders of `till` are gone. They had survived the stop; `rm` removed the writable "
                "layer that they were in, and a new container of the same name begins with an empty one. "
                "`kept.reset()` brings the start back.",
            ),
            Mistake(
                code="""
old = kept.lab.container("till")
snapshot = old.commit("till:saved")
old.remove()
kept.lab.run("till:saved", name="till", detach=True)
""",
                matches=lambda kept: _id(kept, "till") not in ("", _known(kept, "till")),
                message="The orders are there, in a new container with another ID: you carried them over. That was "
                "not needed: the old one had kept them.",
            ),
            Mistake(
                code="""
for name in ("till", "draft"):
    kept.lab.container(name).start()
""",
                matches=lambda kept: _orders(kept, "draft") is not None and kept.lab.container("draft").running,
                message="`draft` has kept its orders, as `till` has. A stop and a start lose nothing. Only one command "
                "takes a writable layer away.",
            ),
            Mistake(
                code="""
kept.lab.container("till").start()
draft = kept.lab.container("draft").start()
draft.exec("rm", "/orders.txt")
""",
                matches=lambda kept: _orders(kept, "draft") is None and _id(kept, "draft") == _known(kept, "draft"),
                message="The file is deleted, and the container is the old one: it has its log, its history, and "
                "whatever else it wrote. Only a new container has an empty writable layer.",
            ),
        ],
        summary="`stop` ended a process, and the files stayed on the disk. `rm` removed the writable layer, and a new "
        "container of the same image began with an empty one. What must outlive a container belongs in a volume, or "
        "into an image.",
    )


def _kept_goal(kept: Exercise) -> list[Condition]:
    return [
        SameContainer("till", _known(kept, "till")),
        Runs("till"),
        KeepsFile("till", ORDERS, (kept.folder / "orders.txt").read_bytes()),
        SameContainer("draft", _known(kept, "draft"), replaced=True),
        MadeFrom("draft", kept.lab.image(SHOP).id, SHOP),
        Runs("draft"),
        NothingChanged("draft"),
    ]


def _shop(task: Exercise) -> None:
    image = task.lab.base().append({"menu.txt": "soup 4\n"}, "COPY menu.txt /")
    task.lab.tag(image.with_config("CMD open the shop", Cmd=["sh", "-c", LOOP]), SHOP)


def _taken(kept: Exercise) -> None:
    _shop(kept)
    orders = "table 4: 2 soups\ntable 7: 1 soup\n"
    (kept.folder / "orders.txt").write_text(orders)
    for name in ("till", "draft"):
        one = kept.lab.run(SHOP, name=name, detach=True)
        one.copy_in(kept.folder / "orders.txt", ORDERS)
        one.kill()
        (kept.folder / name).write_text(one.id)


def _first(task: Exercise, name: str) -> Digest:
    """The manifest digest that a tag led to at first."""
    return Digest(task.lab.tag_log(name)[0].new)


def _find(task: Exercise, name: str) -> Container | None:
    try:
        return task.lab.container(name)
    except NotFound:
        return None


def _wrote(task: Exercise, name: str) -> bool:
    one = _find(task, name)
    return one is not None and MENU in [path for _, path in one.diff()]


def _orders(kept: Exercise, name: str) -> bytes | None:
    one = _find(kept, name)
    return read(one, ORDERS) if one else None


def _id(kept: Exercise, name: str) -> str:
    one = _find(kept, name)
    return one.id if one else ""


def _known(kept: Exercise, name: str) -> str:
    """The ID that a container had at the start."""
    return (kept.folder / name).read_text()


EXERCISES = {"06.diverge": diverge, "06.kept": kept}
