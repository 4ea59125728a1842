"""The store under `kill -9` at every single step, and in a crowd of processes."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

from imagelab import Lab
from unit.crashing import VERBS, append_many, collect_garbage, die_at, furnish, load_slowly, look

pytestmark = pytest.mark.slow

PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["imagelab.lab", "unit.crashing"])

State = tuple[dict[str, str], frozenset[str]]


def run(target, *args) -> int:
    """Run in a process of its own; returns its exit code (-9 when it was killed)."""
    process = PROCESSES.Process(target=target, args=args)
    process.start()
    process.join(120)
    assert process.exitcode is not None, "it hangs"
    return process.exitcode


def state(home: Path) -> State:
    """Where each name points, and which images there are."""
    lab = Lab(home)
    images = lab.images(all=True)
    return {str(name.canonical): image.id for image in images for name in image.names}, frozenset(
        image.id for image in images
    )


@pytest.fixture(scope="module")
def furnished(tmp_path_factory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("furnished")
    furnish(folder / "home", folder / "archive.tar")
    return folder / "home", folder / "archive.tar"


@pytest.fixture(scope="module", params=VERBS)
def killed(request, furnished, tmp_path_factory) -> tuple[str, list[Path]]:
    """A verb, and the store after it was killed at its first step, at its second, … until it reached its end."""
    (home, archive), verb = furnished, request.param
    where, homes = tmp_path_factory.mktemp("killed"), []
    for step in range(1, 1_000):
        homes.append(where / str(step))
        shutil.copytree(home, homes[-1])
        code = run(die_at, homes[-1], archive, verb, step)
        assert code in (0, -signal.SIGKILL)
        if code == 0:
            assert step > 3, "the verb was never interrupted"
            return verb, homes
    pytest.fail("the verb never ends")


def test_killed_at_every_step(furnished, killed, tmp_path):
    """Whatever the moment: names point where they did or should, nothing is damaged, work goes on."""
    (home, archive), (verb, homes) = furnished, killed
    before = state(home)
    shutil.copytree(home, tmp_path / "after")
    VERBS[verb](Lab(tmp_path / "after", epoch=0), archive)
    after = state(tmp_path / "after")

    for step in homes:
        left = shutil.copytree(step, tmp_path / step.name)
        lab = Lab(left, epoch=0)
        names, images = state(left)
        for name in before[0].keys() | after[0].keys():
            assert names.get(name) in (before[0].get(name), after[0].get(name))
        assert before[1] & after[1] <= images <= before[1] | after[1]
        assert lab.verify() == []
        for image in lab.images(all=True):
            assert image.tree() is not None
        for name, id_ in names.items():
            assert lab.tag_log(name)[-1].new == lab.image(name).digest, "the log ends where the tag is"
            assert lab.image(name).id == id_

        lab.append(lab.scratch, {"afterwards": "a"}, tag="afterwards:1")  # no lock is held by the dead
        lab.rmi("afterwards:1")
        lab.gc()
        assert lab.verify() == []


def test_a_sweep_clears_what_a_kill_left(killed, tmp_path):
    """After a gc, the store holds what its images need, and nothing else."""
    for step in killed[1]:
        left = shutil.copytree(step, tmp_path / step.name)
        Lab(left).gc()
        assert leftovers(left) == []


def leftovers(home: Path) -> list[str]:
    """Temporary files, and blobs that no image has, after a gc."""
    lab = Lab(home)
    wanted = set()
    for image in lab.images(all=True):
        wanted |= {image.digest.hex, image.id.hex, *(layer.digest.hex for layer in image.layers)}
    blobs = {path.name for path in (home / "blobs" / "sha256").iterdir()} - wanted
    return sorted(blobs | {str(path) for path in (home / "tmp").rglob("*")} | {path.name for path in home.glob(".*.*")})


@contextmanager
def halfway(home: Path, archive: Path, folder: Path) -> Iterator[tuple[BaseProcess, Callable[[], None]]]:
    """A process that has loaded half an archive and waits for the rest, and a function that hands it over."""
    os.mkfifo(folder / "pipe")
    process = PROCESSES.Process(target=load_slowly, args=(home, folder / "pipe"))
    process.start()
    data = archive.read_bytes()
    with open(folder / "pipe", "wb", buffering=0) as pipe:
        pipe.write(data[: len(data) // 2])
        while not any(path.stat().st_size for path in (home / "tmp").rglob("*")) and process.is_alive():
            process.join(0.01)
        assert process.is_alive(), "it reads on as long as the pipe is open"

        def rest() -> None:
            pipe.write(data[len(data) // 2 :])
            pipe.close()

        yield process, rest
    process.join(120)


def test_killed_in_the_middle_of_a_blob(furnished, tmp_path):
    """A loader that has read half an archive is killed while it waits for more."""
    home, archive = tmp_path / "home", furnished[1]
    shutil.copytree(furnished[0], home)
    before = state(home)
    with halfway(home, archive, tmp_path) as (process, _):
        process.kill()
        process.join()
    assert state(home) == before
    lab = Lab(home)
    assert lab.verify() == []
    lab.gc()
    assert leftovers(home) == []


def test_a_sweep_in_the_middle_of_a_load(furnished, tmp_path):
    """What a living process has written so far is not swept, however often others sweep."""
    home, archive = tmp_path / "home", furnished[1]
    shutil.copytree(furnished[0], home)
    with halfway(home, archive, tmp_path) as (process, rest):
        assert run(collect_garbage, home, 3) == 0
        rest()
    assert process.exitcode == 0
    assert Lab(home).image("loaded:2").read("more") == b"m"
    assert Lab(home).verify() == []


@pytest.mark.parametrize("was_there", [False, True])
def test_a_sweep_spares_what_is_about_to_be_named(tmp_path, was_there):
    """A blob that no image has yet, new or found again, stays as long as its writer's lease, and no longer."""
    blobs = Lab(tmp_path / "home").store.blobs
    if was_there:
        blobs.put(b"content")
    with blobs.lease():
        digest = blobs.put(b"content")
        assert run(collect_garbage, tmp_path / "home", 1) == 0
        assert digest in blobs
    assert run(collect_garbage, tmp_path / "home", 1) == 0
    assert digest not in blobs


def test_many_processes_share_a_store(tmp_path):
    """Four build, one sweeps, one looks: all images are there, all moves in the log, nothing is damaged."""
    home, workers, rounds = tmp_path / "home", 4, 30
    Lab(home)
    crowd = [PROCESSES.Process(target=append_many, args=(home, number, rounds)) for number in range(workers)]
    crowd.append(PROCESSES.Process(target=collect_garbage, args=(home, 2 * rounds)))
    crowd.append(PROCESSES.Process(target=look, args=(home, 2 * rounds)))
    for process in crowd:
        process.start()
    for process in crowd:
        process.join(240)
    assert [process.exitcode for process in crowd] == [0] * len(crowd)

    lab = Lab(home)
    assert lab.verify() == []
    for worker in range(workers):
        for number in range(rounds):
            image = lab.image(f"w{worker}:{number}")
            assert len(image.layers) == number + 1
            assert image.read(f"w{worker}-{number}") == str(number).encode()
    moves = lab.tag_log("everybodys:latest")
    assert len(moves) == workers * rounds
    assert [move.old for move in moves[1:]] == [move.new for move in moves[:-1]], (
        "each move starts where the last ended"
    )
    assert moves[-1].new == lab.image("everybodys:latest").digest
    lab.gc()
    assert leftovers(home) == []


def test_many_processes_make_one_store_at_once(tmp_path):
    """The first command of thirty learners in one shared folder: the folder is laid out once."""
    crowd = [PROCESSES.Process(target=append_many, args=(tmp_path / "new", number, 1)) for number in range(8)]
    for process in crowd:
        process.start()
    for process in crowd:
        process.join(120)
    assert [process.exitcode for process in crowd] == [0] * len(crowd)
    assert len(state(tmp_path / "new")[0]) == 9
