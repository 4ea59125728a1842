"""`kill -9` of a client in the middle of a push or pull: nothing half stays, and what came need not come again."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from contextlib import suppress

import pytest

from imagelab import Lab

KILLS = int(os.environ.get("IMAGELAB_KILLS", "6"))
LAYERS, SIZE = 4, 1_500_000
# Says "ready" when all is imported, and "half" when half of a layer has moved; then, if it should, it hangs.
CLIENT = """
import signal, sys
from imagelab import Lab
from imagelab.registry import verbs

verb, home, name, hangs = sys.argv[1:]
lab = Lab(home, epoch=0)
print("ready", flush=True)

def report(progress):
    if progress.state == "moving" and progress.done > progress.total / 2 and hangs == "hangs":
        print("half", flush=True)
        signal.pause()

getattr(lab, verb)(name, report=report)
"""


def client(verb: str, lab: Lab, name: str, hangs: str = "") -> subprocess.Popen[bytes]:
    """A process that pushes or pulls; it has said "ready"."""
    command = [sys.executable, "-c", CLIENT, verb, str(lab.home), name, hangs]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert process.stdout is not None and process.stdout.readline() == b"ready\n"
    return process


def kill(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.communicate()


def leftovers(lab: Lab) -> list[str]:
    """What lies in the folders of unfinished work."""
    folders = [lab.home / "tmp", lab.home / "cache" / "pull"]
    return [path.name for folder in folders if folder.is_dir() for path in folder.iterdir()]


@pytest.fixture
def noise(lab, registry) -> str:
    """The name of an image that cannot be compressed, not pushed yet."""
    image = lab.scratch
    for number in range(LAYERS):
        image = lab.append(image, {f"layer{number}": os.urandom(SIZE)})
    name = f"{registry.address}/noise:1"
    lab.tag(image, name)
    return name


def test_what_came_of_a_layer_need_not_come_again_after_a_kill(lab, other, registry):
    name = f"{registry.address}/big:1"
    lab.append(None, {"big": os.urandom(8 * SIZE)}, name)
    layer = lab.push(name).blobs[0]
    for killed in range(1, 3):
        process = client("pull", other, name, "hangs")
        assert process.stdout is not None and process.stdout.readline() == b"half\n"
        kill(process)
        assert other.images() == [] and other.verify() == []
        assert len(leftovers(other)) == killed
    received = other.pull(name)
    fetched = [one for one in received.requests if one.path.endswith(layer.digest)]
    assert [one.status for one in fetched] == [206] and 0 < fetched[0].received < layer.size / 2
    assert other.verify() == [] and received.image.id == lab.image(name).id
    other.gc()
    assert leftovers(other) == []


def test_gc_takes_what_a_killed_pull_left(lab, other, registry):
    name = f"{registry.address}/big:1"
    lab.append(None, {"big": os.urandom(SIZE)}, name)
    lab.push(name)
    process = client("pull", other, name, "hangs")
    assert process.stdout is not None and process.stdout.readline() == b"half\n"
    kill(process)
    assert leftovers(other) != []
    other.gc()
    assert leftovers(other) == [] and other.images() == []


@pytest.mark.parametrize("verb", ["push", "pull"])
def test_killed_at_random_moments_both_sides_are_whole(lab, other, registry, noise, verb):
    """Each moment is later or earlier than the last one, as the client had ended before it or not."""
    chance = random.Random(11)
    lab.tag(noise, f"{noise}-whole")
    lab.push(f"{noise}-whole")
    late = 1.0
    for round_ in range(KILLS):
        if verb == "push":
            name = f"{registry.address}/noise{round_}:1"
            lab.tag(lab.append(noise, {"more": os.urandom(SIZE)}), name)
        else:
            name, other = f"{noise}-whole", other if not other.images() else Lab.temporary(current=False)
        side = lab if verb == "push" else other
        process = client(verb, side, name)
        with suppress(subprocess.TimeoutExpired):
            process.wait(chance.uniform(0, late))
        late *= 0.8 if process.returncode == 0 else 1.1
        kill(process)
        assert side.verify() == [] and registry.images.verify() == []
        assert {image.id for image in other.images()} <= {lab.image(noise).id}
        for repository, tags in registry.tags().items():
            assert set(tags) <= {"1", "1-whole"} and registry.images.repository(repository).exists()
    if verb == "push":
        for round_ in range(KILLS):
            lab.push(f"{registry.address}/noise{round_}:1")
            assert registry.tags()[f"noise{round_}"]
    else:
        assert other.pull(f"{noise}-whole").image.id == lab.image(noise).id
    lab.gc(), other.gc()
    assert leftovers(lab) == leftovers(other) == []
    assert lab.verify() == other.verify() == registry.images.verify() == []
