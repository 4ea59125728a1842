"""The glossary: the words a newcomer does not know, each with its meaning and the picture it belongs to.

A notebook shows a word as a note that opens where the word is first used. `note("blob")` is the note's HTML;
`uses` and `notes` find words and notes in the text of a cell; a `Reader` finds the words that a notebook uses before
their note. `python tools/notes.py` puts missing notes into a notebook.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from ..errors import NotFound
from .markup import html
from .minutes import FOLDED, source


@dataclass(frozen=True, slots=True)
class Term:
    """A word, one to three sentences about it, its picture's name, and the patterns of its other spellings.

    A pattern with backticks, such as "`scratch`", is looked for in code spans too.
    """

    name: str
    text: str
    picture: str
    spellings: tuple[str, ...] = ()

    @property
    def pattern(self) -> re.Pattern[str]:
        """Finds the word, or its plural, in any case."""
        choices = "|".join((re.escape(self.name), *self.spellings))
        return re.compile(rf"(?<![\w.])(?:{choices})(?:e?s)?(?!\w)", re.IGNORECASE)


PICTURES = {  # file name without .svg: what it shows
    "anatomy": "A tag points to a manifest. The manifest names the config and the layers by the digests of their bytes;"
    " the config names the same layers by diffID.",
    "build": "A build of two stages: each step is a hit or a miss of the cache, and the last stage takes one file from"
    " the first and becomes the image.",
    "chain": "From a file's bytes to the tag: the file is in a layer's tar, whose digest, the diffID, is in the config;"
    " the config's digest, the image ID, is in the manifest.",
    "containers": "Two containers on one image: they share its layers, and each has a writable layer of its own.",
    "index": "A tag points to an index. The index lists two manifests, one for linux/amd64 and one for linux/arm64, and"
    " an attestation.",
    "sharing": "Two images built on one base image: the base image's layer is stored once, and each image has a layer"
    " of its own on top.",
    "stack": "Three layers. The top one holds a whiteout, which hides a file of the layer below; that file's bytes are"
    " still there.",
    "tags": "Two tags of one shop, after one has moved: it points to the new image, and no tag points to another image,"
    " which is dangling.",
    "tar": "A layer's tar, block by block: a header of 512 bytes with the file's name, mode, owner, size and time, then"
    " the file's bytes, then two blocks of zeros.",
}

_TERMS = [
    Term("attestation", "A record of how an image was made: by which builder, from which sources. BuildKit stores it"
         " beside the image, as one more entry of an index.", "index"),
    Term("base image", "The image that the `FROM` line of a Dockerfile names. A build starts with its layers and"
         " settings, and adds new layers on top.", "sharing"),
    Term("blob", "A file named by the digest of its bytes. In a store every layer, every config and every manifest is"
         " a blob.", "anatomy"),
    Term("build cache", "What a builder keeps of the steps it has done. If a step was done before, on the same image"
         " with the same inputs, its result comes from the cache and nothing is run.", "build", ("cache",)),
    Term("build context", "The files that a build may copy: those of the folder given to `docker build`, without those"
         " that `.dockerignore` lists.", "build", ("context",)),
    Term("BuildKit", "The program that `docker build` uses since Docker 23. The older one is called the classic"
         " builder; it makes an image for every step, and so does imagelab.", "build"),
    Term("chainID", "The name of a layer together with all layers below it: the digest of a line that holds the chainID"
         " of those below and the layer's own diffID. Two images share an unpacked layer if both have its chainID.",
         "chain"),
    Term("classic store", "How Docker keeps images by default up to version 28: unpacked, and each identified by the"
         " digest of its config.", "anatomy"),
    Term("config", "A JSON text, one for each image: the command to run, the environment variables, the history, and"
         " the layers by diffID. Its digest is the image ID.", "anatomy"),
    Term("container", "An instance of an image: the image's files, a writable layer for what changes, and a process"
         " that runs in them. One image can have many.", "containers"),
    Term("containerd store", "How a freshly installed Docker 29 keeps images: the blobs as they arrived, and each"
         " image identified by the digest of its manifest or index.", "index"),
    Term("dangling", "Said of an image that no tag points to. Docker lists it as `<none>`, Docker 29 as `<untagged>`."
         " It is not damaged; `docker image prune` deletes it.", "tags"),
    Term("diffID", "The digest of a layer's tar before it is compressed. The config lists the diffIDs of an image's"
         " layers, the lowest first.", "chain"),
    Term("digest", "A name computed from bytes: `sha256:` and 64 hex digits. The same bytes have the same digest"
         " everywhere, and other bytes have another one.", "chain"),
    Term("image ID", "The digest of an image's config. `docker images` shows its first 12 digits. (A freshly installed"
         " Docker 29 shows the digest of the manifest or the index instead.)", "anatomy"),
    Term("index", "A JSON text that lists several manifests, usually one for each platform. A tag can point to an"
         " index; Docker then takes the manifest that fits the machine.", "index", ("indices",)),
    Term("layer", "A tar of the files that one step of a build added, changed or removed. An image is a stack of"
         " layers; a container sees them from above, as one file system.", "stack"),
    Term("manifest", "A short JSON text that lists what belongs to an image: the digest and the size of its config and"
         " of each layer. The manifest's own digest is the digest of the image.", "anatomy"),
    Term("namespace", "A feature of the Linux kernel: a process in a namespace of its own sees only its own files,"
         " process numbers or network. A container is a process with several of them.", "containers"),
    Term("OCI", "The Open Container Initiative. It publishes the standards for images, registries and running"
         " containers that Docker, podman and imagelab follow.", "anatomy"),
    Term("octal", "Written with the digits 0 to 7. A file's mode is: `0644` lets the owner read and write (6), the"
         " group read (4), and everyone else read (4).", "tar"),
    Term("platform", "The operating system and the processor that an image is for, such as `linux/amd64` or"
         " `linux/arm64`.", "index"),
    Term("registry", "A server that stores images and gives them out by name. `docker push` sends to it, `docker pull`"
         " fetches from it; Docker Hub is one.", "anatomy", ("registries",)),
    Term("scratch", "The empty image: no layers, no files, no settings. `FROM scratch` in a Dockerfile starts from"
         " nothing.", "stack", ("`scratch`",)),
    Term("SHA-256", "A function that computes 64 hex digits from any bytes. Nobody knows how to find two contents that"
         " give the same digits.", "chain"),
    Term("signal", "A number sent to a process. 15 asks it to end, and it may refuse; 9 ends it.", "containers"),
    Term("stage", "The part of a Dockerfile from one `FROM` line to the next. The last stage becomes the image; from"
         " the others only what `COPY --from` takes gets into it.", "build"),
    Term("tag", "A name for an image that can be moved to another one: `1.0` in `shop:1.0`.", "tags"),
    Term("tar", "An archive: files one after another, each behind a header of 512 bytes with its name, mode, owner,"
         " size and time.", "tar"),
    Term("volume", "A folder outside of any container, which containers can use. What is written there stays when the"
         " container is removed.", "containers"),
    Term("whiteout", "An empty file called `.wh.NAME` in a layer. It hides the file `NAME` of the layers below, whose"
         " bytes stay where they are.", "stack"),
    Term("writable layer", "The topmost layer of a container, which takes everything the container writes. It is"
         " removed with the container.", "containers"),
]  # fmt: skip
TERMS: Mapping[str, Term] = {term.name: term for term in _TERMS}


def note(name: str) -> str:
    """The note of a term, three lines of HTML for a Markdown cell: closed, it shows the word alone.

    Raises NotFound for a word that the glossary does not have.
    """
    if name not in TERMS:
        raise NotFound(f"the glossary has no term {name!r}; terms: {', '.join(TERMS)}")
    term = TERMS[name]
    picture = f'<img src="pictures/{term.picture}.svg" alt="{escape(PICTURES[term.picture])}">'
    return f'<details class="note"><summary><b>{html(name)}</b></summary>\n{html(term.text)}<br>\n{picture}</details>'


def notes(markdown: str) -> list[str]:
    """The notes in the text of a Markdown cell, as they stand there."""
    return re.findall(r'<details class="note">.*?</details>', markdown, flags=re.S)


def name_of(written: str) -> str:
    """The word that a note explains."""
    summary = re.search(r"<summary><b>(.*?)</b></summary>", written)
    return summary[1] if summary else ""


def uses(markdown: str) -> list[str]:
    """The terms that the prose of a Markdown cell uses, in order; notes, code and link targets are not prose."""
    prose = re.sub(r"<details.*?</details>|```.*?```|\]\([^)]*\)", " ", markdown, flags=re.S)
    words = re.sub(r"`[^`]*`", lambda code: "." * len(code[0]), prose)  # the same length: places stay comparable
    at = {}
    for term in _TERMS:
        first = term.pattern.search(prose if any("`" in spelling for spelling in term.spellings) else words)
        if first:
            at[term.name] = first.start()
    return sorted(at, key=lambda name: at[name])


@dataclass(frozen=True, slots=True)
class Gap:
    """A term whose first use in a lesson has no note yet, and the number of the cell that uses it, from 0."""

    term: str
    cell: int


class Reader:
    """Someone who reads the lessons in order: the terms that have been explained to them.

    `core` are the terms whose note they have met. Sections marked "more" may be skipped, so the notes in these (`more`)
    count in such sections alone.
    """

    def __init__(self) -> None:
        self.core: set[str] = set()
        self.more: set[str] = set()

    def read(self, cells: Sequence[Mapping[str, Any]]) -> list[Gap]:
        """Read a notebook; returns the terms that its prose uses before their note, which then count as explained.

        The first cell announces what the lesson is about, and needs no note. A note counts if it stands before the use,
        in the same cell, or at the head of the next cell.
        """
        missing, in_more = [], False
        for number, cell in enumerate(cells):
            if cell["cell_type"] != "markdown":
                continue
            if re.search("^## ", source(dict(cell)), flags=re.M):
                in_more = bool(cell["metadata"].get(FOLDED))
            explained = self.more if in_more else self.core
            explained |= set(map(name_of, notes(source(dict(cell)))))
            for name in uses(source(dict(cell))) if number else ():
                if name in self.core | explained | _at_the_head(cells[number + 1 :]):
                    continue
                missing.append(Gap(name, number))
                explained.add(name)
        return missing


def _at_the_head(cells: Sequence[Mapping[str, Any]]) -> set[str]:
    """The terms of the notes that the first of these cells consists of."""
    first = source(dict(cells[0])) if cells and cells[0]["cell_type"] == "markdown" else ""
    return set(map(name_of, notes(first))) if first.startswith("<details") else set()
