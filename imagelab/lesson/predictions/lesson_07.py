"""Predictions of lesson 07: common errors about registries, each with what travelled between a lab and a registry."""

from __future__ import annotations

from ..prediction import Prediction


def change() -> Prediction:
    """The myth that a push sends the image. Measured: bytes `whole` and `sent`, of the `layer`; blobs `skipped`."""
    return Prediction(
        "07.change",
        "You change the price in `/menu.txt`, 7 bytes, and push the new image to the same repository. The image is "
        "over a million bytes long. How many bytes does the push send?",
        {
            "a": "all of it again, over a million",
            "b": "7: the bytes that changed",
            "c": "one or two thousand",
        },
        answer="c",
        reasons={
            "a": "All its blobs together have {whole:,} bytes, and {sent:,} were sent. Before it sends a blob, a "
            "client asks the registry whether it has it. For {skipped} layers the answer was yes.",
            "b": "The smallest thing that travels is a blob, and the file is in a layer: {layer:,} bytes, compressed. "
            "The config lists the new diffID, and the manifest lists both, so those two are new as well: {sent:,} "
            "bytes in all.",
            "c": "{sent:,} bytes: the new layer ({layer:,}), the new config and the new manifest. The other {skipped} "
            "layers were in the registry already. All blobs together have {whole:,} bytes.",
        },
    )


def tag() -> Prediction:
    """The myth that a tag is a copy. Measured: bytes `sent`, `skipped` blobs, and the `requests` of the push."""
    return Prediction(
        "07.tag",
        "You give the image that you have pushed last one more tag, `registry.test/shop:stable`, and push that. What "
        "does the push send?",
        {
            "a": "the whole image: a new name is a new upload",
            "b": "nothing at all: the registry sees that it is the same image",
            "c": "the manifest, and nothing else",
        },
        answer="c",
        reasons={
            "a": "It sent {sent:,} bytes. All {skipped} blobs that the manifest lists were there already, and none of "
            "them contains a name.",
            "b": "A registry learns of a tag by a request that names it: `PUT …/manifests/stable`, with the manifest "
            "as its body. That is {sent:,} bytes, one of {requests} requests.",
            "c": "{sent:,} bytes, the manifest, sent to the address that ends in `/manifests/stable`. The other "
            "{skipped} blobs were there. In a registry, too, a tag is a name for a digest.",
        },
    )


def mount() -> Prediction:
    """The myth that each repository has its own copy. Measured: `mounted` blobs, bytes `sent`; `before`, `after`."""
    return Prediction(
        "07.mount",
        "A second team wants the image in its own repository, `registry.test/kitchen/shop`. You push it there. How "
        "many of its layers travel?",
        {
            "a": "all: each repository keeps its own files",
            "b": "none",
            "c": "those that changed since the first push",
        },
        answer="b",
        reasons={
            "a": "The push sent {sent:,} bytes, and {mounted} blobs were **mounted**: the client named a repository "
            "that has them, and the registry took them over. Its folder had {before:,} blobs before and has {after:,} "
            "now.",
            "b": "{mounted} blobs were **mounted** from the repository `shop`: one request for each, without a body. "
            "The push sent {sent:,} bytes. The registry keeps every blob once: {before:,} before, {after:,} now.",
            "c": "What changed does not matter, only what the registry has. It has every blob, in another repository, "
            "and the client said which: {mounted} were mounted, {sent:,} bytes were sent.",
        },
    )


def run() -> Prediction:
    """The myth that run takes the newest. Measured: `price` printed, `requests` sent for it; `pulled` price after."""
    return Prediction(
        "07.run",
        "On Monday your colleague pulled `registry.test/shop:1.0`. On Tuesday you push another image under that tag. "
        "Now she runs `docker run registry.test/shop:1.0`. Which price does her container print?",
        {
            "a": "the new one: `run` asks the registry what the tag points to",
            "b": "the old one",
            "c": "none: `run` refuses an image that is out of date",
        },
        answer="b",
        reasons={
            "a": "It printed `{price}`, and the registry's log has {requests} requests from it. A name that her "
            "machine has is not asked for again. After `docker pull` it was `{pulled}`.",
            "b": "It printed `{price}`. `run` takes the image that her machine has under this name, and asked the "
            "registry nothing: {requests} requests. Only after `docker pull` she had `{pulled}`. (`docker run "
            "--pull always` does both.)",
            "c": "Nothing on her machine knows that the tag has moved: nobody asked the registry ({requests} "
            "requests). It printed `{price}`, without a warning.",
        },
    )


def digests() -> Prediction:
    """The myth of one digest for one image. Measured: the short `id`, and digests `none`, `gzip` and `zstd`."""
    return Prediction(
        "07.digests",
        "One image is pushed three times: with its layers uncompressed, compressed by gzip, and compressed by zstd. "
        "Three people pull them. What do they have?",
        {
            "a": "one image ID and one digest: it is one image",
            "b": "one image ID and three digests",
            "c": "three image IDs and three digests: the bytes differ",
        },
        answer="b",
        reasons={
            "a": "The image ID is `{id}` for all three. The digests are `{none}`, `{gzip}` and `{zstd}`: each is the "
            "digest of a manifest, and a manifest lists the layers as they are stored, compressed.",
            "b": "The image ID, `{id}`, is of the config, and the config lists diffIDs, the digests before "
            "compression. The manifests list the compressed blobs, so there are three: `{none}`, `{gzip}`, `{zstd}`. "
            "That is why one image can have another digest in another registry.",
            "c": "The compressed bytes differ, but the config lists the layers by diffID, the digest of the tar "
            "inside. So it is the same config, and the image ID is `{id}` for all three.",
        },
    )


def secret() -> Prediction:
    """The myth that rm and privacy hide a secret. Measured: the `text` found, and the `layer`'s short digest."""
    return Prediction(
        "07.secret",
        "Step 2 of a build copies `key.txt` into the image, step 3 deletes it. The image is pushed to a private "
        "registry. Who can read the key?",
        {
            "a": "nobody: the file was deleted before the push",
            "b": "the people who run the registry: they have its disk",
            "c": "everybody who may pull the image",
        },
        answer="c",
        reasons={
            "a": "A push sends every layer, and the key is in layer `{layer}`: `{text}`. The layer on top only hides "
            "it (lesson 02).",
            "b": "They can, and so can everybody else: one `GET` request for the blob `{layer}`, as every pull makes "
            "it, gave `{text}`.",
            "c": "One request for the blob `{layer}`, the one that every `docker pull` makes, gave `{text}`. Neither "
            "the deletion nor the password of the registry protects it from those who may pull.",
        },
    )


def latest() -> Prediction:
    """The myth that latest is the newest, in a registry. Measured: its `tags`, and the `error` of the pull."""
    return Prediction(
        "07.latest",
        "The repository has the tags `1.0`, `1.1` and `stable`. Somebody writes `docker pull registry.test/shop`, "
        "without a tag. What comes?",
        {
            "a": "`1.1`, the newest",
            "b": "an error",
            "c": "all three",
        },
        answer="b",
        reasons={
            "a": "The tags are {tags}, and a registry does not know which is the newest. Docker writes `latest` where "
            "you write none, and asked for exactly that: `{error}`.",
            "b": "Docker writes `latest` where you write no tag, and nobody has pushed a tag of that name: `{error}`. "
            "The tags are {tags}.",
            "c": "`docker pull --all-tags` does that. Without a tag and without `--all-tags`, docker asks for "
            "`latest`: `{error}`.",
        },
    )


def rmi() -> Prediction:
    """The myth that rmi reaches the registry. Measured: the registry's `tags` before, and after in `left`."""
    return Prediction(
        "07.rmi",
        "You have pushed an image, and now you remove it: `docker rmi` with each of its names, until your machine no "
        "longer has it. What has the registry?",
        {
            "a": "nothing: the image was removed",
            "b": "the tags, which now point to nothing",
            "c": "everything it had",
        },
        answer="c",
        reasons={
            "a": "It had the tags {tags}, and it has {left}. `rmi` sends no request: it removes names and images from "
            "your machine.",
            "b": "Its tags are {left}, and a pull brought the image back. `rmi` sends no request to any registry.",
            "c": "It has the tags {left}, as before, and a pull brought the image back with the same ID. `rmi` works "
            "on your machine alone.",
        },
    )


def delete() -> Prediction:
    """The myth that deleting frees space, of one tag. Measured: `tags` left, bytes `before` and `after`."""
    return Prediction(
        "07.delete",
        "The tags `1.1` and `stable` point to one manifest. You delete that manifest in the registry, by its digest. "
        "What is left of the two tags, and how much room has the registry's disk gained?",
        {
            "a": "the other tag, and no room: the image is still in use",
            "b": "no tag, and no room",
            "c": "no tag, and as much room as the image took",
        },
        answer="b",
        reasons={
            "a": "Both tags pointed to that digest, and both are gone: {tags} is left. Nothing else was deleted: the "
            "blobs take {after:,} bytes, as before.",
            "b": "Both tags are gone, since they pointed to that digest; {tags} is left. The blobs stayed: {before:,} "
            "bytes before, {after:,} after. A clean-up of its own, **garbage collection**, frees them later.",
            "c": "A registry that deletes a manifest does not look for blobs that nobody needs now: {before:,} bytes "
            "before, {after:,} after. That takes a clean-up of its own, **garbage collection**: here `imagelab "
            "registry prune`, while the registry is stopped.",
        },
    )


def index() -> Prediction:
    """The myth that a tag is one image with one digest. Measured: short digests `index`, `amd`, `arm`, `shown`."""
    return Prediction(
        "07.index",
        "A tag points to an index with two manifests, for `linux/amd64` and `linux/arm64`. You pull the tag on an "
        "`amd64` machine. Which digest does `docker images --digests` show?",
        {
            "a": "the one of the manifest for `amd64`, which is the image you got",
            "b": "the one of the index",
            "c": "both, in two lines",
        },
        answer="b",
        reasons={
            "a": "It shows `{shown}`, which is the index. The manifest for `amd64` has `{amd}`. The digest is that of "
            "what the tag pointed to.",
            "b": "It shows `{shown}`, the digest that the tag points to in the registry, and that is the index. The "
            "manifests have `{amd}` and `{arm}`. Who pins this digest gets the image that fits the machine.",
            "c": "There is one line, with `{shown}`: the index. The manifest for `amd64` has `{amd}`, and `docker "
            "images` does not show it.",
        },
    )


def platform() -> Prediction:
    """The myth that --platform makes an image fit. Measured: `wanted`, and the `got` platform of the image."""
    return Prediction(
        "07.platform",
        "The tag `1.0` points to a manifest, not to an index, and its image is for `linux/amd64`. What does `docker "
        "pull --platform linux/s390x registry.test/shop:1.0` do? (Docker 20 to 28.)",
        {
            "a": "it fails: there is no image for that platform",
            "b": "it pulls the `amd64` image",
            "c": "it translates the image for the other processor",
        },
        answer="b",
        reasons={
            "a": "It succeeded. A manifest does not say its platform, only its config does, and Docker's classic store "
            "does not compare the two: the image is for `{got}`. With an index, which names platforms, it does fail.",
            "b": "You asked for `{wanted}` and have an image for `{got}`, without an error. `--platform` chooses among "
            "the entries of an index, and here there is no index. `docker inspect` shows what you have.",
            "c": "The image is for `{got}`, as it was built. An image is files, and nothing translates its programs. "
            "(A machine may run them by emulation, but that is the work of its kernel.)",
        },
    )


def size() -> Prediction:
    """The myth that SIZE is what travels. Measured: `size` as `docker images` counts it, and bytes `moved`."""
    return Prediction(
        "07.size",
        "An image holds one file, a price list of 20,000 lines. `docker images` shows its `SIZE`. How many bytes does "
        "a machine fetch that has none of its layers?",
        {
            "a": "as many",
            "b": "fewer",
            "c": "more: twice as many, for the registry and the disk",
        },
        answer="b",
        reasons={
            "a": "`SIZE` counts the files, uncompressed: {size:,} bytes. The blobs were compressed, and {moved:,} "
            "bytes came.",
            "b": "{moved:,} bytes came, compressed. `SIZE` counts the files as they are unpacked: {size:,}. How large "
            "the difference is depends on the files: text shrinks, a photo does not.",
            "c": "Each blob comes once: {moved:,} bytes, compressed. Unpacked, its files take {size:,}.",
        },
    )


PREDICTIONS = {
    "07.change": change,
    "07.tag": tag,
    "07.mount": mount,
    "07.run": run,
    "07.digests": digests,
    "07.secret": secret,
    "07.latest": latest,
    "07.rmi": rmi,
    "07.delete": delete,
    "07.index": index,
    "07.platform": platform,
    "07.size": size,
}
