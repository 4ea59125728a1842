"""Exercises of lesson 03: Dockerfiles that give the right files and can be written better."""

from __future__ import annotations

from ...build.progress import Quiet
from ..exercise import Exercise, Mistake
from ..goals.builds import InNoLayer, MadeBefore, SameInstructions, layers_with
from ..goals.files import FolderFile, KeepsFiles
from ..goals.goal import NoFile

SHELF, STOCK, PRICES, SECRET = "app/shelf.txt", "app/stock.txt", "app/prices.csv", "app/secret.env"
BADLY_ORDERED = """\
FROM lab/shell:1.0
WORKDIR /app
COPY . .
RUN sort -u stock.txt > shelf.txt
CMD ["cat", "prices.csv"]
"""
WELL_ORDERED = """\
FROM lab/shell:1.0
WORKDIR /app
COPY stock.txt .
RUN sort -u stock.txt > shelf.txt
COPY . .
CMD ["cat", "prices.csv"]
"""
TELLING = """\
FROM lab/shell:1.0
WORKDIR /app
COPY . .
CMD ["cat", "prices.csv"]
"""


def _begin(exercise: Exercise, files: dict[str, str]) -> None:
    """These files in the exercise's folder, built as shop:1.0."""
    for name, text in files.items():
        (exercise.folder / name).write_text(text)
    exercise.lab.build(exercise.folder, "shop:1.0", watcher=Quiet())


def order() -> Exercise:
    """The slow step first, and what changes often last."""
    return Exercise(
        "03.order",
        "`order.folder` holds a shop and its `Dockerfile`, and `order.lab` the image `shop:1.0` built from it. Each "
        "time a price changes, `RUN sort …` is done again, which takes minutes in a real shop. Write a better "
        "`Dockerfile` and build `shop:2.0` from the folder: the same files in `/app`, and a changed price leaves `RUN` "
        "a HIT.",
        start=lambda order: _begin(
            order, {"Dockerfile": BADLY_ORDERED, "stock.txt": "salt\npepper\nleek\n", "prices.csv": "tea,3\n"}
        ),
        goal=lambda order: [
            KeepsFiles.of("shop:2.0", "shop:1.0", order.lab, SHELF, STOCK, PRICES),
            MadeBefore("shop:2.0", SHELF, PRICES, order.lab.image("shop:1.0").read(PRICES)),
        ],
        hints=[
            "A step is done again when anything it stands on has changed. What does `RUN sort …` stand on now, and "
            "what does it need?",
            "One `COPY` need not bring everything. Two of them can: first what `RUN` reads, and the rest after it.",
            '`(order.folder / "Dockerfile").write_text("…")` writes the file. In it: `COPY stock.txt .`, then the '
            "`RUN`, then `COPY . .`",
        ],
        docker=lambda order: [
            f"%%writefile {{order.folder}}/Dockerfile\n{WELL_ORDERED}",
            "%docker build -t shop:2.0 {order.folder}",
        ],
        solution='''
better = """FROM lab/shell:1.0
WORKDIR /app
COPY stock.txt .
RUN sort -u stock.txt > shelf.txt
COPY . .
CMD ["cat", "prices.csv"]
"""
(order.folder / "Dockerfile").write_text(better)
order.lab.build(order.folder, "shop:2.0")
''',
        mistakes=[
            Mistake(
                code='order.lab.build(order.folder, "shop:2.0")',
                matches=lambda order: order.same_image("shop:2.0", "shop:1.0"),
                message="Every step was a HIT, so `shop:2.0` is a second name for `shop:1.0`. The Dockerfile is what "
                "has to change.",
            ),
            Mistake(
                code="""
text = (order.folder / "Dockerfile").read_text()
lines = [line for line in text.splitlines() if not line.startswith("RUN")]
(order.folder / "Dockerfile").write_text("\\n".join(lines))
order.lab.build(order.folder, "shop:2.0")
""",
                matches=lambda order: order.has("shop:2.0") and order.content_of("shop:2.0", SHELF) is None,
                message="A step that is gone is never done again, and its file is gone too: the shop needs "
                "`shelf.txt`.",
            ),
            Mistake(
                code="""
text = (order.folder / "Dockerfile").read_text()
(order.folder / "Dockerfile").write_text(text.replace("COPY . .", "COPY stock.txt ."))
order.lab.build(order.folder, "shop:2.0")
""",
                matches=lambda order: order.has("shop:2.0") and order.content_of("shop:2.0", PRICES) is None,
                message="`RUN` no longer stands on the prices, and nothing else does either: they are not in the "
                "image. The rest of the files must come in after it.",
            ),
            Mistake(
                code="""
text = (order.folder / "Dockerfile").read_text()
(order.folder / "Dockerfile").write_text(text.replace("COPY . .", "COPY stock.txt .\\nCOPY . ."))
order.lab.build(order.folder, "shop:2.0")
""",
                matches=lambda order: order.has("shop:2.0") and not _in_order(order),
                message="`RUN` still comes after the step that brings the prices, so it stands on them. Which step "
                "must stand between the two `COPY`?",
            ),
        ],
        summary="Change a price and build again: `WORKDIR`, `COPY stock.txt .` and `RUN` are HITs. In real life the "
        "file that comes first is `requirements.txt` or `package.json`, and the step it saves is the installation.",
    )


def _in_order(order: Exercise) -> bool:
    return all(one.check(order.lab).holds for one in order.goal if isinstance(one, MadeBefore))


def ignore() -> Exercise:
    """What never enters the context is in no layer."""
    return Exercise(
        "03.ignore",
        "`ignore.folder` holds a shop whose `Dockerfile` says `COPY . .`, and a file `secret.env` that must not leave "
        "your machine. `shop:1.0` in `ignore.lab` was built from it, and holds the secret. Build `shop:2.0` from the "
        "folder, without changing the `Dockerfile` or the secret. No layer may hold the secret, not even hidden.",
        start=lambda ignore: _begin(
            ignore, {"Dockerfile": TELLING, "prices.csv": "tea,3\n", "secret.env": "TOKEN=4711\n"}
        ),
        goal=lambda ignore: [
            KeepsFiles.of("shop:2.0", "shop:1.0", ignore.lab, PRICES),
            NoFile("shop:2.0", SECRET),
            InNoLayer("shop:2.0", SECRET, ignore.lab.image("shop:1.0").read(SECRET)),
            SameInstructions.of("shop:2.0", "shop:1.0", ignore.lab),
            FolderFile.of("ignore.folder", ignore.folder, "Dockerfile"),
            FolderFile.of("ignore.folder", ignore.folder, "secret.env"),
        ],
        hints=[
            "`COPY . .` copies the whole context. What decides what belongs to the context?",
            "A file called `.dockerignore` at the top of the context: one pattern on each line.",
            '`(ignore.folder / ".dockerignore").write_text("…\\n")`, with the name of the file to leave out, as it is '
            "called in the folder. Then build. (In a cell of its own: `%%writefile {ignore.folder}/.dockerignore`.)",
        ],
        docker=lambda ignore: [
            "%%writefile {ignore.folder}/.dockerignore\nsecret.env\n",
            "%docker build -t shop:2.0 {ignore.folder}",
        ],
        solution="""
(ignore.folder / ".dockerignore").write_text("secret.env\\n")
ignore.lab.build(ignore.folder, "shop:2.0")
""",
        mistakes=[
            Mistake(
                code='ignore.lab.build(ignore.folder, "shop:2.0")',
                matches=lambda ignore: ignore.same_image("shop:2.0", "shop:1.0"),
                message="`shop:2.0` is `shop:1.0` under another name, secret and all.",
            ),
            Mistake(
                code="""
with open(ignore.folder / "Dockerfile", "a") as file:
    file.write("RUN rm secret.env\\n")
ignore.lab.build(ignore.folder, "shop:2.0")
""",
                matches=lambda ignore: _hidden(ignore),
                message="A later layer hides the secret, and the layer of `COPY` still holds it, for anybody to read. "
                "Lesson 02 did exactly that. It must not come in to begin with.",
            ),
            Mistake(
                code="""
(ignore.folder / ".dockerignore").write_text("*\\n")
ignore.lab.build(ignore.folder, "shop:2.0")
""",
                matches=lambda ignore: ignore.has("shop:2.0") and ignore.content_of("shop:2.0", PRICES) is None,
                message="`*` leaves out everything, the prices too. Name the one file.",
            ),
            Mistake(
                code="""
(ignore.folder / ".dockerignore").write_text("app/secret.env\\n")
ignore.lab.build(ignore.folder, "shop:2.0")
""",
                matches=lambda ignore: (
                    (ignore.folder / ".dockerignore").exists()
                    and ignore.has("shop:2.0")
                    and ignore.content_of("shop:2.0", SECRET) is not None
                ),
                message="There is a `.dockerignore`, and the secret is in the image all the same. Its patterns are "
                "paths in the context, as the folder has them, not paths in the image.",
            ),
            Mistake(
                code="""
(ignore.folder / "secret.env").unlink()
ignore.lab.build(ignore.folder, "shop:2.0")
""",
                matches=lambda ignore: not (ignore.folder / "secret.env").exists(),
                message="The secret is gone from the folder, so it could not be copied; and whoever works there needs "
                "it. Leave it, and keep it out of the context. `ignore.reset()` brings it back.",
            ),
            Mistake(
                code="""
text = (ignore.folder / "Dockerfile").read_text()
(ignore.folder / "Dockerfile").write_text(text.replace("COPY . .", "COPY prices.csv ."))
ignore.lab.build(ignore.folder, "shop:2.0")
""",
                matches=lambda ignore: (ignore.folder / "Dockerfile").read_text() != TELLING,
                message="That Dockerfile copies one file, and keeps the secret out as long as nobody writes another "
                "`COPY`. The task is to leave the Dockerfile and to make the context smaller.",
            ),
        ],
        summary="The context was read without `secret.env`, so no step could have copied it. It also stays out of the "
        "cache: changing the secret now changes no step.",
    )


def _hidden(ignore: Exercise) -> bool:
    """Whether the secret is hidden, and in a layer."""
    if not ignore.has("shop:2.0"):
        return False
    image = ignore.lab.image("shop:2.0")
    return SECRET not in image.tree() and bool(layers_with(image, SECRET))


EXERCISES = {"03.order": order, "03.ignore": ignore}
