"""Predictions of lesson 03: common errors about builds, each with what a build did."""

from __future__ import annotations

from ..prediction import Prediction


def layers() -> Prediction:
    """Which instructions make layers? Measured: `steps` after FROM and the `layers` they made, counted."""
    return Prediction(
        "03.layers",
        "After `FROM` there are five instructions: `WORKDIR`, `COPY`, `RUN`, `ENV`, `CMD`. How many layers do they put "
        "on the base image?",
        {"a": "2: `COPY` and `RUN`", "b": "3", "c": "5: one for each"},
        answer="b",
        reasons={
            "a": "These two, and `WORKDIR` as well. It makes the folder `/app`, and a folder is something in a file "
            "system. {layers} layers.",
            "b": "{layers} layers of {steps} steps. `COPY` brings files, `RUN` leaves a file, and `WORKDIR` makes the "
            "folder `/app`. `ENV` and `CMD` only write into the config.",
            "c": "{steps} steps, {layers} layers. Only what touches the file system leaves one. `ENV` and `CMD` write "
            "into the config.",
        },
    )


def price() -> Prediction:
    """What does one changed file make the build do again? Measured: `again`, the steps that missed, and `first`."""
    return Prediction(
        "03.price",
        "You change one price in `prices.csv` and build again. Remember that `RUN` reads `stock.txt` and nothing else. "
        "Which steps are done again?",
        {
            "a": "`COPY` alone: `RUN` does not read the prices",
            "b": "`COPY` and every step after it",
            "c": "all of them: the context has changed",
        },
        answer="b",
        reasons={
            "a": "{again} steps were done again, `RUN` among them. Nobody looks at what a program reads. Its step "
            "starts from another image now, and that is enough: `parent changed`.",
            "b": "{again} steps, from `{first}` to the last. Each step starts from the image of the step before. If "
            "one image is new, every later one is new too.",
            "c": "`WORKDIR` was a HIT: it stands before `COPY`, and nothing it depends on has changed. {again} steps "
            "were done again, not all.",
        },
    )


def stages() -> Prediction:
    """What of a build stage is in the image? Measured: `made`, a file's bytes, and `inside`, how many are in it."""
    return Prediction(
        "03.stages",
        "The stage `build` also leaves `worksheet.txt`, which nobody needs later. How much of it is in `shop:3.0`?",
        {
            "a": "all of it, in a layer further down",
            "b": "all of it, hidden by a whiteout",
            "c": "nothing: only what `COPY --from` names",
        },
        answer="c",
        reasons={
            "a": "The last `FROM` starts again from `lab/shell:1.0`. The layers of the stage `build` are under another "
            "image. Of {made:,} bytes, {inside:,} came along.",
            "b": "A whiteout hides what a lower layer holds, and no layer of this image holds it. Of {made:,} bytes, "
            "{inside:,} are in it.",
            "c": "{inside:,} of {made:,} bytes. What you leave behind in a stage is not deleted from the image; it "
            "never was in it. That is the clean way to do what a deletion cannot.",
        },
    )


def digest() -> Prediction:
    """The myth that one Dockerfile gives one digest. Measured: the dates `ann` and `ben` of a file in two layers."""
    return Prediction(
        "03.digest",
        "Ann and Ben check out the same files, byte for byte, on different days. Each builds the same Dockerfile on "
        "the same base. Do they get the same image ID?",
        {
            "a": "yes: the same Dockerfile and the same files give the same digest",
            "b": "no, only the config differs: it says when the image was made; the layers are the same",
            "c": "no, and a layer differs as well",
        },
        answer="c",
        reasons={
            "a": "A Dockerfile is a recipe, and a digest is computed from the bytes that come out. With real clocks, "
            "two builds give different bytes: `prices.csv` has the date {ann} in Ann's, and {ben} in Ben's.",
            "b": "The config does say when. But a tar also records when each file was last changed: {ann} in "
            "Ann's, {ben} in Ben's. So the layers differ as well.",
            "c": "The date of `prices.csv` is in the tar: {ann} in Ann's, {ben} in Ben's. The config says when the "
            "image was made. If both times were the same, the digests would be too.",
        },
    )


PREDICTIONS = {"03.layers": layers, "03.price": price, "03.digest": digest, "03.stages": stages}
