"""Exercises of lesson 04: names that mislead, and image IDs that do not."""

from __future__ import annotations

from collections.abc import Mapping

from ...oci.image import Image
from ...oci.reference import Reference
from ..exercise import Exercise, Mistake
from ..goals.goal import Condition, PointsTo, Unmoved

MONDAY = "monday.txt"


def twins() -> Exercise:
    """Which two of four names are one image? Same size and same files are no proof."""
    return Exercise(
        "04.twins",
        "`twins.lab` has four names, `shop:1.0`, `shop:1.1`, `shop:latest` and `shop:stable`. Two of them are one and "
        "the same image. Prove which: give that image one more name, `proof:1.0`, and leave the four names as they "
        "are.",
        start=_twins,
        goal=lambda twins: [
            PointsTo("proof:1.0", _went(twins, "shop:1.1", 0), "the image that two of the four names lead to"),
            _unmoved(twins, "the four names", dict.fromkeys(FOUR, 0)),
        ],
        hints=[
            "Two names are one image when they lead to the same image ID. No other column of `docker images` proves "
            "it.",
            "`twins.lab.images()` shows all names with their IDs. Which ID stands there twice?",
            'With the name you have found in place of the dots: `twins.lab.tag("shop:…", "proof:1.0")`, or '
            "`%docker tag shop:… proof:1.0`.",
        ],
        docker=lambda twins: ["%docker images", "%docker tag shop:latest proof:1.0"],
        solution="""
for name in ("shop:1.0", "shop:1.1", "shop:latest", "shop:stable"):
    image = twins.lab.image(name)
    if len(image.names) == 2:
        break
twins.lab.tag(image, "proof:1.0")
""",
        mistakes=[
            Mistake(
                code='twins.lab.tag("shop:1.0", "proof:1.0")',
                matches=lambda twins: (
                    twins.same_image("proof:1.0", "shop:1.0") or twins.same_image("proof:1.0", "shop:stable")
                ),
                message="`shop:1.0` and `shop:stable` hold the same file in the same layer, and they are two images: "
                "their configs tell of two histories. Compare the image IDs.",
            ),
            Mistake(
                code='twins.lab.tag("shop:latest", "proof")',
                matches=lambda twins: twins.has("proof:latest") and not twins.has("proof:1.0"),
                message="You have `proof:latest`: a name without a tag means `:latest`. Write `proof:1.0`.",
            ),
            Mistake(
                code="""
twins.lab.tag("shop:latest", "proof:1.0")
twins.lab.rmi("shop:latest")
""",
                matches=lambda twins: not all(map(twins.has, FOUR)),
                message="One of the four names is gone. A proof leaves things as they are: `twins.reset()` brings them "
                "back, or `tag_undo` does.",
            ),
        ],
        summary="Two names, one image ID, and so one image: the same config, the same layers, kept once. The other two "
        "have the same file in the same layer, and are two images all the same.",
    )


FOUR = ("shop:1.0", "shop:1.1", "shop:latest", "shop:stable")


def _twins(twins: Exercise) -> None:
    lab = twins.lab
    lab.append(None, {"menu.txt": "soup 4\n"}, "shop:1.0", created_by="COPY menu.txt /")
    lab.append(None, {"menu.txt": "soup 4\n"}, "shop:stable", created_by="ADD menu.txt /")
    lab.append(None, {"menu.txt": "soup 5\n"}, "shop:1.1", created_by="COPY menu.txt /")
    lab.tag("shop:1.1", "shop:latest")


def moved() -> Exercise:
    """Which tag is not what it was on Monday? One went and stayed, one went and came back, one is new."""
    return Exercise(
        "04.moved",
        'Something broke after Monday, and nobody has changed a version number. `moved.folder / "monday.txt"` is '
        "what `docker images` showed on Monday; `moved.lab` is the store today. Exactly one of the names of Monday "
        "leads to another image now. Give the image it leads to now the name `moved:after`, and the one it led to on "
        "Monday the name `moved:before`. Move no name of the shop.",
        start=_moved,
        goal=lambda moved: [
            PointsTo("moved:after", _went(moved, "shop:1.1", 1), "the image that the tag leads to now"),
            PointsTo("moved:before", _went(moved, "shop:1.1", 0), "the image that the tag led to on Monday"),
            _unmoved(moved, "the names of the shop", TODAY),
        ],
        hints=[
            "Lay the list of Monday beside `moved.lab.images()`. Look for a name that stands in both, with two IDs.",
            "An image without a name can be tagged by its ID, and the start of the ID is enough.",
            'The image of Monday first: `moved.lab.tag("…", "moved:before")`, with the ID from the list for the dots. '
            'Then `moved.lab.tag("shop:…", "moved:after")`, with the name. `%docker tag` does the same.',
        ],
        docker=lambda moved: [
            "%docker images",
            f"%docker tag {_id(moved, 'shop:1.1', 0)} moved:before",
            "%docker tag shop:1.1 moved:after",
        ],
        solution="""
monday = [line.split() for line in (moved.folder / "monday.txt").read_text().splitlines()[1:]]
for repository, tag, image_id, *_ in monday:
    now = moved.lab.image(f"{repository}:{tag}")
    if now.id.short != image_id:
        moved.lab.tag(now, "moved:after")
        moved.lab.tag(image_id, "moved:before")
""",
        mistakes=[
            Mistake(
                code="""
old, new = moved.lab.tag_log("shop:1.1")
moved.lab.tag(moved.lab.image(old.new), "moved:after")
moved.lab.tag(moved.lab.image(new.new), "moved:before")
""",
                matches=lambda moved: _leads(moved, "moved:after", "shop:1.1", 0),
                message="It is the right tag, the wrong way round: `moved:after` has the image of Monday.",
            ),
            Mistake(
                code="""
first, second, back = moved.lab.tag_log("shop:beta")
moved.lab.tag(moved.lab.image(first.new), "moved:before")
moved.lab.tag(moved.lab.image(second.new), "moved:after")
""",
                matches=lambda moved: (
                    _leads(moved, "moved:after", "shop:beta", 1) or _leads(moved, "moved:after", "shop:beta", 0)
                ),
                message="`shop:beta` has been away, and it has come back: it leads to the image of Monday. A tag can "
                "have a past and be where it was. Compare the IDs of Monday with those of today.",
            ),
            Mistake(
                code="""
moved.lab.tag("shop:1.3", "moved:after")
moved.lab.tag("shop:1.2", "moved:before")
""",
                matches=lambda moved: _leads(moved, "moved:after", "shop:1.3", 0),
                message="`shop:1.3` was made after Monday. It is new, and it has not moved: nobody who asked for a "
                "name on Monday gets another image for it.",
            ),
            Mistake(
                code="""
moved.lab.tag_undo("shop:1.1")
moved.lab.tag("shop:1.1", "moved:before")
""",
                matches=lambda moved: _leads(moved, "shop:1.1", "shop:1.1", 0),
                message="You have found it, and put it back at once. First show what has happened: the tag stays where "
                "it is, and both images get a name. `moved.reset()` starts again.",
            ),
            Mistake(
                code='moved.lab.tag("shop:1.1", "moved:after")',
                matches=lambda moved: _leads(moved, "moved:after", "shop:1.1", 1) and not moved.has("moved:before"),
                message="That is the tag. Now the image of Monday: no tag leads to it any more, but you have its ID.",
            ),
        ],
        summary="A name alone would never have shown it: `shop:1.1` was there on Monday and is there today. Who writes "
        "down IDs can tell. Lesson 05 goes one step further and asks for an image by digest, which nobody can move.",
    )


TODAY = {"shop:1.0": 0, "shop:1.1": 1, "shop:1.2": 0, "shop:1.3": 0, "shop:beta": 2}  # the move each came by


def _moved(moved: Exercise) -> None:

    lab = moved.lab

    def menu(number: int) -> Image:
        return lab.append(None, {"menu.txt": f"soup {number}\n"}, created_by="COPY menu.txt /")

    for number, tag in enumerate(("1.0", "1.1", "1.2", "beta"), 1):
        lab.tag(menu(number), f"shop:{tag}")
    (moved.folder / MONDAY).write_text(repr(lab.images()), "utf-8")
    lab.tag(menu(5), "shop:1.1")
    lab.tag(menu(6), "shop:beta")
    lab.tag_undo("shop:beta")
    lab.tag(menu(7), "shop:1.3")


def back() -> Exercise:
    """The first image again under its name, after two bad moves, and the bad one kept to be looked at."""
    return Exercise(
        "04.back",
        "Somebody has moved `shop:1.0` in `back.lab`, twice, and soup is free now. Make `shop:1.0` lead to the "
        "image it led to at first. The image it leads to now must stay and be called `shop:broken`, so that somebody "
        "can find out what went wrong. `shop:2.0` stays as it is.",
        start=_back,
        goal=_back_again,
        hints=[
            'Nothing was deleted when the tag moved. `back.lab.tag_log("shop:1.0")` says where it has been.',
            "Give the broken image its name while you can still reach it by `shop:1.0`.",
            'Then take back two moves: `back.lab.tag_undo("shop:1.0")` takes back one. Or tag the first image by the '
            "ID that the log shows. `%docker tag-log` shows the log, and `%docker tag` moves a tag.",
        ],
        docker=lambda back: [
            "%docker tag-log shop:1.0",
            "%docker tag shop:1.0 shop:broken",
            f"%docker tag {_id(back, 'shop:1.0', 0)} shop:1.0",
        ],
        solution="""
back.lab.tag("shop:1.0", "shop:broken")
back.lab.tag_undo("shop:1.0")
back.lab.tag_undo("shop:1.0")
""",
        mistakes=[
            Mistake(
                code="""
back.lab.tag("shop:1.0", "shop:broken")
back.lab.prune()
""",
                matches=lambda back: back.lab.id_of(_went(back, "shop:1.0", 0)) is None,
                message="The first image is gone: no tag led to it, and `prune` removes what no tag leads to. Without "
                "a copy elsewhere it would be lost now. Here, `back.reset()` brings it back.",
            ),
            Mistake(
                code="""
back.lab.tag("shop:1.0", "shop:broken")
back.lab.tag_undo("shop:1.0")
""",
                matches=lambda back: _leads(back, "shop:1.0", "shop:1.0", 1),
                message="One move back is the first of the two bad ones. Look at the log: the tag has been at three "
                "images, and you want the first.",
            ),
            Mistake(
                code="""
back.lab.tag("shop:1.0", "shop:broken")
back.lab.tag("shop:2.0", "shop:1.0")
""",
                matches=lambda back: back.same_image("shop:1.0", "shop:2.0"),
                message="`shop:2.0` works, and it is another image: whoever asks for `shop:1.0` gets something they "
                "have never had. Bring back the one they had.",
            ),
            Mistake(
                code="""
back.lab.tag("shop:1.0", "shop:broken")
back.lab.append(None, {"menu.txt": "soup 4\\n"}, tag="shop:1.0", created_by="RUN made again")
""",
                matches=lambda back: (
                    back.content_of("shop:1.0", "menu.txt") == b"soup 4\n"
                    and not _leads(back, "shop:1.0", "shop:1.0", 0)
                ),
                message="The menu is the same, and the image is not: it has another ID, because its history says "
                "something else. The image you want is still there, under no name.",
            ),
            Mistake(
                code="""
back.lab.tag_undo("shop:1.0")
back.lab.tag_undo("shop:1.0")
back.lab.tag("shop:1.0", "shop:broken")
""",
                matches=lambda back: back.same_image("shop:1.0", "shop:broken"),
                message="`shop:broken` leads to the good image: you named it after you had moved the tag. The broken "
                "one is still there, and the log has its ID.",
            ),
        ],
        summary="No byte was built, copied or fetched. The old image had been there all the time, and a tag is as "
        "quick to put back as to move. Docker itself keeps no log of tags: there you need the ID, written down.",
    )


def _back(back: Exercise) -> None:
    lab = back.lab
    for text, name in (("soup 4\n", "shop:1.0"), ("soup 5\n", "shop:2.0"), ("soup\n", "shop:1.0"), ("", "shop:1.0")):
        lab.append(None, {"menu.txt": text}, name, created_by="COPY menu.txt /")


def _back_again(back: Exercise) -> list[Condition]:
    return [
        PointsTo("shop:1.0", _went(back, "shop:1.0", 0), "the image it pointed to at first"),
        PointsTo("shop:broken", _went(back, "shop:1.0", 2), "the image shop:1.0 pointed to at the start"),
        PointsTo("shop:2.0", _went(back, "shop:2.0", 0), "the image it pointed to at the start"),
    ]


def _went(exercise: Exercise, name: str, move: int) -> str:
    """The manifest digest that a tag went to with one of its moves."""
    return exercise.lab.tag_log(name)[move].new


def _id(exercise: Exercise, name: str, move: int) -> str:
    """The ID of the image that a tag went to with one of its moves."""
    return exercise.lab.image(_went(exercise, name, move)).id.short


def _unmoved(exercise: Exercise, called: str, names: Mapping[str, int]) -> Unmoved:
    """That tags are where these moves of theirs, counted from 0, took them."""
    tags = ((Reference.parse(name), _went(exercise, name, move)) for name, move in names.items())
    return Unmoved(called, tuple(tags))


def _leads(exercise: Exercise, name: str, other: str, move: int) -> bool:
    """Whether a name is there and leads to where another went with one of its moves."""
    return exercise.has(name) and exercise.lab.image(name).digest == _went(exercise, other, move)


EXERCISES = {"04.twins": twins, "04.moved": moved, "04.back": back}
