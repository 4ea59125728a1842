"""Predictions of lesson 02: common errors about layers, each with the number that refutes it."""

from __future__ import annotations

from ..prediction import Prediction


def delete() -> Prediction:
    """The myth that deleting later shrinks. Measured, in bytes: `zip`, `size` (docker's), `more` as stored."""
    return Prediction(
        "02.delete",
        "The last instruction deletes `photos.zip`, 1,000,000 bytes, which `COPY` put there. How much has to be stored "
        "and sent for the image then?",
        {"a": "1,000,000 bytes less", "b": "as much as before", "c": "a little more than before"},
        answer="c",
        reasons={
            "a": "All {zip:,} bytes are where they were, in layer 2. A layer cannot take anything out of the one below "
            "it: the layer below is finished, and has its digest.",
            "b": "So says docker's `SIZE`, {size:,} bytes before and after, because it counts what is inside files, "
            "and the new layer has an empty one. But that layer too is a tar to store and to send, of {more:,} bytes.",
            "c": "{more:,} bytes more: a header of 512 for an empty file called `.wh.photos.zip`, another for the "
            "folder it is in, and 1,024 zeros, the end of the tar. A layer can only add. The whiteout is a note that "
            "says: pretend it is not there.",
        },
    )


def chmod() -> Prediction:
    """What does a changed mode cost? Measured, in bytes: `photo`, `grew`, and `old` and `new`, the modes."""
    return Prediction(
        "02.chmod",
        "`RUN chmod o-r /data/1.jpg` takes one bit away from a photo of 600,000 bytes: others may not read it any "
        "more. How much does docker's `SIZE` of the image grow?",
        {
            "a": "not at all: no byte of the photo changes",
            "b": "512 bytes: a header with the new mode",
            "c": "600,000 bytes: the photo once more",
        },
        answer="c",
        reasons={
            "a": "The photo's bytes are the same, the file is not: its mode was {old} and is {new}. What is different "
            "in a file system goes into the layer.",
            "b": "A header says what the bytes after it belong to; there is none that says `as before, but {new}`. So "
            "the bytes follow, and `SIZE` grew by {grew:,}.",
            "c": "A layer holds whole files. One bit of the mode has changed, so all {photo:,} bytes are written "
            "again, and `SIZE` grew by {grew:,}. A `chown -R` over a big folder doubles it.",
        },
    )


def secret() -> Prediction:
    """The myth that deleting erases. Measured: `at`, the byte of the archive's `length` at which `found` stands."""
    return Prediction(
        "02.secret",
        "The last layer deletes `app/.env`, and you push the image to a public registry. Who can read the password?",
        {
            "a": "nobody: the file is deleted",
            "b": "whoever is root in a container of the image",
            "c": "whoever can pull the image",
        },
        answer="c",
        reasons={
            "a": "A container does not see the file. But a pull fetches the layers, not what a container sees, and in "
            "the archive the password stands at byte {at:,} of {length:,}.",
            "b": "Root in the container sees the merged files, and the whiteout hides this one from root as well. You "
            "needed no container and no root: you have searched {length:,} bytes for a word.",
            "c": "Every pull fetches every layer. `{found}` is at byte {at:,}, in plain text, and the history even "
            "says which layer to open. A secret that was pushed once is public: change it, do not delete it.",
        },
    )


def sizes() -> Prediction:
    """The myth that sizes add up. Measured, in bytes: `added` up, `kept`, `base`, and `largest`."""
    return Prediction(
        "02.sizes",
        "`docker images` shows 2MB, 2.1MB and 2.2MB. How much room do the three images take together?",
        {
            "a": "6.3 MB: what the sizes add up to",
            "b": "2.3 MB: each layer once",
            "c": "2.2 MB: as much as the largest of them",
        },
        answer="b",
        reasons={
            "a": "The sizes add up to {added:,}, and in that sum the layer of `runtime:1.0` is counted three times. "
            "The lab keeps {kept:,} bytes, with that layer of {base:,} bytes once.",
            "b": "{kept:,} bytes: {base:,} for the layer that all three share, and what each has of its own. Each "
            "`SIZE` is true, and their sum, {added:,}, is not.",
            "c": "The largest has {largest:,} bytes, and does not hold what `web:1.0` has of its own. Each layer that "
            "differs is kept as well: {kept:,} bytes.",
        },
    )


PREDICTIONS = {"02.delete": delete, "02.secret": secret, "02.sizes": sizes, "02.chmod": chmod}
