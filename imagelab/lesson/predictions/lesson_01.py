"""Predictions of lesson 01: common errors about what an image contains, each with the number that refutes it."""

from __future__ import annotations

from ..prediction import Prediction


def layers() -> Prediction:
    """The myth that every instruction makes a layer. Measured: `steps` and `layers`, counted."""
    return Prediction(
        "01.layers",
        "After `FROM scratch` there are six instructions. How many layers does the image have?",
        {"a": "6: every instruction makes a layer", "b": "3", "c": "1: an image is one big file"},
        answer="b",
        reasons={
            "a": "The history has {steps} lines and the image {layers} layers. `ENV`, `EXPOSE` and `CMD` touch no "
            "file. They only write into the config, and leave `0B` in the history.",
            "b": "{layers} layers, one for each instruction that touched files. The others of the {steps} only wrote "
            "into the config.",
            "c": "`docker save` does put an image into one file. Inside it there are {layers} layers, each with a "
            "name of its own, so that other images can share them.",
        },
    )


def diffid() -> Prediction:
    """What is a diffID the digest of? Measured: `diffid`, `of_contents` and `of_names` (12 digits each), `bytes`."""
    return Prediction(
        "01.diffid",
        "A layer's name is its **diffID**, a SHA-256. Of which bytes?",
        {
            "a": "the contents of its files",
            "b": "the list of its file names",
            "c": "the whole tar, headers and zeros too",
        },
        answer="c",
        reasons={
            "a": "The digest of the contents begins `{of_contents}`, the diffID `{diffid}`. If only contents counted, "
            "`chmod` would change nothing.",
            "b": "The digest of the names begins `{of_names}`, the diffID `{diffid}`. Two versions of a file have one "
            "name, and must not be one layer.",
            "c": "All {bytes:,} bytes: headers, contents, the zeros between them and at the end. Change one bit, and "
            "the layer has another name. So whoever gets a layer can check that it is the right one.",
        },
    )


def setting() -> Prediction:
    """What does a changed setting change? Measured: short IDs `old` and `new`, `layers` counted, `cost` in bytes."""
    return Prediction(
        "01.setting",
        "You make a second image from this one, with `PORT=9090` in place of `PORT=8080`. What is different in it?",
        {
            "a": "nothing that counts: the same files are the same image",
            "b": "the config, and so the image ID; all layers stay",
            "c": "everything: an image is built again from the first line",
        },
        answer="b",
        reasons={
            "a": "The port stands in the config, and the image ID is the config's digest: `{old}` is not `{new}`. A "
            "container would listen on another port, so it is a different image.",
            "b": "`{old}` became `{new}`, and all {layers} diffIDs are what they were. The new image cost {cost:,} "
            "bytes of JSON.",
            "c": "All {layers} layers are the same bytes with the same names, so they are kept once. Nothing was "
            "built, and nothing was copied.",
        },
    )


PREDICTIONS = {"01.layers": layers, "01.diffid": diffid, "01.setting": setting}
