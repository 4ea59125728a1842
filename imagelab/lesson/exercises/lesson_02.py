"""Exercises of lesson 02: what the layers of an image hold, hidden or not."""

from __future__ import annotations

from hashlib import sha256

from ...filesystem.entry import Entry
from ...oci.image import Image
from ..exercise import Exercise, Mistake
from ..goals.files import FileText, NoWaste, SameFiles, Shares
from ..goals.goal import BuiltOn

LIBRARY = "lib/libimage.so"


def secret() -> Exercise:
    """What was deleted is there to read."""
    return Exercise(
        "02.secret",
        "`secret.lab` holds `app:1.0`, as it lies in a public registry. Its file `app/.env` once said `TOKEN=…`. "
        "Somebody wrote another word over the token, then deleted the file, and thought that the token was gone. Show "
        "that it is not: make `found:1.0`, which shows a file `token.txt` with the token that was there first.",
        start=_app,
        goal=lambda secret: [FileText("found:1.0", "token.txt", _token(secret), "the first token")],
        hints=[
            "Draw `app:1.0` as a stack. Which layers hold `app/.env`, and which of them is the lowest?",
            "The merged file system does not show the file, but each layer can be read by itself: "
            '`secret.lab.image("app:1.0").layers[1]` is layer 2.',
            '`….layers[1].read("app/.env")` gives the whole line as bytes. What stands after the `=` goes into '
            '`secret.lab.append(None, {"token.txt": …}, tag="found:1.0")`. With docker: `docker history app:1.0` shows '
            "the ID of the image that each step left. Run a container of one of them, and commit it.",
        ],
        docker=lambda secret: [
            "%docker history app:1.0",
            f"%docker run --name peek {_second(secret).id.short} sh -c 'cut -d= -f2 /app/.env > /token.txt'",
            "%docker commit peek found:1.0",
        ],
        solution="""
line = secret.lab.image("app:1.0").layers[1].read("app/.env").decode()
token = line.strip().partition("=")[2]
secret.lab.append(None, {"token.txt": token}, tag="found:1.0")
""",
        mistakes=[
            Mistake(
                code='secret.lab.tag("app:1.0", "found:1.0")',
                matches=lambda secret: secret.same_image("app:1.0", "found:1.0"),
                message="`found:1.0` is a second name for `app:1.0`, and hides the same files. Read the layer, and "
                "put what you read into an image of its own.",
            ),
            Mistake(
                code="""
line = secret.lab.image("app:1.0").layers[2].read("app/.env").decode()
secret.lab.append(None, {"token.txt": line.strip().partition("=")[2]}, tag="found:1.0")
""",
                matches=lambda secret: b"changeme" in (secret.content_of("found:1.0", "token.txt") or b""),
                message="`changeme` is what layer 3 wrote over the token. That layer covers a file, and does not erase "
                "it either: look one layer further down.",
            ),
            Mistake(
                code="""
line = secret.lab.image("app:1.0").layers[1].read("app/.env")
secret.lab.append(None, {"token.txt": line}, tag="found:1.0")
""",
                matches=lambda secret: (
                    (secret.content_of("found:1.0", "token.txt") or b"").strip() == f"TOKEN={_token(secret)}".encode()
                ),
                message="There it is, with its name: the file holds the whole line. The token stands after the `=`.",
            ),
            Mistake(
                code='secret.lab.append(None, {"token.txt": ""}, tag="found:1.0")',
                matches=lambda secret: secret.content_of("found:1.0", "token.txt") == b"",
                message="`token.txt` is empty, as the whiteout in layer 4 is. A whiteout holds nothing, it only hides: "
                "what it hides is in the layers below.",
            ),
        ],
        summary="You broke nothing open: every pull brings every layer, and you read one. Two later layers could not "
        "take back what an earlier one says. A token that was pushed is changed where it is used, and the image is "
        "made anew without it.",
    )


def shrink() -> Exercise:
    """The same files in fewer bytes."""
    return Exercise(
        "02.shrink",
        "`shrink.lab` holds `base:1.0` and, on top of it, `album:1.0`, in which later layers hide files. "
        "Make `album:small`: the same files, no wasted bytes, and still on `base:1.0`, so that a machine which has "
        "`base:1.0` fetches only what is new.",
        start=_album,
        goal=lambda shrink: [
            SameFiles.of("album:small", "album:1.0", shrink.lab),
            BuiltOn.of("album:small", "base:1.0", shrink.lab, more=None),
            NoWaste("album:small"),
        ],
        hints=[
            'See where the bytes are: `shrink.lab.waste("album:1.0")`. No layer on top of `album:1.0` '
            "will make that less.",
            "Go back to `base:1.0` and put one layer on it: all that `album:1.0` shows and `base:1.0` does not. "
            "`shrink.lab.diff(a, b)` says what leads from one to the other.",
            '`files = shrink.lab.diff("base:1.0", "album:1.0")` are changes, and `append` takes changes for content. '
            "In a Dockerfile, `COPY --from=album:1.0` takes files from another image.",
        ],
        docker=lambda shrink: [
            "%%writefile {shrink.folder}/Dockerfile\nFROM base:1.0\nCOPY --from=album:1.0 /data /data\n",
            "%docker build -t album:small {shrink.folder}",
        ],
        solution="""
files = shrink.lab.diff("base:1.0", "album:1.0")
shrink.lab.append("base:1.0", files, tag="album:small")
""",
        mistakes=[
            Mistake(
                code='shrink.lab.tag("album:1.0", "album:small")',
                matches=lambda shrink: shrink.same_image("album:1.0", "album:small"),
                message="`album:small` is another name for `album:1.0`, and as large.",
            ),
            Mistake(
                code='shrink.lab.tag(shrink.lab.image("album:1.0").flatten(), "album:small")',
                matches=lambda shrink: shrink.has("album:small") and not shrink.built_on("album:small", "base:1.0"),
                message="Nothing is wasted in it, and nothing is shared: the files of `base:1.0` are in a layer of "
                "yours now. Whoever has `base:1.0` has to fetch them again. Leave its layers as they are, and put "
                "yours on top.",
            ),
            Mistake(
                code='shrink.lab.append("album:1.0", {"data": None}, tag="album:small")',
                matches=lambda shrink: (
                    shrink.more_layers("album:small", "album:1.0") and shrink.built_on("album:small", "album:1.0")
                ),
                message="That is one layer more on top of `album:1.0`. It hides, and all bytes below it are still "
                "there. Begin below the waste, at `base:1.0`.",
            ),
            Mistake(
                code="""
album = shrink.lab.image("album:1.0")
files = {path: album.read(path) for path in ("data/1.jpg", "data/2.jpg")}
shrink.lab.append("base:1.0", files, tag="album:small")
""",
                matches=lambda shrink: (
                    shrink.content_of("album:small", "data/1.jpg") == shrink.content_of("album:1.0", "data/1.jpg")
                ),
                message="The photos have their bytes, and `data/1.jpg` has lost its mode: 0600, for its owner's eyes "
                "only. A file is more than its bytes; take the entries, or the `diff`.",
            ),
        ],
        summary="One layer holds the result of several instructions, and nothing of the steps between. In a Dockerfile "
        "that is one `RUN` with `&&`, or a second stage: lesson 03.",
    )


def share() -> Exercise:
    """What is the same goes below what differs."""
    return Exercise(
        "02.share",
        f"In `share.lab`, `web:1.0` and `api:1.0` stand on `base:1.0`, and both hold the same `{LIBRARY}` of 400,000 "
        "bytes. Docker keeps it twice. Make `web:2.0` and `api:2.0`: the same files each, and the library kept once.",
        start=_services,
        goal=lambda share: [
            SameFiles.of("web:2.0", "web:1.0", share.lab),
            Shares("web:2.0", "api:2.0", share.lab.image("base:1.0").size + 400_000),
            SameFiles.of("api:2.0", "api:1.0", share.lab),
        ],
        hints=[
            '`draw.sharing([share.lab.image("web:1.0"), share.lab.image("api:1.0")])` shows what they share, and where '
            "they part.",
            "Two images share a layer only if all below it is the same too. So the library has to lie below what is "
            "different.",
            f'First `common = share.lab.append("base:1.0", {{"{LIBRARY}": …}})`, with the bytes from '
            f'`share.lab.image("web:1.0").read("{LIBRARY}")`. Then each app on top of `common`, with a tag. '
            "In a Dockerfile: a stage `common`, two stages `FROM common`, and a build of each with `--target`.",
        ],
        docker=lambda share: [
            f"""%%writefile {{share.folder}}/Dockerfile
FROM base:1.0 AS common
COPY --from=web:1.0 /{LIBRARY} /{LIBRARY}
FROM common AS web
COPY --from=web:1.0 /web /web
FROM common AS api
COPY --from=api:1.0 /api /api
""",
            "%docker build --target web -t web:2.0 {share.folder}",
            "%docker build --target api -t api:2.0 {share.folder}",
        ],
        solution=f"""
web, api = share.lab.image("web:1.0"), share.lab.image("api:1.0")
common = share.lab.append("base:1.0", {{"{LIBRARY}": web.read("{LIBRARY}")}})
share.lab.append(common, {{"web/app.py": web.read("web/app.py")}}, tag="web:2.0")
share.lab.append(common, {{"api/app.py": api.read("api/app.py")}}, tag="api:2.0")
""",
        mistakes=[
            Mistake(
                code="""
share.lab.tag("web:1.0", "web:2.0")
share.lab.tag("api:1.0", "api:2.0")
""",
                matches=lambda share: share.same_image("web:1.0", "web:2.0") or share.same_image("api:1.0", "api:2.0"),
                message="The new names lead to the old images, layer for layer. Make new images, in another order.",
            ),
            Mistake(
                code=f"""
for name in ("web", "api"):
    old = share.lab.image(name + ":1.0")
    files = {{path: old.read(path) for path in ("{LIBRARY}", name + "/app.py")}}
    share.lab.append("base:1.0", files, tag=name + ":2.0")
""",
                matches=lambda share: _layers(share, "web:2.0") == _layers(share, "base:1.0") + 1,
                message="The library is in one layer with what differs. A layer is shared whole or not at all: give "
                "the library a layer of its own.",
            ),
            Mistake(
                code=f"""
web, api = share.lab.image("web:1.0"), share.lab.image("api:1.0")
files = {{"{LIBRARY}": web.read("{LIBRARY}"), "web/app.py": web.read("web/app.py")}}
image = share.lab.append("base:1.0", files | {{"api/app.py": api.read("api/app.py")}})
share.lab.append(image, {{"tmp/web": ""}}, tag="web:2.0")
share.lab.append(image, {{"tmp/api": ""}}, tag="api:2.0")
""",
                matches=lambda share: (
                    share.content_of("web:2.0", "api/app.py") is not None
                    and share.content_of("api:2.0", "web/app.py") is not None
                ),
                message="They share everything now, each other's program too: `web:2.0` shows `api/app.py`. Share what "
                "both need, and nothing else.",
            ),
            Mistake(
                code=f"""
web, api = share.lab.image("web:1.0"), share.lab.image("api:1.0")
common = share.lab.append("base:1.0", {{"{LIBRARY}": web.read("{LIBRARY}")}})
share.lab.append(common, {{"web/app.py": web.read("web/app.py")}}, tag="web:2.0")
share.lab.append("web:2.0", {{"api/app.py": api.read("api/app.py")}}, tag="api:2.0")
""",
                matches=lambda share: share.content_of("api:2.0", "web/app.py") is not None,
                message="`api:2.0` stands on `web:2.0` and shows its program too. Let both stand on what they have in "
                "common, side by side.",
            ),
        ],
        summary="What is the same went below, what differs on top, and 400,000 bytes are kept, pushed and pulled once. "
        "A build cache wants the same order, for the same reason: lesson 03.",
    )


def _app(secret: Exercise) -> None:
    lab = secret.lab
    token = sha256(b"not to be typed off from here").hexdigest()[:20]
    files = {"app/app.py": "print('hi')\n", "app/.env": f"TOKEN={token}\n"}
    image = lab.append(lab.base(), files, created_by="COPY . /app")
    image = lab.append(image, {"app/.env": "TOKEN=changeme\n"}, created_by="COPY .env /app/")
    lab.append(image, {"app/.env": None}, "app:1.0", created_by="RUN rm /app/.env")


def _token(secret: Exercise) -> str:
    return _second(secret).read("app/.env").decode().strip().partition("=")[2]


def _second(secret: Exercise) -> Image:
    """The image that the second layer of app:1.0 ends."""
    return next(image for image in secret.lab.images(all=True) if "app/.env" in image.tree() and len(image.layers) == 2)


def _album(shrink: Exercise) -> None:
    lab = shrink.lab
    base = lab.append(None, {"bin/sh": b"#!" * 20_000, "etc/os-release": "NAME=tiny\n"}, created_by="COPY rootfs /")
    base = base.with_config('CMD ["sh"]', Cmd=["sh"])
    lab.tag(base, "base:1.0")
    one, two = b"one." * 75_000, b"two." * 75_000
    image = lab.append(base, {"data/photos.zip": b"ZIP." * 125_000}, created_by="COPY photos.zip /data/")
    image = lab.append(image, {"data/1.jpg": one, "data/2.jpg": two}, created_by="RUN unzip photos.zip")
    image = lab.append(image, {"data/photos.zip": None}, created_by="RUN rm photos.zip")
    lab.append(image, {"data/1.jpg": Entry.file(one, 0o600)}, "album:1.0", created_by="RUN chmod 600 1.jpg")


def _services(share: Exercise) -> None:
    lab = share.lab
    base = lab.append(None, {"etc/os-release": "NAME=tiny\n"}, "base:1.0", created_by="COPY rootfs /")
    for name in ("web", "api"):
        image = lab.append(base, {f"{name}/app.py": f"print('{name}')\n"}, created_by=f"COPY {name} /{name}")
        lab.append(image, {LIBRARY: b"lib." * 100_000}, f"{name}:1.0", created_by="COPY libimage.so /lib/")


def _layers(exercise: Exercise, name: str) -> int:
    return len(exercise.lab.image(name).layers) if exercise.has(name) else -1


EXERCISES = {"02.secret": secret, "02.shrink": shrink, "02.share": share}
