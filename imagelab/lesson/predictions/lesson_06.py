"""Predictions of lesson 06: common errors about containers, each with what a container did."""

from __future__ import annotations

from ..prediction import Prediction


def process() -> Prediction:
    """The myth of the small virtual machine. Measured: its first `line`, its exit `code`, `number` of the signal."""
    return Prediction(
        "06.process",
        "`left` runs. What is it, seen from your machine?",
        {
            "a": "a small virtual machine, with a system of its own in it",
            "b": "a process, as your browser is one",
            "c": "nothing yet: it is files, until somebody runs a command in it",
        },
        answer="b",
        reasons={
            "a": "Your machine's own `kill` reached it by a process number, and it ended with exit code {code}. The "
            "processes of a virtual machine have numbers of their own inside, and no `kill` from outside finds them.",
            "b": "Your system knew a process of that number. Signal {number} to that number ended it, and the "
            "container says {code}, which is 128 + {number}. No machine was switched off.",
            "c": "It had printed `{line}` before you typed anything into it. That was the image's own command, run as "
            "a process.",
        },
    )


def edit() -> Prediction:
    """The myth that edits reach the image. Measured: what `left`, `right`, `image`, `third` read; `own` bytes, `id`."""
    return Prediction(
        "06.edit",
        "In `left`, the menu says `soup 5` now. Who else reads the new price?",
        {
            "a": "everybody: it is the image's file, so `right` and the image have it too",
            "b": "nobody",
            "c": "every container that is made from now on",
        },
        answer="b",
        reasons={
            "a": "`right` reads `{right}`, and so does the image: `{image}`. The image ID was computed again, and is "
            "`{id}` as before. An image cannot change: with other bytes it would be a different image.",
            "b": "`left` reads `{left}`, `right` reads `{right}`, and the image still has ID `{id}`. The new price is "
            "in the writable layer of `left`, {own} bytes of it, and nowhere else.",
            "c": "`third` was made after the change, and reads `{third}`. A new container begins with what the image "
            "has, and the image does not have the new price.",
        },
    )


def stop() -> Prediction:
    """The myth that a restart loses data. Measured: the file `before` and `after`, and how many `paths` in between."""
    return Prediction(
        "06.stop",
        "`left` has written orders into `/orders.txt`. Now it is stopped, and then started again. What does the file "
        "say?",
        {
            "a": "it is gone: a container starts clean",
            "b": "what it said before",
            "c": "it is gone, unless the container was committed in time",
        },
        answer="b",
        reasons={
            "a": "Before: `{before}`. After: `{after}`. While it was stopped, `docker diff` listed {paths} paths. A "
            "start gives it a new process, and the files that it had.",
            "b": "`{after}`, as before. The process is a new one, with a new number; the writable layer "
            "is the same, and lay on the disk all the time, {paths} paths of it.",
            "c": "Nothing was committed: no image was made between the stop and the start. Before `{before}`, after "
            "`{after}`. A commit makes an image; a container keeps its files without one.",
        },
    )


def tag() -> Prediction:
    """The myth that a moved tag updates containers. Measured: `now` and `again` read, short IDs `held` and `leads`."""
    return Prediction(
        "06.tag",
        "`right` was made from `shop:1.0`, and runs. You move the tag `shop:1.0` to the new image. Which menu does "
        "`right` have?",
        {
            "a": "the new one, at once",
            "b": "the old one, until it is stopped and started",
            "c": "the old one, for as long as it exists",
        },
        answer="c",
        reasons={
            "a": "`shop:1.0` leads to `{leads}`, and `right` reads `{now}`: it is a container of image `{held}`. The "
            "name was looked up once, when the container was made.",
            "b": "After a stop and a start it read `{again}`. A start asks no tag: the container has the ID of its "
            "image, `{held}`.",
            "c": "`{now}` when the tag had moved, `{again}` after a stop and a start. It keeps image `{held}`; the tag "
            "leads to `{leads}`. Whoever wants the new menu makes a new container.",
        },
    )


def rm() -> Prediction:
    """What goes with rm. Measured: `paths` of the new one's diff, short IDs `old` and `new`."""
    return Prediction(
        "06.rm",
        "`left` is stopped and removed, and a new container called `left` is run from the same image. What does "
        "`/orders.txt` say in it?",
        {
            "a": "what it said before: the name is the same",
            "b": "there is no such file",
            "c": "what it said before: the image has it by now",
        },
        answer="b",
        reasons={
            "a": "The old one was `{old}`, the new one is `{new}`. A name is a label here too; the files belonged to "
            "the container that is gone.",
            "b": "The new `left` has a new ID, `{new}`, and its diff lists {paths} paths. With `{old}` went its "
            "writable layer, and the orders in it.",
            "c": "A container writes nothing into its image; you have seen its ID stay. The new `left` began with what "
            "the image has, and its diff lists {paths} paths.",
        },
    )


def volume() -> Prediction:
    """What keeps data. Measured: what another container has `read`, and the number of `files` in the image's /data."""
    return Prediction(
        "06.volume",
        "`till` mounts the volume `orders` at `/data` and writes an order into it. You commit `till` as `shop:3.0` and "
        "remove it with `docker rm -v`. Where is the order now?",
        {
            "a": "nowhere: `-v` has removed the volume with the container",
            "b": "in the volume: whichever container mounts it next reads it",
            "c": "in `shop:3.0`: a commit takes every change",
        },
        answer="b",
        reasons={
            "a": "`kitchen` was made after that, and reads `{read}`. `docker rm -v` removes only volumes without a "
            "name; one with a name stays until `docker volume rm`.",
            "b": "`kitchen` mounts the volume at another path, and reads `{read}`. The volume belongs to no container "
            "and to no image.",
            "c": "`shop:3.0` has {files} files in `/data`. A commit packs the writable layer, and what is mounted lies "
            "outside of it; `docker diff`, `export` and `save` leave it out too.",
        },
    )


PREDICTIONS = {
    "06.process": process, "06.edit": edit, "06.stop": stop, "06.rm": rm, "06.tag": tag, "06.volume": volume,
}  # fmt: skip
