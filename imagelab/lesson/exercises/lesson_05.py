"""Exercises of lesson 05: compute digests, check them, and pull by them."""

from __future__ import annotations

from ...oci import mutate
from ...oci.digest import Digest
from ..exercise import Exercise, Mistake
from ..goals.digests import Differs, Intact, SameBytes
from ..goals.goal import BuiltOn, Condition, Layers, PointsTo

MENU, TEXT = "menu:1.0", "menu.txt"
OF_LABEL, OF_TEXT = "same:layers", "same:text"
DAMAGED = "soup:4"


def reach() -> Exercise:
    """Two images one change away: one with the same diffID, one with the same text and another diffID."""
    return Exercise(
        "05.reach",
        "`reach.lab` holds `menu:1.0`: one layer, one file, `menu.txt`. Make two more images. `same:layers` has the "
        "same layer and a different image ID. `same:text` has one layer too, with the same bytes in `menu.txt`, "
        "and that layer has a different diffID.",
        start=lambda reach: _menu(reach),
        goal=_reach_goal,
        hints=[
            "The image ID is the digest of the config. The diffID is the digest of the whole tar, and a tar says "
            "more of a file than its bytes.",
            "For `same:layers`, change something that stands in the config: `with_config` returns such an image. For "
            "`same:text`, the file needs the same bytes and another mode.",
            "A label will do for the first: `image.with_config(Labels={…})`. For the second, `from imagelab import "
            'Entry` and give `Entry.file(image.read("menu.txt"), mode=0o600)` to `reach.lab.append(None, …)`. '
            "In Dockerfiles: `LABEL`, and `FROM scratch` with `COPY --from=menu:1.0 --chown=…`.",
        ],
        docker=lambda reach: [
            """%%writefile {reach.folder}/Dockerfile
FROM menu:1.0 AS layers
LABEL season=winter
FROM scratch AS text
COPY --from=menu:1.0 --chown=1000 /menu.txt /
""",
            "%docker build --target layers -t same:layers {reach.folder}",
            "%docker build --target text -t same:text {reach.folder}",
        ],
        solution="""
from imagelab import Entry

menu = reach.lab.image("menu:1.0")
reach.lab.tag(menu.with_config(Labels={"season": "winter"}), "same:layers")
reach.lab.append(None, {"menu.txt": Entry.file(menu.read("menu.txt"), mode=0o600)}, "same:text")
""",
        mistakes=[
            Mistake(
                code='reach.lab.tag("menu:1.0", "same:layers")',
                matches=lambda reach: _is(reach, OF_LABEL, MENU) or _is(reach, OF_TEXT, MENU),
                message="That is a second tag on the same image, and a tag stands in none of its bytes: all names "
                "are the same, the image ID too.",
            ),
            Mistake(
                code='reach.lab.append("menu:1.0", {"season.txt": "winter\\n"}, "same:layers")',
                matches=lambda reach: reach.more_layers(OF_LABEL, MENU),
                message="`same:layers` has one more layer now. Change something that lies in no layer.",
            ),
            Mistake(
                code='reach.lab.append(None, {"menu.txt": "soup 5\\n"}, "same:text")',
                matches=lambda reach: reach.content_of(OF_TEXT, TEXT) not in (None, reach.content_of(MENU, TEXT)),
                message="Another diffID, to be sure: the text is another. The bytes in `menu.txt` must stay.",
            ),
            Mistake(
                code="""
from imagelab import Entry

same = Entry.file(b"soup 4\\n", mode=0o600)
reach.lab.append("menu:1.0", {"menu.txt": same}, "same:text")
""",
                matches=lambda reach: reach.more_layers(OF_TEXT, MENU),
                message="The file with the other mode lies in a second layer, on top of the first, which has the "
                "diffID it had. Begin with nothing: `reach.lab.append(None, …)`.",
            ),
            Mistake(
                code="""
from imagelab import mutate

packed = mutate.compressed(reach.lab.image("menu:1.0"))
reach.lab.tag(reach.lab.add(packed), "same:text")
""",
                matches=lambda reach: reach.has(OF_TEXT) and reach.lab.image(OF_TEXT).layers[0].compressed,
                message="Compressed, the layer has another **digest**. Its diffID is of the tar inside, which is the "
                "same one.",
            ),
        ],
        summary="One change in the config, and every layer kept its name. One change in a tar's header, and the same "
        "text lies in another layer. A name tells which bytes it was made of, and nothing else.",
    )


def _is(task: Exercise, name: str, other: str) -> bool:
    """Whether both names are there and lead to one image, the same to the last byte of its manifest."""
    return task.has(name) and task.has(other) and task.lab.image(name) == task.lab.image(other)


def _menu(reach: Exercise) -> None:
    reach.lab.append(None, {TEXT: "soup 4\n"}, MENU, created_by="COPY menu.txt /")


def _reach_goal(reach: Exercise) -> list[Condition]:
    return [
        BuiltOn.of(OF_LABEL, MENU, reach.lab, more=0),
        Differs.of(OF_LABEL, MENU, "image ID", reach.lab),
        Layers(OF_TEXT, 1),
        SameBytes.of(OF_TEXT, MENU, TEXT, reach.lab),
        Differs.of(OF_TEXT, MENU, "diffID of its first layer", reach.lab),
    ]


def flipped() -> Exercise:
    """One of six images holds a byte that a disk has flipped: find it, and mend it from a backup."""
    return Exercise(
        "05.flipped",
        "`flipped.lab` holds `soup:1` to `soup:6`, and one byte in one of their blobs has been flipped. Find out in "
        'which image, and mend it: `flipped.folder / "backup.tar"` holds all six as they were. When it is whole '
        "again, give it one more name, `mended:1.0`.",
        start=_flip,
        goal=lambda flipped: [
            PointsTo("mended:1.0", _wanted(flipped), "the image in which the byte was flipped"),
            Intact("mended:1.0"),
        ],
        hints=[
            "Looking at the images shows nothing: their names are what they were. Somebody must hash every blob again "
            "and compare.",
            "`flipped.lab.verify()` does that, and names the images that hold what it finds. Then think of how a store "
            "looks a blob up: by its name. Will it take in a good copy while it has one of that name?",
            'So remove the damaged image first (`flipped.lab.rmi("soup:…")`), then `flipped.lab.load` the backup, then '
            "tag. The commands are `%docker verify`, `rmi`, `load -i {flipped.folder}/backup.tar` and `tag`.",
        ],
        docker=lambda flipped: [
            "%docker images",
            f"%docker rmi {DAMAGED}",
            "%docker load -i {flipped.folder}/backup.tar",
            f"%docker tag {DAMAGED} mended:1.0",
        ],
        solution="""
(name,) = flipped.lab.verify()[0].images
flipped.lab.rmi(name)
flipped.lab.load(flipped.folder / "backup.tar")
flipped.lab.tag(name, "mended:1.0")
""",
        mistakes=[
            Mistake(
                code="""
(name,) = flipped.lab.verify()[0].images
flipped.lab.load(flipped.folder / "backup.tar")
flipped.lab.tag(name, "mended:1.0")
""",
                matches=lambda flipped: flipped.same_image("mended:1.0", DAMAGED),
                message="That is the image, and its layer is as damaged as before. The store has a blob of that name, "
                "believes it, and takes no second one. Remove the image first, and the blob goes with it.",
            ),
            Mistake(
                code='flipped.lab.tag("soup:1", "mended:1.0")',
                matches=lambda flipped: any(flipped.same_image("mended:1.0", f"soup:{n}") for n in range(1, 7)),
                message="That image was whole all the time. Do not guess: hash.",
            ),
            Mistake(
                code="""
(name,) = flipped.lab.verify()[0].images
text = flipped.lab.image(name).read("soup.txt")
flipped.lab.append("base:1.0", {"soup.txt": text}, "mended:1.0")
""",
                matches=lambda flipped: flipped.has("mended:1.0"),
                message="You have made a new image, out of the damaged bytes. All its names are true now, for it is "
                "a true copy of a mistake. The image that was lost has another ID, and lies in the backup.",
            ),
            Mistake(
                code='flipped.lab.rmi("soup:4")',
                matches=lambda flipped: not flipped.has(DAMAGED),
                message="The damaged image is gone, blob and all. That is half of it: the backup has a good one.",
            ),
        ],
        summary="You asked every blob for its name, and one gave a wrong answer. The good copy needed no trust in the "
        "backup either: `load` has hashed all of it on the way in.",
    )


def _flip(flipped: Exercise) -> None:
    lab = flipped.lab
    lab.append(None, {"etc/os-release": "NAME=tiny\n"}, "base:1.0", created_by="COPY rootfs /")
    for number in range(1, 7):
        text = f"soup {number}, with bread\n"
        lab.append("base:1.0", {"soup.txt": text}, f"soup:{number}", created_by="COPY soup.txt /")
    lab.save([f"soup:{number}" for number in range(1, 7)], flipped.folder / "backup.tar")
    image = lab.image(DAMAGED)
    place = mutate.find(image, "soup.txt")
    with open(lab.store.blobs.path(image.layers[1].digest), "r+b") as blob:
        blob.seek(place.offset + 8)
        blob.write(b"W")  # "With" for "with"
    (flipped.folder / "wanted").write_text(image.digest)


def _wanted(exercise: Exercise) -> str:
    return Digest((exercise.folder / "wanted").read_text())


def pin() -> Exercise:
    """Which image was tested? The note says, and the tag does not."""
    return Exercise(
        "05.pin",
        'Last week\'s image was tested, and the tester wrote its name down: `pin.folder / "tested.txt"`. Since then '
        "`shop:1.0` has been moved. Find the image that was tested in `pin.lab`, and tag it `release:1.0`.",
        start=_tested,
        goal=lambda pin: [
            PointsTo("release:1.0", _wanted(pin), "the image that was tested, by its digest"),
        ],
        hints=[
            'Read what the tester wrote: `(pin.folder / "tested.txt").read_text()`. What stands behind the `@`?',
            "It is the digest of a manifest. `docker images --digests` has a column for it; the IMAGE ID is the "
            "config's.",
            'Wherever you write `shop:1.0`, you can write `shop@sha256:…` instead: `pin.lab.tag(…, "release:1.0")` '
            "takes it too, and so does `%docker tag`. Mind the newline at the end of the file.",
        ],
        docker=lambda pin: [f"%docker tag {(pin.folder / 'tested.txt').read_text().strip()} release:1.0"],
        solution="""
tested = (pin.folder / "tested.txt").read_text().strip()
pin.lab.tag(tested, "release:1.0")
""",
        mistakes=[
            Mistake(
                code='pin.lab.tag("shop:1.0", "release:1.0")',
                matches=lambda pin: pin.same_image("release:1.0", "shop:1.0"),
                message="`shop:1.0` leads to what was built yesterday, which nobody has tested. The tag has moved; the "
                "digest in the note has not.",
            ),
            Mistake(
                code='pin.lab.tag("shop:small", "release:1.0")',
                matches=lambda pin: pin.same_image("release:1.0", "shop:small"),
                message="Very near: the same image ID, so the same config and the same files. But its layers are "
                "stored compressed, its manifest is another one, and so is its digest. The note names the other.",
            ),
            Mistake(
                code="""
tested = (pin.folder / "tested.txt").read_text().strip()
pin.lab.tag(tested, "release")
""",
                matches=lambda pin: pin.has("release:latest") and not pin.has("release:1.0"),
                message="You have `release:latest`: a name without a tag means `:latest`. Write `release:1.0`.",
            ),
        ],
        summary="No tag led there any more, and the image could still be asked for: by the one name that nobody can "
        "move.",
    )


def _tested(pin: Exercise) -> None:
    lab = pin.lab
    old = lab.append(None, {"prices.csv": "soup,4\n"}, "shop:1.0", created_by="COPY prices.csv /")
    (pin.folder / "tested.txt").write_text(lab.pinned("shop:1.0") + "\n")
    (pin.folder / "wanted").write_text(old.digest)
    lab.tag(lab.add(mutate.compressed(old)), "shop:small")
    lab.append(None, {"prices.csv": "soup,5\n"}, "shop:1.0", created_by="COPY prices.csv /")


EXERCISES = {"05.reach": reach, "05.pin": pin, "05.flipped": flipped}
