"""Predictions of lesson 05: image ID, digest, diffID and chainID."""

from __future__ import annotations

from ..prediction import Prediction


def names() -> Prediction:
    """The myth that all names are one. Measured: `names`, counted; short `id`, `digest`, `diffid`; `layers`."""
    return Prediction(
        "05.names",
        "Image ID, digest, diffID, chainID. How many different SHA-256 values are there in this image of three layers?",
        {
            "a": "1: these are four words for the image's one digest",
            "b": "4: one for each word",
            "c": "more than 4",
        },
        answer="c",
        reasons={
            "a": "The image ID begins `{id}`, the digest `{digest}`, the first diffID `{diffid}`. They are the "
            "SHA-256 of a config, a manifest and a tar, which are different bytes.",
            "b": "This image is for one platform, so it has one image ID and one digest. But each of the {layers} "
            "layers has a diffID and a chainID of its own, so it comes to {names}.",
            "c": "{names}: one for the config, one for the manifest, {layers} for the tars, and the rest are chainIDs. "
            "Some rows show the same value, and the table says why: layer 1's chainID is its diffID, and a layer that "
            "is not compressed has one digest for both.",
        },
    )


def byte() -> Prediction:
    """What does one byte change? Measured: `changed` and `stayed`, counted; short `old` and `new` image IDs."""
    return Prediction(
        "05.byte",
        "Layer 2 of 3 holds `app/prices.csv`. You change one byte of it, from `4` to `5`, and build again. Which names "
        "change?",
        {
            "a": "the diffID of layer 2, since that is where the byte is",
            "b": "the names of layer 2, the chainIDs from there up, the image ID and the digest",
            "c": "all of them: it is a different image",
        },
        answer="b",
        reasons={
            "a": "The config contains that diffID, and the image ID is the digest of the config: `{old}` became "
            "`{new}`. It covers all layers, so it changes when one of them does.",
            "b": "{changed} names changed and {stayed} stayed. Layers 1 and 3 are the same tars as before, and keep "
            "their diffIDs. The chainID of layer 3 is different, because it names layer 3 **on top of** layer 2.",
            "c": "{stayed} names stayed. Layers 1 and 3 are the same bytes, so they have the same diffIDs, and are "
            "kept and sent once for both images.",
        },
    )


def packed() -> Prediction:
    """What does compression change? Measured: `changed` and `stayed`, counted; short `id` and `diffid`."""
    return Prediction(
        "05.packed",
        "A registry keeps layers compressed. You compress every layer of the image with gzip. Which of its names "
        "change?",
        {
            "a": "the layer digests and the image's digest",
            "b": "all of them: different bytes, different digests",
            "c": "none: the files are the same",
        },
        answer="a",
        reasons={
            "a": "{changed} names changed: each layer's digest, and the digest of the manifest that lists them. A "
            "diffID is of the tar **before** compression, so the diffIDs stay, and so do the config that lists them "
            "and the image ID, `{id}`.",
            "b": "{stayed} names stayed. The config lists what the layers unpack to, so it has not changed, and the "
            "image ID is still `{id}`.",
            "c": "The stored blobs have different bytes, and a layer digest is computed from the blob. {changed} names "
            "changed. The diffID (`{diffid}` for layer 2) is computed from the tar, and stays.",
        },
    )


def pin() -> Prediction:
    """Where does name@digest lead once the tag has moved? Measured: short IDs `pinned` and `tagged`, the `digest`."""
    return Prediction(
        "05.pin",
        "You have written down `shop@sha256:…`. Then somebody moves `shop:1.0` to another image. What does the name "
        "that you wrote down lead to?",
        {
            "a": "the image that `shop:1.0` leads to now: it is the same name",
            "b": "the image it led to when you wrote it down",
            "c": "nothing: the tag is gone from that digest, so the name is no longer valid",
        },
        answer="b",
        reasons={
            "a": "`shop:1.0` leads to `{tagged}` now, and your name to `{pinned}`. The part before the `@` is where "
            "to look, the part after it is what to find.",
            "b": "It leads to `{pinned}`, and always will: an image with different bytes has a different digest, and "
            "so a different name.",
            "c": "A digest needs no tag. It leads to `{pinned}`, the image whose manifest has the digest `{digest}`, "
            "for as long as those bytes are kept.",
        },
    )


def flipped() -> Prediction:
    """Who notices a flipped byte? Measured: short `id` before and after, and `found`, the digest found in its place."""
    return Prediction(
        "05.flipped",
        "A bad disk flips one bit in a layer of `shop:1.0`. What does `docker images` show afterwards?",
        {
            "a": "a different IMAGE ID, because the bytes are different",
            "b": "an error",
            "c": "what it showed before",
        },
        answer="c",
        reasons={
            "a": "It shows `{id}`, as before. That name was computed when the image was made, and is read from files "
            "that have not changed. It is not computed again unless you ask for that.",
            "b": "`docker images` reads a few lines of JSON, which have not changed. It opens no layer.",
            "c": "`{id}`, as before. A digest is only right if the bytes are hashed again and compared: the layer's "
            "hash is `{found}` now, which is not its name.",
        },
    )


PREDICTIONS = {
    "05.names": names, "05.byte": byte, "05.pin": pin, "05.packed": packed, "05.flipped": flipped,
}  # fmt: skip
