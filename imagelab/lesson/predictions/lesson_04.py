"""Predictions of lesson 04: common errors about tags, each with the image IDs that refute it."""

from __future__ import annotations

from ..prediction import Prediction


def latest() -> Prediction:
    """The myth that latest is the newest. Measured: short IDs `asked` (of shop), `first` and `second`."""
    return Prediction(
        "04.latest",
        "`shop` means `shop:latest`, and leads to the first image. Now you make a second one and call it `shop:2.0`. "
        "Which image does `docker run shop` take from then on?",
        {
            "a": "the second: `latest` is the newest one",
            "b": "the first",
            "c": "neither: with two versions there, docker wants to be told which",
        },
        answer="b",
        reasons={
            "a": "`shop` leads to `{asked}`, and the image made last is `{second}`. Nobody looks for the last one. "
            "`latest` is the word docker writes when you write none, and it moves when somebody moves it.",
            "b": "`shop` still leads to `{asked}`, the first image. A new image with a name of its own moves no other "
            "name, and `latest` is a name like any other.",
            "c": "A name leads to one image or to none. `shop` is short for `shop:latest`, that name is there, and it "
            "leads to `{asked}`. There is nothing to ask.",
        },
    )


def same() -> Prediction:
    """The myth that one tag is one content. Measured: short IDs `monday`, `yours`, `hers`; what soup costs in each."""
    return Prediction(
        "04.same",
        "On Monday you give a colleague `shop:1.0`. On Tuesday each of you looks at the `shop:1.0` on your own "
        "machine. Are these the same bytes?",
        {
            "a": "yes: `1.0` is one version, so it is the same everywhere",
            "b": "no, never: each machine gives its images IDs of its own",
            "c": "only as long as nobody has moved the tag, here or there",
        },
        answer="c",
        reasons={
            "a": "Yours is `{yours}` and soup costs {your_price}. Hers is `{hers}` and soup costs {her_price}. Both "
            "are called `shop:1.0`. A version in a tag is a promise made by people, and nothing checks it.",
            "b": "On Monday both of you had `{monday}`: the same bytes have the same ID on every machine. It was the "
            "tag that went elsewhere, and it did so on one side only.",
            "c": "On Monday both had `{monday}`. Then you moved your tag, and now you have `{yours}` and she has "
            "`{hers}`, under one name. Her machine was never asked.",
        },
    )


def none() -> Prediction:
    """The myth that <none> is corruption. Measured: `damaged` blobs counted, short `id`, the `text` of its file."""
    return Prediction(
        "04.none",
        "One line of `docker images` now says `<none>`, twice. What has happened to that image?",
        {
            "a": "it is damaged: something was cut off in the middle",
            "b": "its files are gone, and an empty entry is left",
            "c": "nothing, except that no tag points to it any more",
        },
        answer="c",
        reasons={
            "a": "Every blob in the lab was hashed again, and {damaged} of them were damaged. `<none>` stands where "
            "the name would stand, and the image never had its name inside it.",
            "b": "Its file still reads `{text}`, and its config still hashes to `{id}`. Moving a tag deletes nothing.",
            "c": "The image is `{id}`, as before, and all its bytes are there: {damaged} blobs damaged. You moved both "
            "names that led to it. Such an image is called **dangling**.",
        },
    )


def held() -> Prediction:
    """The myth that moving a tag updates who uses it. Measured: short IDs `held` and `tag` (where it leads now)."""
    return Prediction(
        "04.held",
        "A program called `service` asked for `shop:1.0` and was given an image. Now the tag moves. Which image does "
        "`service` have?",
        {
            "a": "the one that the tag leads to now: whoever uses a name follows it",
            "b": "the one it was given",
            "c": "none: an image that has lost its name cannot be used",
        },
        answer="b",
        reasons={
            "a": "`shop:1.0` leads to `{tag}` now, and `service` has `{held}`. A name is looked up once, at the start. "
            "What is kept from then on is the image.",
            "b": "It has `{held}`, and `shop:1.0` leads to `{tag}`. A name was asked for, and an image was given. To "
            "get the other one, it must ask again.",
            "c": "`service` has `{held}` and reads its file as before. A name is for finding an image; once "
            "it is found, no name is needed.",
        },
    )


def rmi() -> Prediction:
    """The myth that rmi deletes the image. Measured: `lines` printed and blobs `gone`, counted; short ID `left`."""
    return Prediction(
        "04.rmi",
        "`shop:2.0` and `shop` are two names of one image. You run `docker rmi shop:2.0`, and rmi is short for "
        "**remove image**. What goes?",
        {
            "a": "the image, and so both names",
            "b": "the name `shop:2.0`, and nothing else",
            "c": "nothing: docker refuses, because `shop` is the same image",
        },
        answer="b",
        reasons={
            "a": "It printed {lines} line, `Untagged: shop:2.0`, and {gone} blobs are gone. `shop` still leads to "
            "`{left}`.",
            "b": "It printed {lines} line, `Untagged: shop:2.0`. All blobs are where they were, and `shop` still leads "
            "to `{left}`. A name was removed.",
            "c": "It would refuse if you named the image by its ID, `{left}`: then it would be unclear which name you "
            "mean. You named a name, and that is what went.",
        },
    )


PREDICTIONS = {"04.latest": latest, "04.same": same, "04.none": none, "04.held": held, "04.rmi": rmi}
