"""Predictions of lesson 00: the first image."""

from __future__ import annotations

from ..prediction import Prediction


def tar() -> Prediction:
    """How long is a layer that carries one small file? Measured: `text` and `tar`, lengths in bytes."""
    return Prediction(
        "00.tar",
        "The image holds one file of 29 bytes, and nothing else. How long is the tar that carries it?",
        {"a": "29 bytes", "b": "2,048 bytes", "c": "10,240 bytes, as the `tar` command makes it"},
        answer="b",
        reasons={
            "a": "The text is {text:,} bytes, and a tar must also say whose bytes these are: the name, the mode, the "
            "owner. That takes a header of 512 bytes.",
            "b": "It is {tar:,} bytes: 512 for the header, 512 for the text ({text:,} bytes, filled up with zeros), "
            "and 1,024 zeros that say: this is the end.",
            "c": "The `tar` command fills its last record up to 10,240 bytes, a habit from magnetic tape. A layer has "
            "no tape to fill, and ends after {tar:,}.",
        },
    )


def again() -> Prediction:
    """Does the same image made twice have one ID? Measured: the short IDs `first`, `again` and `louder`."""
    return Prediction(
        "00.again",
        "You make the image once more, from the same text and the same command. What does `docker images` list then?",
        {
            "a": "two images: each image that is made gets an ID of its own",
            "b": "one image: the same bytes, so the same ID",
            "c": "two images with the same ID",
        },
        answer="b",
        reasons={
            "a": "An ID is not handed out, it is computed. Both times it came to `{again}`, because the bytes were the "
            "same.",
            "b": "Same bytes, same digest, same ID: `{first}`. The lab keeps them once. The louder text has other "
            "bytes, and so another ID, `{louder}`.",
            "c": "Two things with one digest would have to have the same bytes, and then they are one thing: "
            "`{first}`.",
        },
    )


PREDICTIONS = {"00.tar": tar, "00.again": again}
