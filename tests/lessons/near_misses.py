"""Near misses: a solved exercise with one of its conditions broken, in each way that a learner might do it.

`breaks(condition, task)` gives, for a condition of a solved exercise, functions that break it by a name each. What they
do is done through the lab, as a learner would, or to the bytes on its disk.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import singledispatch
from random import Random
from typing import Any

from imagelab import Entry, Lab
from imagelab.errors import LabError
from imagelab.lesson.exercise import Exercise
from imagelab.lesson.goals import builds, containers, digests, files, goal, registries
from imagelab.oci import mutate
from imagelab.oci.image import Image
from imagelab.oci.layer import Layer
from imagelab.oci.reference import Reference

Break = tuple[str, Callable[[], Any]]
OTHER = {"nearly.txt": "nearly\n"}
JOINED = "cat /name.txt"


@singledispatch
def breaks(condition: goal.Condition, task: Exercise) -> Iterator[Break]:
    raise NotImplementedError(f"no near miss is known for {type(condition).__name__}")


# Images ---------------------------------------------------------------------------------------------------------------


def gone(condition: goal.Condition, task: Exercise) -> Break:
    return "there is no image of that name", lambda: task.lab.rmi(condition.name, force=True)


def tagged(condition: goal.Condition, task: Exercise, image: Image) -> Any:
    return task.lab.tag(task.lab.add(image), condition.name)


def stacked(lab: Lab, image: Image, layers: Sequence[Layer]) -> Image:
    """An image of these layers, as they are, with another image's settings."""
    new = lab.scratch
    for layer in layers:
        new = new.stack(layer, "near miss")
    return configured(new, image)


def configured(image: Image, like: Image, **settings: Any) -> Image:
    return image.with_config(None, **{**(like.config.get("config") or {}), **settings})


def topped(lab: Lab, image: Image, content: dict[str, Any], without: Sequence[str] = ()) -> Image:
    """The image with its last layer made anew: `content` in it as well, and not what it has at `without`."""
    top = image.layers[-1].changes()
    kept = {path: entry for path, entry in top.entries.items() if path not in without}
    below = stacked(lab, image, image.layers[:-1])
    added = below.append(replace(top, entries=kept), "near miss")
    merged = {**{path: entry for path, entry in kept.items() if entry.kind != "dir"}, **content}
    merged |= dict.fromkeys(top.removed - set(content))
    return configured(below.append(merged, "near miss") if content else added, image)


@breaks.register
def _(condition: goal.Exists, task: Exercise) -> Iterator[Break]:
    repository, _, tag = condition.name.partition(":")

    def elsewhere(name: str) -> None:
        task.lab.tag(condition.name, name)
        task.lab.rmi(condition.name)

    yield gone(condition, task)
    yield "its tag is latest", lambda: elsewhere(repository)
    yield "its tag is nearly that one", lambda: elsewhere(f"{repository}:{tag}.0")
    yield "its repository is nearly that one", lambda: elsewhere(f"{repository}s:{tag}")


@breaks.register
def _(condition: goal.Layers, task: Exercise) -> Iterator[Break]:
    lab, image = task.lab, task.lab.image(condition.name)
    yield gone(condition, task)
    yield "one layer more", lambda: tagged(condition, task, image.append({"extra/": ""}))
    yield "an empty layer more", lambda: tagged(condition, task, image.stack(image.layers[-1]))
    yield "one layer less", lambda: tagged(condition, task, stacked(lab, image, image.layers[:-1]))


@breaks.register
def _(condition: goal.HasFile, task: Exercise) -> Iterator[Break]:
    lab, image, path = task.lab, task.lab.image(condition.name), condition.path
    yield "it is empty", lambda: tagged(condition, task, topped(lab, image, {path: ""}))
    yield "it is blank", lambda: tagged(condition, task, topped(lab, image, {path: " \n"}))
    yield "it is a directory", lambda: tagged(condition, task, topped(lab, image, {f"{path}/": ""}, [path]))
    yield (
        "it is elsewhere",
        lambda: tagged(condition, task, topped(lab, image, {f"home/{path}": image.read(path)}, [path])),
    )


@breaks.register
def _(condition: goal.OnlyFile, task: Exercise) -> Iterator[Break]:
    lab, image = task.lab, task.lab.image(condition.name)
    yield "another beside it", lambda: tagged(condition, task, topped(lab, image, OTHER))
    yield "the Dockerfile too", lambda: tagged(condition, task, topped(lab, image, {"Dockerfile": "FROM scratch\n"}))


@breaks.register
def _(condition: goal.NoFile, task: Exercise) -> Iterator[Break]:
    lab, image, path = task.lab, task.lab.image(condition.name), condition.path
    yield "it is empty", lambda: tagged(condition, task, topped(lab, image, {path: ""}))
    yield "it is a directory", lambda: tagged(condition, task, topped(lab, image, {f"{path}/": ""}))
    yield "it is there", lambda: tagged(condition, task, topped(lab, image, {path: "call the bank\n"}))
    yield "it is a link", lambda: tagged(condition, task, topped(lab, image, {path: Entry.symlink("shop.py")}))


@breaks.register
def _(condition: goal.Command, task: Exercise) -> Iterator[Break]:
    image, words = task.lab.image(condition.name), [*condition.words]
    for label, settings in {
        "none": {"Cmd": None},
        "one text": {"Cmd": [" ".join(words)]},
        "a shell's": {"Cmd": ["/bin/sh", "-c", " ".join(words)]},
        "one word more": {"Cmd": [*words, "-n"]},
        "one word less": {"Cmd": words[:-1]},
        "without the slash": {"Cmd": [*words[:-1], words[-1].lstrip("/")]},
        "an entry point before it": {"Entrypoint": ["/bin/sh"]},
    }.items():
        yield label, lambda settings=settings: tagged(condition, task, image.with_config(**settings))


@breaks.register
def _(condition: goal.Variable, task: Exercise) -> Iterator[Break]:
    image = task.lab.image(condition.name)
    lines = image.config["config"]["Env"]
    own = f"{condition.variable}={condition.value}"
    others = [line for line in lines if line != own]
    for label, changed in {
        "not set": others,
        "only named": [*others, condition.variable],
        "another value": [*others, f"{own}0"],
        "a space too much": [*others, f"{condition.variable} = {condition.value}"],
        "in small letters": [*others, own.lower()] if own.lower() != own else others,
        "set again": [*lines, f"{condition.variable}=80"],
    }.items():
        yield label, lambda changed=changed: tagged(condition, task, image.with_config(Env=changed))


@breaks.register
def _(condition: goal.BuiltOn, task: Exercise) -> Iterator[Break]:
    lab, image = task.lab, task.lab.image(condition.name)
    yield gone(condition, task)
    if len(image.layers) > 1:
        yield "all in one layer", lambda: tagged(condition, task, image.flatten())
    first = next((place for place in mutate.files(image) if place.layer == 1), None)
    assert first, "the base has a file"
    yield "its first layer is made anew", lambda: tagged(condition, task, mutate.mode(image, first, 0o700))
    if condition.more is not None:
        yield "one layer more", lambda: tagged(condition, task, image.append(OTHER))
        yield (
            "the base's name has moved with it",
            lambda: (tagged(condition, task, moved := image.append(OTHER)), lab.tag(lab.add(moved), condition.base)),
        )
    if condition.more:
        yield "one layer less", lambda: tagged(condition, task, stacked(lab, image, image.layers[:-1]))
    else:
        below = image.layers[: len(condition.below) - 1]
        yield "a layer of the base less", lambda: tagged(condition, task, stacked(lab, image, below))


@breaks.register
def _(condition: goal.PointsTo, task: Exercise) -> Iterator[Break]:
    lab, image = task.lab, task.lab.image(condition.name)
    yield gone(condition, task)
    others = [other for other in lab.images(all=True) if other.digest != image.digest]
    for number, other in enumerate(others, 1):
        yield f"it points to other image {number}", lambda other=other: lab.tag(other, condition.name)
    try:
        same_id = mutate.compressed(image)
    except LabError:  # its layers are compressed already
        return
    if same_id != image:  # one that came from a registry is compressed already
        yield "another manifest of the same image ID", lambda: tagged(condition, task, same_id)
    yield "the same layers under another config", lambda: tagged(condition, task, image.with_config(Labels={"a": "b"}))


@breaks.register
def _(condition: goal.Unmoved, task: Exercise) -> Iterator[Break]:
    lab = task.lab
    for name, digest in condition.tags:
        yield f"{name.familiar} is gone", lambda name=name: lab.rmi(name.familiar)
        other = next(image for image in lab.images(all=True) if image.digest != digest)
        yield f"{name.familiar} has moved", lambda name=name, other=other: lab.tag(other, name.familiar)


@breaks.register
def _(condition: goal.HoldsLayer, task: Exercise) -> Iterator[Break]:
    image = task.lab.image(condition.name)
    place = mutate.files(image)[0]
    yield "one mode in it differs", lambda: tagged(condition, task, mutate.mode(image, place, 0o640))
    yield "one byte in it differs", lambda: tagged(condition, task, mutate.byte(image, place, 0, ord("S")))


# Files ----------------------------------------------------------------------------------------------------------------


@breaks.register
def _(condition: files.FileText, task: Exercise) -> Iterator[Break]:
    lab, path, text = task.lab, condition.path, condition.text
    yield gone(condition, task)
    for label, changed in {
        "empty": "",
        "with the name before it": f"TOKEN={text}",
        "one letter more": f"{text}0",
        "one letter less": text[:-1],
        "in capitals": text.upper(),
        "twice": f"{text}\n{text}\n",
        "the word that covers it": "changeme",
    }.items():
        yield label, lambda changed=changed: lab.append(None, {path: changed}, tag=condition.name)
    yield "in another file", lambda: lab.append(None, {f"app/{path}": text}, tag=condition.name)


@breaks.register
def _(condition: files.SameFiles, task: Exercise) -> Iterator[Break]:
    lab, image = task.lab, task.lab.image(condition.name)
    yield "one file more", lambda: tagged(condition, task, topped(lab, image, OTHER))
    tree = image.tree()
    for path, entry in tree.items():
        if entry.kind != "file" or path == condition.without:
            continue
        changed = Entry.file(entry.read() + b"\n", entry.mode, uid=entry.uid, gid=entry.gid, mtime=entry.mtime)
        for label, content in {
            "has another mode": replace(entry, mode=entry.mode ^ 0o044),
            "has another owner": replace(entry, uid=entry.uid + 1),
            "is longer": changed,
            "is gone": None,
        }.items():
            yield f"{path} {label}", lambda path=path, content=content: topped_or_above(condition, task, path, content)


def topped_or_above(condition: goal.Condition, task: Exercise, path: str, content: Entry | None) -> Any:
    """Change or remove a file: in the image's last layer if that holds it, or else in one more layer."""
    image = task.lab.image(condition.name)
    if content is not None and path in image.layers[-1].changes().entries:
        return tagged(condition, task, topped(task.lab, image, {path: content}))
    return tagged(condition, task, configured(image.append({path: content}), image))


@breaks.register
def _(condition: files.KeepsFiles, task: Exercise) -> Iterator[Break]:
    tree = task.lab.image(condition.name).tree()
    for path, _ in condition.files:
        entry = tree[path]
        for label, content in {
            "has another mode": replace(entry, mode=0o600),
            "has another text": Entry.file(b"?" * entry.size, entry.mode, mtime=entry.mtime),
            "is empty": Entry.file(b"", entry.mode, mtime=entry.mtime),
            "is gone": None,
        }.items():
            yield f"{path} {label}", lambda path=path, content=content: topped_or_above(condition, task, path, content)


@breaks.register
def _(condition: files.NoWaste, task: Exercise) -> Iterator[Break]:
    lab, image = task.lab, task.lab.image(condition.name)
    place = mutate.files(image)[-1]
    again = {place.path: image.tree()[place.path]}
    yield "a file is there twice", lambda: tagged(condition, task, image.append(again))
    yield (
        "a file is deleted again",
        lambda: tagged(condition, task, image.append({"tmp.zip": "zip"}).append({"tmp.zip": None})),
    )
    yield "it is the image that it was to be made from", lambda: lab.tag("album:1.0", condition.name)


@breaks.register
def _(condition: files.Shares, task: Exercise) -> Iterator[Break]:
    lab, image, sharer = task.lab, task.lab.image(condition.name), task.lab.image(condition.sharer)
    yield "the other is gone", lambda: lab.rmi(condition.sharer)
    yield "all in one layer", lambda: tagged(condition, task, image.flatten())
    yield "the other in one layer", lambda: lab.tag(sharer.flatten(), condition.sharer)
    upside_down = [image.layers[0], *reversed(image.layers[1:])]
    yield "the layers in another order", lambda: tagged(condition, task, stacked(lab, image, upside_down))
    library = next(place for place in mutate.files(image) if place.size > 100_000)
    yield "one byte of it differs", lambda: tagged(condition, task, mutate.byte(image, library, 0, 0))


@breaks.register
def _(condition: files.FolderFile, task: Exercise) -> Iterator[Break]:
    path = condition.folder / condition.path
    content = path.read_bytes()
    yield "gone", path.unlink
    yield "empty", lambda: path.write_bytes(b"")
    yield "one byte longer", lambda: path.write_bytes(content + b"\n")
    yield "renamed", lambda: path.rename(path.with_suffix(".moved"))
    yield "a directory", lambda: (path.unlink(), path.mkdir())


# Digests --------------------------------------------------------------------------------------------------------------


@breaks.register
def _(condition: digests.Differs, task: Exercise) -> Iterator[Break]:
    base = task.lab.image(condition.base)
    yield "it is the other image", lambda: task.lab.tag(base, condition.name)
    if condition.identifier != "image ID":
        yield "another config on the same layer", lambda: tagged(condition, task, base.with_config(Labels={"a": "b"}))
        yield "the same layer, compressed", lambda: tagged(condition, task, mutate.compressed(base))


@breaks.register
def _(condition: digests.SameBytes, task: Exercise) -> Iterator[Break]:
    image = task.lab.image(condition.name)
    place = mutate.find(image, condition.path)
    yield gone(condition, task)
    yield "one byte differs", lambda: tagged(condition, task, mutate.byte(image, place, 0, ord("S")))
    for label, content in {"one byte more": condition.content + b"\n", "empty": b""}.items():
        yield label, lambda content=content: task.lab.append(None, {condition.path: content}, tag=condition.name)
    yield (
        "under another name",
        lambda: task.lab.append(None, {f"x{condition.path}": condition.content}, tag=condition.name),
    )


@breaks.register
def _(condition: digests.Intact, task: Exercise) -> Iterator[Break]:
    image = task.lab.image(condition.name)

    def flip(digest: str, at: int) -> None:
        path = task.lab.store.blobs.path(digest)
        data = bytearray(path.read_bytes())
        data[at] ^= 1
        path.write_bytes(data)

    for number, layer in enumerate(image.layers, 1):
        yield f"a byte of layer {number} is flipped", lambda layer=layer: flip(layer.digest, 600)
        yield f"the last byte of layer {number} is flipped", lambda layer=layer: flip(layer.digest, -1)


# Builds ---------------------------------------------------------------------------------------------------------------


@breaks.register
def _(condition: builds.MadeBefore, task: Exercise) -> Iterator[Break]:
    lab, image = task.lab, task.lab.image(condition.name)
    tree = image.tree()
    made, later = {condition.made: tree[condition.made]}, {condition.later: tree[condition.later]}
    below = stacked(lab, image, image.layers[:2])  # lab/shell and WORKDIR, both without the files

    def named(*contents: dict[str, Any]) -> None:
        new = below
        for content in contents:
            new = new.append(content)
        tagged(condition, task, configured(new, image))

    yield "the other way round", lambda: named(later, made)
    yield "in one layer", lambda: named({**made, **later})
    yield "made again afterwards", lambda: named(made, later, made)
    yield "the other one below it too, and deleted", lambda: named(later, {condition.later: None}, made, later)
    yield (
        "the other one's bytes below it, under another name",
        lambda: named({"tmp/prices": tree[condition.later].read()}, made, later),
    )
    yield "not made", lambda: named(later)


@breaks.register
def _(condition: builds.InNoLayer, task: Exercise) -> Iterator[Break]:
    image, path, content = task.lab.image(condition.name), condition.path, condition.content
    for label, where in {"": path, " under another name": "app/settings.env", " elsewhere": "tmp/secret.env"}.items():
        hidden = {where: content}
        yield f"deleted again{label}", lambda hidden=hidden: tagged(
            condition, task, image.append(hidden).append(dict.fromkeys(hidden))
        )  # fmt: skip
    yield "covered by an empty file", lambda: tagged(
        condition, task, image.append({path: content}).append({path: ""})
    )  # fmt: skip


@breaks.register
def _(condition: builds.SameInstructions, task: Exercise) -> Iterator[Break]:
    lab, folder = task.lab, task.folder

    def built(text: str) -> None:
        other = folder.parent / f"{folder.name}-Dockerfile"
        other.write_text(text)
        try:
            lab.build(folder, condition.name, dockerfile=other)
        finally:
            other.unlink()

    dockerfile = (folder / "Dockerfile").read_text()
    yield "COPY names the file", lambda: built(dockerfile.replace("COPY . .", "COPY prices.csv ."))
    yield "one instruction more", lambda: built(f"{dockerfile}LABEL a=b\n")
    yield "one RUN more", lambda: built(f"{dockerfile}RUN rm -f secret.env\n")


# Containers -----------------------------------------------------------------------------------------------------------


def executed(task: Exercise, name: str, command: str) -> None:
    assert task.lab.container(name).exec("sh", "-c", command) == 0


def renewed(task: Exercise, name: str, image: str | Image = "shop:1.0") -> None:
    task.lab.container(name).remove(force=True)
    task.lab.run(image, name=name, detach=True)


@breaks.register
def _(condition: containers.Runs, task: Exercise) -> Iterator[Break]:
    name = condition.name
    yield "it was killed", lambda: task.lab.container(name).kill()
    yield "it was stopped", lambda: task.lab.container(name).stop(0)
    yield "it is gone", lambda: task.lab.container(name).remove(force=True)


@breaks.register
def _(condition: containers.MadeFrom, task: Exercise) -> Iterator[Break]:
    def other() -> Image:
        return task.lab.image("shop:1.0").with_config(Labels={"a": "b"})

    yield "of another image with the same files", lambda: renewed(task, condition.name, other())


@breaks.register
def _(condition: containers.SameContainer, task: Exercise) -> Iterator[Break]:
    name, lab = condition.name, task.lab
    if condition.replaced:
        return  # the old one cannot come back: the mistakes of the exercise keep it

    def copied() -> None:
        content = lab.container(name).read("/orders.txt")
        renewed(task, name)
        (task.folder / "copy.txt").write_bytes(content)
        lab.container(name).copy_in(task.folder / "copy.txt", "/orders.txt")

    yield "a new one with the same file", copied
    yield "it is gone", lambda: lab.container(name).remove(force=True)


@breaks.register
def _(condition: containers.NothingChanged, task: Exercise) -> Iterator[Break]:
    yield "a file was added", lambda: executed(task, condition.name, "echo hi > /nearly")
    yield "a file was deleted", lambda: executed(task, condition.name, "rm /menu.txt")
    yield "a file was written again", lambda: executed(task, condition.name, "echo soup 4 > /menu.txt")


@breaks.register
def _(condition: containers.Wrote, task: Exercise) -> Iterator[Break]:
    name, path = condition.name, condition.path
    original = condition.original.decode().strip()

    def then_committed(command: str) -> None:
        executed(task, name, command)
        task.lab.container(name).commit("shop:busy")

    yield "the old text again", lambda: then_committed(f"echo {original} > {path}")
    yield "an empty file", lambda: then_committed(f": > {path}")
    yield "it was deleted", lambda: executed(task, name, f"rm {path}")
    yield "another file was written", lambda: (renewed(task, name), executed(task, name, "echo soup 5 > /menu"))


@breaks.register
def _(condition: containers.KeepsFile, task: Exercise) -> Iterator[Break]:
    yield "one line more", lambda: executed(task, condition.name, f"echo more >> {condition.path}")
    yield "empty", lambda: executed(task, condition.name, f": > {condition.path}")
    yield "gone", lambda: executed(task, condition.name, f"rm {condition.path}")


@breaks.register
def _(condition: containers.SameFileAsContainer, task: Exercise) -> Iterator[Break]:
    lab, path = task.lab, condition.path
    yield gone(condition, task)
    yield "written after the commit", lambda: executed(task, condition.container, f"echo soup 6 > {path}")
    yield "an image of another menu", lambda: lab.append("shop:1.0", {path: "soup 7\n"}, tag=condition.name)
    yield "the container is gone", lambda: lab.container(condition.container).remove(force=True)


# Registries -----------------------------------------------------------------------------------------------------------


@breaks.register
def _(condition: registries.Published, task: Exercise) -> Iterator[Break]:
    """Break the image under its name in the lab, and push that; what is only in the lab changes nothing."""
    name, lab = condition.name, task.lab
    yield untagged(condition)
    for label, broken in breaks(condition.inner, there(condition, task)):
        if label == gone(condition, task)[0]:
            continue

        def pushed(broken: Callable[[], Any] = broken) -> None:
            broken()
            lab.push(name)

        yield f"{label}, and it was pushed", pushed


def there(condition: registries.Published | registries.Fetches, task: Exercise) -> Exercise:
    """The exercise, with the image that the registry has in the lab as well."""
    task.lab.pull(condition.name)
    return task


def untagged(condition: registries.Published | registries.Fetches) -> Break:
    reference = Reference.parse(condition.name)
    repository = condition.registry.repository(reference.path)
    return "the registry has no such tag", lambda: repository.remove(str(reference.tag))


@breaks.register
def _(condition: registries.Fetches, task: Exercise) -> Iterator[Break]:
    name, lab = condition.name, task.lab
    image = there(condition, task).lab.image(name)
    yield untagged(condition)

    def published(changed: Image) -> None:
        tagged(condition, task, changed)
        lab.push(name)

    yield "all in one layer", lambda: published(image.flatten())
    yield "large files more", lambda: published(image.append({"more.jpg": Random(1).randbytes(condition.most)}))
    yield (
        "a large file more, which is deleted again",
        lambda: published(image.append({"more.jpg": Random(1).randbytes(condition.most)}).append({"more.jpg": None})),
    )
