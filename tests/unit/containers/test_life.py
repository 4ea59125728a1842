"""A container's life: created, running, exited, removed; and what of it everybody else can rely on."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from imagelab import Entry
from imagelab.errors import Conflict, LabError, NotFound
from imagelab.runtime.program import CannotStart
from unit.containers.conftest import Said, exists, started

# From birth to death ---------------------------------------------------------------------------------------------


def test_it_is_created_runs_and_ends_with_its_programs_exit_code(lab, base):
    made = lab.create(base, "sh", "-c", "echo out; echo err >&2; exit 7", name="web")
    assert (made.status, made.pid, made.exit_code) == ("created", None, 0)
    said = Said()
    made.start(output=said)
    assert (made.status, made.pid, made.exit_code) == ("exited", None, 7)
    assert (said.on("stdout"), said.on("stderr")) == ("out\n", "err\n")
    assert [(line.stream, line.text) for line in made.log()] == [("stdout", "out\n"), ("stderr", "err\n")]
    assert made.state.started < made.state.finished


def test_a_running_one_is_a_process_of_this_machine(lab, base):
    web = started(lab, base)
    assert web.status == "running"
    assert exists(web.pid)
    pid = web.pid
    web.kill()
    assert (web.status, web.exit_code, exists(pid)) == ("exited", 137, False)


def test_one_that_does_not_run_has_no_pid_to_signal(lab, base):
    """0 would be one: `os.kill` takes it for the process group of who calls, a notebook's kernel."""
    ended = lab.run(base, "true")
    for one in (lab.create(base, "true"), ended, lab.container(ended.id)):
        with pytest.raises(TypeError):
            os.kill(one.pid, 0)
    state = ended.root.with_name("state.json")
    state.write_text(state.read_text().replace('"pid": null', '"pid": 0'))  # as an older imagelab wrote it
    assert lab.container(ended.id).pid is None and lab.container(ended.id).exit_code == 0


def test_stop_asks_first_and_kills_after_the_grace(lab, base):
    web = started(lab, base)
    web.stop(timeout=0.2)  # the first process of a container ignores what it does not handle, as under docker
    assert (web.status, web.exit_code) == ("exited", 137)
    assert web.stop() is web  # once more does nothing


def test_what_it_wrote_outlives_stop_and_start_but_not_remove(lab, base):
    before = {digest: lab.store.blobs.read(digest) for digest in lab.store.blobs}
    web = lab.run(base, "sh", "-c", "echo x >> /data; cat /data", name="web")
    web.start(wait=True)
    assert web.logs() == "x\nx\nx\n"
    assert web.diff() == [("A", "/data")]
    web.remove()
    with pytest.raises(NotFound, match="No such container: web"):
        web.start()
    again = lab.run(base, "sh", "-c", "cat /data", name="web")
    assert "No such file" in again.logs()
    assert {digest: lab.store.blobs.read(digest) for digest in lab.store.blobs} == before  # the image never changes
    assert lab.verify() == []


def test_two_of_one_image_know_nothing_of_each_other(lab, base):
    one, other = started(lab, base, name="one"), started(lab, base, name="other")
    one.exec("sh", "-c", "echo 1 > /mine; rm /etc/group")
    other.exec("sh", "-c", "echo 2 > /mine")
    assert one.diff() == [("C", "/etc"), ("D", "/etc/group"), ("A", "/mine")]
    assert other.diff() == [("A", "/mine")]
    assert lab.image(base).read("etc/group")


def test_commit_makes_exactly_the_writable_layer(lab, base):
    made = lab.run(base, "sh", "-c", "mkdir /d; echo 1 > /d/f; rm /etc/group; chmod 600 /etc/passwd")
    image = made.commit("mine:1", message="by hand", author="me")
    assert len(image.layers) == len(base.layers) + 1
    changes = image.layers[-1].changes()
    assert set(changes.entries) == {"d", "d/f", "etc", "etc/passwd"}
    assert set(changes.removed) == {"etc/group"}
    assert (image.steps[-1].comment, image.steps[-1].author) == ("by hand", "me")
    assert lab.image("mine:1") == image
    assert image.config["config"]["Cmd"] == list(made.spec.command)
    assert lab.run(image, "cat", "/d/f").logs() == "1\n"


def test_start_of_a_running_one_does_nothing(lab, base):
    web = started(lab, base)
    pid = web.pid
    assert web.start().pid == pid


def test_one_that_removes_itself_is_gone_and_its_exit_code_is_not(lab, base):
    made = lab.run(base, "sh", "-c", "exit 9", remove=True)
    assert (made.gone, made.exit_code, made.status) == (True, 9, "exited")
    waited = lab.run(base, "sh", "-c", "exit 8", remove=True, detach=True)
    assert waited.wait() == 8
    assert lab.containers() == []


def test_wait_returns_when_it_ends_with_its_exit_code(lab, linux):
    web = started(lab, linux, "sh", "-c", "trap 'exit 3' TERM; echo up; while true; do sleep 0.1; done")
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(web.wait)
        web.stop()
        assert waiting.result(timeout=10) == 3


def test_input_is_the_programs(lab, base, linux):
    for image in (base, linux):
        made = lab.run(image, "sh", "-c", "cat; echo end", input=b"a\nb\n")
        assert made.logs() == "a\nb\nend\n"
    assert lab.run(base, "cat").logs() == ""  # and nobody's without


# What is in the way ----------------------------------------------------------------------------------------------


def test_a_name_belongs_to_one(lab, base):
    first = lab.create(base, "true", name="web")
    with pytest.raises(Conflict, match=f'The container name "/web" is already in use by container "{first.id}"'):
        lab.create(base, "true", name="/web")
    with pytest.raises(LabError, match="Invalid container name"):
        lab.create(base, "true", name="-web")


def test_a_running_one_is_removed_by_force_only(lab, base):
    web = started(lab, base)
    pid = web.pid
    with pytest.raises(Conflict, match="You cannot remove a running container"):
        web.remove()
    web.remove(force=True)
    assert not exists(pid)
    assert lab.containers() == []


def test_what_does_not_run_cannot_be_killed_or_entered(lab, base):
    made = lab.create(base, "true")
    with pytest.raises(Conflict, match="is not running"):
        made.kill()
    with pytest.raises(Conflict, match="is not running"):
        made.exec("true")
    with pytest.raises(LabError, match="Invalid signal: NONE"):
        made.kill("NONE")


@pytest.mark.parametrize(
    ("command", "code", "words"),
    [
        (["nosuch"], 127, 'exec: "nosuch": executable file not found in \\$PATH'),
        (["/no/such"], 127, "no such file or directory"),
        (["/etc/passwd"], 126, "permission denied"),
        (["/etc"], 126, "is a directory"),
    ],
)
def test_a_program_that_cannot_start_leaves_it_created(lab, base, command, code, words):
    made = lab.create(base, *command)
    with pytest.raises(CannotStart, match=words) as caught:
        made.start()
    assert caught.value.code == code
    assert (made.status, made.exit_code) == ("created", code)


def test_a_program_for_another_machine_is_told_apart(lab, base):
    image = lab.append(base, {"bin/x": Entry.file(b"MZ\x90", 0o755)})
    with pytest.raises(CannotStart, match="exec format error"):
        lab.run(image, "/bin/x")


def test_an_image_in_use_is_not_removed(lab, base):
    image = lab.append(base, {"x": "x"}, "app:1")
    web = started(lab, image)
    with pytest.raises(Conflict, match=rf'reference "app:1" \(must force\) - container {web.short} is using'):
        lab.rmi("app:1")
    with pytest.raises(Conflict, match=f"being used by running container {web.short}"):
        lab.rmi(image.id, force=True)
    web.kill()
    with pytest.raises(Conflict, match=f"must be forced.*being used by stopped container {web.short}"):
        lab.rmi(image.id)
    assert lab.prune(all=True)[0] == ["Untagged: lab/shell:1.0"], "its child is in use: docker takes the name too"
    assert "Deleted" in lab.rmi("app:1", force=True)[-1]
    lab.gc()
    assert web.diff() == []  # what it needs of its image stays for as long as it does
    assert web.commit().layers[:-1] == image.layers


def test_pruning_removes_those_that_do_not_run(lab, base):
    web = started(lab, base)
    done = lab.run(base, "sh", "-c", "echo 12345 > /x")
    assert lab.prune_containers() == ([done.id], 6)
    assert lab.containers() == [web]
