"""Exercise of lesson 00: make an image small enough to see whole."""

from __future__ import annotations

from ..exercise import Exercise, Mistake
from ..goals.goal import Command, Condition, Exists, HasFile, Layers, OnlyFile

NAME = "me:1.0"


def me() -> Exercise:
    """An image of the learner's own: one file, one command, one name."""
    return Exercise(
        "00.me",
        "Make an image of your own, in `me.lab`. Call it `me:1.0`. It has one layer with one file in it, `name.txt`, "
        "which holds your name, and its config says to run `cat /name.txt`. Work in Python, or with a Dockerfile in "
        "`me.folder`.",
        start=lambda me: None,
        goal=_goal,
        hints=[
            "You need the two things you have just seen: `append` for the file and `with_config` for the command.",
            "Both of them **return** an image, and leave the one they were called on as it was. So keep what they "
            'return, and give the name last: `me.lab.tag(image, "me:1.0")`.',
            'Start with `image = me.lab.append(me.lab.scratch, {"name.txt": "Ada"})`. Then tag '
            '`image.with_config(Cmd=[…])`, with the two words of the command as two items of the list. In a Dockerfile '
            "the same is `FROM scratch`, `COPY name.txt /` and `CMD` with the same list.",
        ],
        docker=lambda me: [
            "%%writefile {me.folder}/name.txt\nAda Lovelace\n",
            '%%writefile {me.folder}/Dockerfile\nFROM scratch\nCOPY name.txt /\nCMD ["cat", "/name.txt"]\n',
            "%docker build -t me:1.0 {me.folder}",
        ],
        solution="""
image = me.lab.append(me.lab.scratch, {"name.txt": "Ada Lovelace\\n"})
image = image.with_config(Cmd=["cat", "/name.txt"])
me.lab.tag(image, "me:1.0")
""",
        mistakes=[
            Mistake(
                code="""
image = me.lab.append(me.lab.scratch, {"name.txt": "Ada Lovelace\\n"})
me.lab.tag(image.with_config(Cmd=["cat", "/name.txt"]), "me")
""",
                matches=lambda me: me.has("me:latest") and not me.has(NAME),
                message="You have `me:latest`. A name without a tag means `:latest`, which is a tag like any other. "
                "Write the tag too: `me:1.0`.",
            ),
            Mistake(
                code="""
image = me.lab.append(me.lab.scratch, {"name.txt": "Ada Lovelace\\n"})
image = image.with_config(Cmd=["cat", "/name.txt"])
""",
                matches=lambda me: not me.has(NAME) and len(me.lab.images(all=True)) > 0,
                message="There is an image, and nothing is called `me:1.0`. An image has an ID of itself, and a name "
                'only when somebody gives it one: `me.lab.tag(image, "me:1.0")`.',
            ),
            Mistake(
                code="""
image = me.lab.append(me.lab.scratch, {"name.txt": "Ada"})
image = me.lab.append(image, {"name.txt": "Ada Lovelace\\n"})
me.lab.tag(image.with_config(Cmd=["cat", "/name.txt"]), "me:1.0")
""",
                matches=lambda me: len(me.lab.image(NAME).layers) > 1,
                message="Every `append` puts one more layer on top, and never changes the one below. Start again from "
                "`me.lab.scratch`, which has none.",
            ),
            Mistake(
                code="""
image = me.lab.append(me.lab.scratch, {"home/name.txt": "Ada Lovelace\\n"})
me.lab.tag(image.with_config(Cmd=["cat", "/name.txt"]), "me:1.0")
""",
                matches=lambda me: "name.txt" not in me.lab.image(NAME).tree(),
                message="`cat /name.txt` would find nothing: the file must lie at the top and be called `name.txt`. "
                "Paths in a layer are written without the leading slash.",
            ),
            Mistake(
                code="""
image = me.lab.append(me.lab.scratch, {"name.txt": "Ada Lovelace\\n"})
image.with_config(Cmd=["cat", "/name.txt"])
me.lab.tag(image, "me:1.0")
""",
                matches=lambda me: not me.settings(NAME).get("Cmd"),
                message="The image you named has no command. An image never changes: `with_config` returns "
                "**another** one, with another ID. Tag the one it returns.",
            ),
            Mistake(
                code="""
image = me.lab.append(me.lab.scratch, {"name.txt": "Ada Lovelace\\n"})
me.lab.tag(image.with_config(Cmd=["cat /name.txt"]), "me:1.0")
""",
                matches=lambda me: me.settings(NAME).get("Cmd") == ["cat /name.txt"],
                message="That asks for one program called `cat /name.txt`, with a space in its name. Each word is an "
                'item of its own: `["cat", "/name.txt"]`.',
            ),
        ],
        summary="That is a whole image: one tar with your name in it, one JSON that says what to run, and a tag that "
        "people can say. Real Docker would load it.",
    )


def _goal(me: Exercise) -> list[Condition]:
    return [
        Exists(NAME),
        Layers(NAME, 1),
        HasFile(NAME, "name.txt"),
        OnlyFile(NAME, "name.txt"),
        Command(NAME, ("cat", "/name.txt")),
    ]


EXERCISES = {"00.me": me}
