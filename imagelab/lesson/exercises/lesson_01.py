"""Exercises of lesson 01: change layers and config."""

from __future__ import annotations

from ...filesystem.entry import Entry
from ...oci.digest import Digest
from ...oci.image import Image
from ..exercise import Exercise, Mistake
from ..goals.files import SameFiles
from ..goals.goal import BuiltOn, Command, HoldsLayer, NoFile, PointsTo, Variable

PATH = "/usr/local/bin:/usr/bin:/bin"
NOTES = "app/notes.txt"


def _shop(exercise: Exercise) -> None:
    """The shop of the lesson, with its three layers and its settings."""
    lab = exercise.lab
    files = {"app/prices.csv": "tea,3\nsoup,4\n", NOTES: "call the bank\n"}
    image = lab.append(lab.base(), files, created_by="COPY . /app")
    image = lab.append(image, {"app/shop.py": "print(open('prices.csv').read())\n"}, created_by="COPY shop.py /app/")
    image = image.with_config(f"ENV PATH={PATH}", Env=[f"PATH={PATH}"])
    lab.tag(image.with_config('CMD ["python" "/app/shop.py"]', Cmd=["python", "/app/shop.py"]), "shop:1.0")


def settings() -> Exercise:
    """A new image out of old layers: only the config differs."""
    return Exercise(
        "01.settings",
        "`settings.lab` holds `shop:1.0`. The shop must listen on port 9090. Make `shop:1.1`, which sets the "
        "environment variable `PORT=9090` and keeps `PATH` and the command as they are. No byte of any layer may "
        "change.",
        start=_shop,
        goal=lambda settings: [
            BuiltOn.of("shop:1.1", "shop:1.0", settings.lab, more=0),
            Variable("shop:1.1", "PORT", "9090"),
            Variable("shop:1.1", "PATH", PATH),
            Command("shop:1.1", ("python", "/app/shop.py")),
        ],
        hints=[
            "Where does an image keep its settings: in a layer, or in the config?",
            '`settings.lab.image("shop:1.0").with_config(Env=[…])` gives an image with another `Env`. Look at the '
            "`Env` that is there first.",
            "`Env` is replaced as a whole, so the list needs both lines: the `PATH=…` that was there and `PORT=9090`. "
            "Tag what `with_config` returns. With docker: a Dockerfile of two lines in `settings.folder`, "
            "`FROM shop:1.0` and an `ENV`, which keeps the other variables.",
        ],
        docker=lambda settings: [
            "%%writefile {settings.folder}/Dockerfile\nFROM shop:1.0\nENV PORT=9090\n",
            "%docker build -t shop:1.1 {settings.folder}",
        ],
        solution="""
shop = settings.lab.image("shop:1.0")
env = shop.config["config"]["Env"]
settings.lab.tag(shop.with_config(Env=[*env, "PORT=9090"]), "shop:1.1")
""",
        mistakes=[
            Mistake(
                code='settings.lab.tag("shop:1.0", "shop:1.1")',
                matches=lambda settings: settings.same_image("shop:1.0", "shop:1.1"),
                message="`shop:1.1` is a second name for the same image. A tag points; it changes nothing.",
            ),
            Mistake(
                code="""
image = settings.lab.append("shop:1.0", {"app/.env": "PORT=9090\\n"})
settings.lab.tag(image, "shop:1.1")
""",
                matches=lambda settings: settings.more_layers("shop:1.1", "shop:1.0"),
                message="You have put a file into a new layer. Settings of the process are not files: they stand in "
                "the config, and changing them makes no layer at all.",
            ),
            Mistake(
                code="""
shop = settings.lab.image("shop:1.0")
settings.lab.tag(shop.with_config(Env=["PORT=9090"]), "shop:1.1")
""",
                matches=lambda settings: f"PATH={PATH}" not in settings.settings("shop:1.1").get("Env", []),
                message="`PORT` is set, and `PATH` is gone: `Env` is one list, and you have replaced it as a whole. "
                "With no `PATH`, the container would not find `python`.",
            ),
            Mistake(
                code="""
shop = settings.lab.image("shop:1.0")
env = shop.config["config"]["Env"]
settings.lab.tag(shop.with_config(Env=[*env, "PORT 9090"]), "shop:1.1")
""",
                matches=lambda settings: "PORT 9090" in settings.settings("shop:1.1").get("Env", []),
                message="An environment variable is written `NAME=value`, with an equals sign and no space.",
            ),
        ],
        summary="The config has other bytes, so the image ID is different. The layers are the same bytes, so they are "
        "kept once for both images, and nothing had to be copied.",
    )


def notes() -> Exercise:
    """A file hidden by a layer of its own."""
    return Exercise(
        "01.notes",
        "`notes.lab` holds `shop:1.0`, and in it `app/notes.txt`, which nobody should see. Make `shop:clean`: it "
        "stands on `shop:1.0`, has one more layer, shows all other files as before, and shows no `app/notes.txt`.",
        start=_shop,
        goal=lambda notes: [
            BuiltOn.of("shop:clean", "shop:1.0", notes.lab, more=1),
            NoFile("shop:clean", NOTES),
            SameFiles.of("shop:clean", "shop:1.0", notes.lab, without=NOTES),
        ],
        hints=[
            "A layer can add a file, change one, and one thing more: look at the letters in the explorer above.",
            "`append` takes a mapping of path to content. `None` is a content too: it means *not here any more*.",
            '`notes.lab.append("shop:1.0", {"app/notes.txt": …}, tag="shop:clean")`, with `None` for the dots. '
            "With docker: `FROM shop:1.0` and `RUN rm …` in `notes.folder`.",
        ],
        docker=lambda notes: [
            "%%writefile {notes.folder}/Dockerfile\nFROM shop:1.0\nRUN rm /app/notes.txt\n",
            "%docker build -t shop:clean {notes.folder}",
        ],
        solution='notes.lab.append("shop:1.0", {"app/notes.txt": None}, tag="shop:clean")',
        mistakes=[
            Mistake(
                code='notes.lab.tag("shop:1.0", "shop:clean")',
                matches=lambda notes: notes.same_image("shop:1.0", "shop:clean"),
                message="`shop:clean` is a second name for `shop:1.0`. The file is as visible as before.",
            ),
            Mistake(
                code='notes.lab.append("shop:1.0", {"app/notes.txt": ""}, tag="shop:clean")',
                matches=lambda notes: notes.content_of("shop:clean", NOTES) == b"",
                message="The file is empty now, and still there: an empty file is a file. To remove it, the layer "
                "must say so.",
            ),
            Mistake(
                code='notes.lab.append("shop:1.0", {"app": None}, tag="shop:clean")',
                matches=lambda notes: notes.has("shop:clean") and "app" not in notes.lab.image("shop:clean").tree(),
                message="That removed the whole folder `app`, and the shop with it. Name the one file.",
            ),
            Mistake(
                code="""
files = {"etc/os-release": "NAME=tiny\\n", "app/prices.csv": "tea,3\\n", "app/shop.py": "print('hello')\\n"}
notes.lab.append(notes.lab.scratch, files, tag="shop:clean")
""",
                matches=lambda notes: notes.has("shop:clean") and not notes.built_on("shop:clean", "shop:1.0"),
                message="A new image from scratch shows no notes, and shares no layer with `shop:1.0` either: whoever "
                "has that one would have to fetch everything again. Put one layer on top of `shop:1.0`.",
            ),
        ],
        summary="The new layer holds one empty file called `.wh.notes.txt`, a whiteout. It hides the notes and erases "
        'nothing: `notes.lab.image("shop:clean").layers[1].read("app/notes.txt")` still reads them. Lesson 02 is '
        "about that.",
    )


def lost() -> Exercise:
    """Which image does this tar belong to? Its bytes know."""
    return Exercise(
        "01.lost",
        'Somebody has sent you a layer with no name on it: `lost.folder / "lost.tar"`. One of the images in '
        "`lost.lab` is made of it, and none of them has a name. Find that image and tag it `found:1.0`.",
        start=_lost,
        goal=lambda lost: [
            HoldsLayer("found:1.0", _diff_id(lost), "the layer in lost.tar"),
            PointsTo("found:1.0", _owner(lost).digest, "the image that was made of it"),
        ],
        hints=[
            "Opening the tar shows a file that two of the images have too. Something else in it must tell them apart.",
            "A layer's diffID is the SHA-256 of its tar, every byte of it. You have the tar, so you can compute the "
            "diffID.",
            '`Digest.of((lost.folder / "lost.tar").read_bytes())` is its name (from `imagelab`). Compare it '
            "with `image.diff_ids` for each `image` in `lost.lab.images()`. `docker inspect` shows an image's diffIDs "
            "as `RootFS.Layers`, and `sha256sum` computes the tar's.",
        ],
        docker=lambda lost: [
            "%docker inspect --format '{{.Id}} {{.RootFS.Layers}}' "
            + " ".join(image.id.short for image in lost.lab.images()),
            f"%docker tag {_owner(lost).id.short} found:1.0",
        ],
        solution="""
from imagelab import Digest

wanted = Digest.of((lost.folder / "lost.tar").read_bytes())
for image in lost.lab.images():
    if wanted in image.diff_ids:
        lost.lab.tag(image, "found:1.0")
""",
        mistakes=[
            Mistake(
                code='lost.lab.import_(lost.folder / "lost.tar", "found:1.0")',
                matches=lambda lost: _diff_id(lost) in lost.lab.image("found:1.0").diff_ids,
                message="That image has the layer, and you have just made it: its config is different. The tar belongs "
                "to an image that was here before.",
            ),
            Mistake(
                code="""
for image in lost.lab.images():
    if image.read("menu.txt") == b"soup 4\\n" and image.tree()["menu.txt"].mode == 0o644:
        lost.lab.tag(image, "found:1.0")
""",
                matches=lambda lost: lost.content_of("found:1.0", "menu.txt") == b"soup 4\n",
                message="The same words in the same file, and another layer. A tar also records who may read a file "
                "(its mode), and the diffID is of every byte of the tar. Compare the digests, not the contents.",
            ),
            Mistake(
                code="""
for image in lost.lab.images():
    if image.read("menu.txt") == b"soup 5\\n":
        lost.lab.tag(image, "found:1.0")
""",
                matches=lambda lost: lost.content_of("found:1.0", "menu.txt") == b"soup 5\n",
                message="In this image soup costs 5. In the tar it costs 4: one byte differs, and so does the diffID.",
            ),
            Mistake(
                code="""
from imagelab import Digest

wanted = Digest.of((lost.folder / "lost.tar").read_bytes())
image = next(image for image in lost.lab.images() if wanted in image.diff_ids)
lost.lab.tag(image, "found")
""",
                matches=lambda lost: lost.has("found:latest") and not lost.has("found:1.0"),
                message="You have `found:latest`: a name without a tag means `:latest`. Write `found:1.0`.",
            ),
        ],
        summary="You never asked what the layer is called. Its bytes gave it its name, and any copy of it, anywhere, "
        "has that name too.",
    )


def _lost(lost: Exercise) -> None:
    menus = [Entry.file(b"soup 4\n"), Entry.file(b"soup 4\n", mode=0o600), Entry.file(b"soup 5\n")]
    images = [lost.lab.append(lost.lab.scratch, {"menu.txt": menu}) for menu in menus]
    with images[1].layers[0].open() as tar:
        (lost.folder / "lost.tar").write_bytes(tar.read())


def _diff_id(lost: Exercise) -> Digest:
    return Digest.of((lost.folder / "lost.tar").read_bytes())


def _owner(lost: Exercise) -> Image:
    """The image made of the layer, as long as no other is."""
    return next(image for image in lost.lab.images() if _diff_id(lost) in image.diff_ids)


EXERCISES = {"01.settings": settings, "01.notes": notes, "01.lost": lost}
