"""Exercises of lesson 07: a tag that was moved in a registry, a small push, and a key that was pushed."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

from ...build.progress import Quiet
from ...registry.transfer import silent
from ..exercise import Exercise, Mistake
from ..goals.builds import InNoLayer
from ..goals.files import FileText, KeepsFiles
from ..goals.goal import Condition, PointsTo
from ..goals.registries import Fetches, Published, published

if TYPE_CHECKING:
    from ...oci.image import Image

TESTED, ROLLBACK = "tested:1.0", "rollback.test/shop:1.0"
FIRST, SECOND = "lean.test/shop:1.0", "lean.test/shop:1.1"
LEAK, LEAKY = "leak.test/shop:1.0", "leaky:1.0"
KEY, KEY_FILE = "KEY=soup-is-42\n", "key.txt"
MOST = 5_000  # bytes that lean may cost


def rollback() -> Exercise:
    """The image that was tested, under its tag again, in a registry whose tag somebody has moved."""
    return Exercise(
        "07.rollback",
        "On Monday somebody tested `rollback.test/shop:1.0` and wrote down which image that was: `rollback.folder / "
        '"tested.txt"`. Since then the tag has been moved in the registry. `rollback.lab` is empty. Fetch the image '
        "that was tested and call it `tested:1.0`. Then make the tag `shop:1.0` of the registry point to it again, by "
        "the digest that was tested.",
        start=_rollback,
        goal=_rolled_back,
        hints=[
            "A tag has no past in a registry. What the tester wrote down has something that nobody can move.",
            "`docker pull` takes `name@sha256:…` as well as `name:tag`. Such a pull sets no tag, but `docker tag` "
            "takes the same name.",
            '`rollback.lab.pull(…)` and `rollback.lab.tag(…, "tested:1.0")`, both with the name from tested.txt (mind '
            "the newline at its end). Then tag it `rollback.test/shop:1.0` and `rollback.lab.push` that. With "
            "`%docker`: `pull`, `tag`, `tag`, `push`.",
        ],
        docker=lambda rollback: [
            f"%docker pull {_tested(rollback)}",
            f"%docker tag {_tested(rollback)} {TESTED}",
            f"%docker tag {TESTED} {ROLLBACK}",
            f"%docker push {ROLLBACK}",
        ],
        solution="""
tested = (rollback.folder / "tested.txt").read_text().strip()
rollback.lab.pull(tested)
rollback.lab.tag(tested, "tested:1.0")
rollback.lab.tag(tested, "rollback.test/shop:1.0")
rollback.lab.push("rollback.test/shop:1.0")
""",
        mistakes=[
            Mistake(
                code="""
rollback.lab.pull("rollback.test/shop:1.0")
rollback.lab.tag("rollback.test/shop:1.0", "tested:1.0")
""",
                matches=lambda rollback: (
                    rollback.has(TESTED) and rollback.content_of(TESTED, "menu.txt") == b"soup 40\n"
                ),
                message="You pulled the tag, and the tag leads to the image that nobody has tested. Pull by the digest "
                "in `tested.txt`.",
            ),
            Mistake(
                code="""
rollback.lab.append(None, {"menu.txt": "soup 4\\n"}, "tested:1.0")
rollback.lab.tag("tested:1.0", "rollback.test/shop:1.0")
rollback.lab.push("rollback.test/shop:1.0")
""",
                matches=lambda rollback: rollback.has(TESTED) and rollback.lab.image(TESTED).id != _tested_id(rollback),
                message="You have made a new image with the same menu. It may be as good, but it is not the image that "
                "was tested: its ID and its digest are different ones.",
            ),
            Mistake(
                code="""
tested = (rollback.folder / "tested.txt").read_text().strip()
rollback.lab.pull(tested)
rollback.lab.tag(tested, "tested:1.0")
rollback.lab.tag(tested, "rollback.test/shop:tested")
rollback.lab.push("rollback.test/shop:tested")
""",
                matches=lambda rollback: "tested" in rollback.registry.tags().get("shop", {}),
                message="The registry has the image under one more tag now, and `shop:1.0` still leads to the other "
                "one. Whoever pulls `shop:1.0` gets that. Push it under the name `rollback.test/shop:1.0`.",
            ),
            Mistake(
                code="""
tested = (rollback.folder / "tested.txt").read_text().strip()
rollback.lab.pull(tested)
rollback.lab.tag(tested, "tested:1.0")
rollback.lab.tag(tested, "rollback.test/shop:1.0")
""",
                matches=lambda rollback: rollback.has(TESTED) and rollback.has(ROLLBACK),
                message="The tag is right in your lab, and in the registry nothing has changed: `docker tag` sends no "
                "request. Push it.",
            ),
        ],
        summary="The push sent a manifest and nothing else, because the registry still had every blob. Nobody had to "
        "build anything, and the digest is the one that was tested, to the last byte.",
    )


def _pushed(task: Exercise, name: str) -> Image:
    """The image that a tag of the exercise's registry points to; raises NotFound."""
    return published(task.registry.images, name)


def _menu(task: Exercise, text: str, name: str) -> Image:
    image = task.lab.append(None, {"menu.txt": text}, name, created_by="COPY menu.txt /")
    task.lab.push(name, report=silent)
    return image


def _rollback(rollback: Exercise) -> None:
    registry, lab = rollback.registry, rollback.lab
    good = _menu(rollback, "soup 4\n", ROLLBACK)
    digest = registry.tags()["shop"]["1.0"]
    (rollback.folder / "tested.txt").write_text(f"{ROLLBACK.rpartition(':')[0]}@{digest}\n")
    (rollback.folder / "tested.id").write_text(good.id)
    bad = _menu(rollback, "soup 40\n", ROLLBACK)
    lab.rmi(ROLLBACK)
    for image in (good, bad):
        if lab.id_of(image.digest):
            lab.rmi(image.id)


def _tested(rollback: Exercise) -> str:
    return (rollback.folder / "tested.txt").read_text().strip()


def _tested_id(rollback: Exercise) -> str:
    return (rollback.folder / "tested.id").read_text()


def _rolled_back(rollback: Exercise) -> list[Condition]:
    digest = _tested(rollback).rpartition("@")[2]
    return [
        PointsTo(TESTED, digest, "the image that was tested, by its digest"),
        Published.of(PointsTo(ROLLBACK, digest, "the image that was tested"), rollback.registry.images),
    ]


def lean() -> Exercise:
    """A new version of an image, pushed so that who has the old one fetches little of it."""
    return Exercise(
        "07.lean",
        "`lean.lab` has built `lean.test/shop:1.0` from `lean.folder`, and pushed it: a photo of a million bytes, and "
        "`menu.txt`, which says `soup 4`. Publish `lean.test/shop:1.1`, whose `menu.txt` says `soup 5`, so that "
        "whoever has `1.0` fetches at most 5,000 bytes. The photo stays, and so does `1.0`.",
        start=_lean,
        goal=lambda lean: [
            Published.of(FileText(SECOND, "menu.txt", "soup 5", "the text `soup 5`"), lean.registry.images),
            Published.of(KeepsFiles.of(SECOND, FIRST, lean.lab, "photo.jpg"), lean.registry.images),
            Fetches.of(SECOND, FIRST, lean.registry.images, MOST),
            Published.of(
                PointsTo(FIRST, lean.registry.tags()["shop"]["1.0"], "the image it pointed to at the start"),
                lean.registry.images,
            ),
        ],
        hints=[
            "Nobody fetches a layer that they have already. Look at the Dockerfile: into how many layers does `COPY . "
            "/` put the photo and the menu?",
            "The layer with the photo must stay the layer that `1.0` has. Which `FROM` line begins with all layers of "
            "`1.0`?",
            "Write a Dockerfile with `FROM lean.test/shop:1.0` and `COPY menu.txt /`, and a new `menu.txt`. Build it "
            'as `lean.test/shop:1.1` and push that. In Python: `lean.lab.append("lean.test/shop:1.0", '
            '{"menu.txt": …}, "lean.test/shop:1.1")` and `lean.lab.push`.',
        ],
        docker=lambda lean: [
            f"%%writefile {{lean.folder}}/Dockerfile\nFROM {FIRST}\nCOPY menu.txt /\n",
            "%%writefile {lean.folder}/menu.txt\nsoup 5\n",
            f"%docker build -t {SECOND} {{lean.folder}}",
            f"%docker push {SECOND}",
        ],
        solution="""
lean.lab.append("lean.test/shop:1.0", {"menu.txt": "soup 5\\n"}, "lean.test/shop:1.1")
lean.lab.push("lean.test/shop:1.1")
""",
        mistakes=[
            Mistake(
                code="""
(lean.folder / "menu.txt").write_text("soup 5\\n")
lean.lab.build(lean.folder, "lean.test/shop:1.1")
lean.lab.push("lean.test/shop:1.1")
""",
                matches=lambda lean: _costs(lean) > MOST,
                message="`COPY . /` puts the photo and the menu into one layer, so one changed price makes a new layer "
                "of a million bytes, and everybody fetches the photo again. Begin with the layers of `1.0`.",
            ),
            Mistake(
                code="""
lean.lab.append("lean.test/shop:1.0", {"menu.txt": "soup 5\\n"}, "lean.test/shop:1.0")
lean.lab.push("lean.test/shop:1.0")
""",
                matches=lambda lean: _pushed(lean, FIRST).read("menu.txt") != b"soup 4\n",
                message="You have pushed the new image as `1.0`: whoever asks for `1.0` gets another image than "
                "yesterday. Push it as `1.1`; `lean.reset()` puts `1.0` back.",
            ),
            Mistake(
                code='lean.lab.append("lean.test/shop:1.0", {"menu.txt": "soup 5\\n"}, "lean.test/shop:1.1")',
                matches=lambda lean: lean.has(SECOND) and "1.1" not in lean.registry.tags()["shop"],
                message="The image is in `lean.lab`, and nowhere else. Push it.",
            ),
            Mistake(
                code="""
lean.lab.tag("lean.test/shop:1.0", "lean.test/shop:1.1")
lean.lab.push("lean.test/shop:1.1")
""",
                matches=lambda lean: (
                    _pushed(lean, SECOND).id == _pushed(lean, FIRST).id
                ),
                message="`1.1` is one more name of the old image. It costs nothing to fetch, and soup still costs 4.",
            ),
        ],
        summary="One small layer on top, a config and a manifest: that is all that travels, to the registry and to "
        "everybody who has `1.0`. Put what changes often into a layer of its own, above what is large.",
    )


def _lean(lean: Exercise) -> None:
    lab, _ = lean.lab, lean.registry
    (lean.folder / "Dockerfile").write_text("FROM scratch\nCOPY . /\n")
    (lean.folder / ".dockerignore").write_text("Dockerfile\n.dockerignore\n")
    (lean.folder / "photo.jpg").write_bytes(Random(7).randbytes(1_000_000))
    (lean.folder / "menu.txt").write_text("soup 4\n")
    lab.build(lean.folder, FIRST, watcher=Quiet())
    lab.push(FIRST, report=silent)


def _costs(lean: Exercise) -> int:
    """The bytes of the layers that 1.1 has and 1.0 does not have."""
    here = {layer.digest for layer in _pushed(lean, FIRST).layers}
    return sum(layer.size for layer in _pushed(lean, SECOND).layers if layer.digest not in here)


def leak() -> Exercise:
    """A tag that leads to an image with a key in a lower layer, moved to one without it."""
    return Exercise(
        "07.leak",
        "`leak.test/shop:1.0` was built from `leak.folder`, and a key was deleted too late: it is in a layer, and "
        "whoever may pull the image can read it. Push an image without the key under the same tag. It shows "
        "`menu.txt` as `leaky:1.0` in `leak.lab` does, and no layer of it holds `key.txt`.",
        start=_leak,
        goal=lambda leak: [
            Published.of(InNoLayer(LEAK, KEY_FILE, KEY.encode()), leak.registry.images),
            Published.of(KeepsFiles.of(LEAK, LEAKY, leak.lab, "menu.txt"), leak.registry.images),
        ],
        hints=[
            "A line in the Dockerfile that deletes the key makes one more layer. The key must not get into the first "
            "one.",
            "`.dockerignore` lists the files that a build never sees. Or copy the files that you want by name.",
            'Write `key.txt` into `leak.folder / ".dockerignore"`, and a Dockerfile of `FROM lab/shell:1.0` and '
            '`COPY menu.txt /`. Then `leak.lab.build(leak.folder, "leak.test/shop:1.0")` and `leak.lab.push`, or '
            "`%docker build` and `%docker push`.",
        ],
        docker=lambda leak: [
            "%%writefile {leak.folder}/Dockerfile\nFROM lab/shell:1.0\nCOPY menu.txt /\n",
            f"%docker build -t {LEAK} {{leak.folder}}",
            f"%docker push {LEAK}",
        ],
        solution="""
(leak.folder / "Dockerfile").write_text("FROM lab/shell:1.0\\nCOPY menu.txt /\\n")
leak.lab.build(leak.folder, "leak.test/shop:1.0")
leak.lab.push("leak.test/shop:1.0")
""",
        mistakes=[
            Mistake(
                code="""
leak.lab.append("leak.test/shop:1.0", {"key.txt": ""}, "leak.test/shop:1.0")
leak.lab.push("leak.test/shop:1.0")
""",
                matches=lambda leak: len(_pushed(leak, LEAK).layers) > LAYERS,
                message="You have put one more layer on top. The key is in a layer below, as before, and a pull "
                "fetches that layer too.",
            ),
            Mistake(
                code="""
(leak.folder / "Dockerfile").write_text("FROM lab/shell:1.0\\nCOPY menu.txt /\\n")
leak.lab.build(leak.folder, "leak.test/shop:1.0")
""",
                matches=lambda leak: len(leak.lab.image(LEAK).layers) < LAYERS and _still_leaks(leak),
                message="The image in your lab is clean. The registry still has the old one under this tag: push.",
            ),
            Mistake(
                code="""
(leak.folder / "Dockerfile").write_text("FROM lab/shell:1.0\\nCOPY menu.txt /\\n")
leak.lab.build(leak.folder, "leak.test/shop:1.1")
leak.lab.push("leak.test/shop:1.1")
""",
                matches=lambda leak: "1.1" in leak.registry.tags()["shop"],
                message="`1.1` is clean, and `1.0` still leads to the key. Push the clean image as `1.0`.",
            ),
        ],
        summary="The tag leads to a clean image now. The old one is still in the registry, and whoever knows its "
        "digest, or pulled it yesterday, has the key. So a key that was pushed must be changed, whatever else you do.",
    )


LAYERS = 3  # of the image with the key: lab/shell, COPY and RUN


def _leak(leak: Exercise) -> None:
    lab, _ = leak.lab, leak.registry
    (leak.folder / "Dockerfile").write_text("FROM lab/shell:1.0\nCOPY . /\nRUN rm /key.txt\n")
    (leak.folder / ".dockerignore").write_text("Dockerfile\n.dockerignore\n")
    (leak.folder / KEY_FILE).write_text(KEY)
    (leak.folder / "menu.txt").write_text("soup 4\n")
    lab.tag(lab.build(leak.folder, LEAK, watcher=Quiet()).image, LEAKY)
    lab.push(LEAK, report=silent)


def _still_leaks(leak: Exercise) -> bool:
    return len(_pushed(leak, LEAK).layers) == LAYERS


EXERCISES = {"07.rollback": rollback, "07.lean": lean, "07.leak": leak}
