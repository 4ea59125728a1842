"""A container's life: created, running, exited, removed; and what of it everybody else can rely on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from imagelab import Entry, Lab
from imagelab.errors import Conflict, LabError, NotFound
from imagelab.runtime import CannotStart
from unit.containers.conftest import LOOP, Said, started


def exists(pid: int) -> bool:
    """Whether a process is there, and is no zombie that nobody has collected yet."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


# From birth to death ---------------------------------------------------------------------------------------------


def test_it_is_created_runs_and_ends_with_its_programs_exit_code(lab, base):
    made = lab.create(base, "sh", "-c", "echo out; echo err >&2; exit 7", name="web")
    assert (made.status, made.pid, made.exit_code) == ("created", 0, 0)
    said = Said()
    made.start(output=said)
    assert (made.status, made.pid, made.exit_code) == ("exited", 0, 7)
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
    assert lab.prune(all=True)[0] == []
    assert "Deleted" in lab.rmi("app:1", force=True)[-1]
    lab.gc()
    assert web.diff() == []  # what it needs of its image stays for as long as it does
    assert web.commit().layers[:-1] == image.layers


def test_pruning_removes_those_that_do_not_run(lab, base):
    web = started(lab, base)
    done = lab.run(base, "sh", "-c", "echo 12345 > /x")
    assert lab.prune_containers() == ([done.id], 6)
    assert lab.containers() == [web]


# What is found again ---------------------------------------------------------------------------------------------


def test_by_name_by_id_and_by_its_start(lab, base):
    made = lab.create(base, "true", name="web")
    for text in ("web", "/web", made.id, made.short, made.id[:3]):
        assert lab.container(text) == made
    with pytest.raises(NotFound, match="No such container: nosuch"):
        lab.container("nosuch")
    assert lab.containers(all=False) == []


def test_it_outlives_the_process_that_started_it(lab, base):
    script = (
        "import os, signal, sys; from imagelab import Lab\n"
        f"web = Lab(sys.argv[1]).run('lab/shell:1.0', 'sh', '-c', {LOOP!r}, name='web', detach=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", script, str(lab.home)])
    assert done.returncode == -signal.SIGKILL
    web = lab.container("web")
    assert web.running
    assert exists(web.pid)
    assert web.exec("true") == 0


def test_it_outlives_somebody_who_watched(lab, base):
    script = (
        "import os, signal, sys; from imagelab import Lab\n"
        "def seen(stream, data): os.kill(os.getpid(), signal.SIGKILL)\n"
        "Lab(sys.argv[1]).run('lab/shell:1.0', 'sh', '-c', 'echo up; sleep 0.2; echo more; sleep 0.2; exit 4',"
        " name='web', output=seen)\n"
    )
    assert subprocess.run([sys.executable, "-c", script, str(lab.home)]).returncode == -signal.SIGKILL
    web = lab.container("web")
    assert web.wait() == 4
    assert web.logs() == "up\nmore\n"


@pytest.mark.skipif(sys.platform != "linux", reason="needs Linux, whose kernel ends a program with its parent")
def test_a_killed_supervisor_takes_its_program_along_and_the_state_says_so(lab, base, linux):
    for image in (base, linux):
        web = started(lab, image)
        pid = web.pid
        shim = int(web.root.with_name("alive").read_text().removeprefix("shim "))
        os.kill(shim, signal.SIGKILL)
        assert web.wait() == 255
        assert (web.status, web.state.error) == ("exited", "its supervisor was killed")
        while exists(pid):  # the kernel is on its way
            pass
        web.start()
        assert web.running


def test_after_a_reboot_nothing_claims_to_run(lab, base):
    made = lab.create(base, "true")
    state = made.root.with_name("state.json")
    told = json.loads(state.read_bytes()) | {"status": "running", "pid": 1, "started": "2026-01-01T00:00:00Z"}
    state.write_text(json.dumps(told))
    assert (made.status, made.exit_code, made.pid) == ("exited", 255, 0)
    assert json.loads(state.read_bytes())["status"] == "exited"


def test_an_interrupt_reaches_the_program_first(lab, linux):
    class Interrupts(Said):
        def __call__(self, stream, data):
            super().__call__(stream, data)
            if data == b"up\n":
                signal.raise_signal(signal.SIGINT)

    said = Interrupts()
    made = lab.run(linux, "sh", "-c", "trap 'echo got; exit 5' INT; echo up; while :; do sleep 0.05; done", output=said)
    assert (said.on(), made.exit_code) == ("up\ngot\n", 5)


def test_one_that_ignores_an_interrupt_is_left_running(lab, base):
    def interrupt(stream, data):
        signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        lab.run(base, "sh", "-c", LOOP, name="web", output=interrupt)
    assert lab.container("web").running


# What is damaged -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["state.json", "config.json", "before.json"])
def test_a_damaged_record_harms_nobody_else(lab, base, name):
    good, bad = lab.create(base, "true", name="good"), lab.create(base, "true", name="bad")
    (bad.root.with_name(name)).write_text("{nonsense")
    assert {one.id for one in lab.containers()} == {good.id, bad.id}
    found = lab.container(bad.id)
    with pytest.raises(LabError, match=f"is damaged.*{name}.*remove it with: rm -f"):
        found.diff() if name == "before.json" else found.start()
    found.remove(force=True)
    assert lab.containers() == [good]
    assert good.start(wait=True).exit_code == 0


@pytest.mark.skipif(sys.platform != "linux", reason="needs Linux, whose kernel ends a program with its parent")
def test_a_damaged_one_that_runs_is_ended_too(lab, base):
    web = started(lab, base)
    pid = web.pid
    web.root.with_name("state.json").write_text("")
    web.remove(force=True)
    while exists(pid):  # the kernel is on its way
        pass
    assert lab.containers() == []


@pytest.fixture
def small(tmp_path):
    """A disk of 6 MB."""
    place = tmp_path / "small"
    place.mkdir()
    if os.geteuid() or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", place]).returncode:
        pytest.skip("needs root, and a system that lets it mount a small disk")
    yield place
    subprocess.run(["umount", "--lazy", place], check=True)


def test_a_full_disk_ends_nothing_and_hides_nothing(small, linux, lab, tmp_path):
    lab.save(linux, tmp_path / "linux.tar")
    tight = Lab(small / "home")
    (loaded,) = tight.load(tmp_path / "linux.tar")
    shell = tight.base()
    web = started(tight, shell)
    fill = tight.run(loaded.image, "sh", "-c", "dd if=/dev/zero of=/big bs=1000000 count=20; exit 7")
    assert (fill.exit_code, fill.state.error) == (7, "")
    assert web.running
    for attempt in (lambda: tight.create(shell, "true"), lambda: fill.commit("x:1"), lambda: fill.start()):
        with pytest.raises((LabError, OSError), match=r"[Nn]o space left"):
            attempt()
    assert [path.name for path in (small / "home" / "containers").iterdir() if path.name.startswith(".new")] == []
    web.kill()
    assert web.exit_code == 137
    fill.remove()
    web.remove()
    assert tight.verify() == []
    assert tight.run(shell, "sh", "-c", "exit 3").exit_code == 3


def test_a_root_folder_that_is_gone_is_told(lab, base):
    made = lab.create(base, "true", name="web")
    os.rename(made.root, made.root.with_name("elsewhere"))
    with pytest.raises(LabError, match="the root folder of the container web is gone"):
        made.start()
    made.remove()


def test_no_word_may_hold_a_nul(lab, base):
    for settings in ({"env": ["A=\0"]}, {"workdir": "/\0"}, {"user": "\0"}):
        with pytest.raises(LabError, match="holds a NUL"):
            lab.create(base, "true", **settings)
    with pytest.raises(LabError, match="holds a NUL"):
        lab.create(base, "sh", "-c", "\0")
    assert lab.containers() == []


def test_a_file_that_looks_like_a_whiteout_cannot_be_committed(lab, linux):
    made = lab.run(linux, "touch", "/.wh.x")
    assert made.diff() == [("A", "/.wh.x")]
    with pytest.raises(LabError, match=r"\.wh\."):
        made.commit()


def test_a_crash_while_it_is_made_leaves_no_name_taken(lab, base, monkeypatch):
    monkeypatch.setattr("imagelab.containers.shelf.remove_folder", lambda folder: None)  # as kill -9 would

    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("imagelab.containers.shelf.clone", full)
        with pytest.raises(OSError, match="No space left"):
            lab.create(base, "true", name="web")
    assert lab.containers() == []
    monkeypatch.undo()
    assert lab.create(base, "true", name="web").name == "web"
    assert not list((lab.home / "containers").glob(".new-*"))


# A crowd ---------------------------------------------------------------------------------------------------------

CROWD = """
import sys
from imagelab import Lab
lab, who = Lab(sys.argv[1]), sys.argv[2]
for number in range(int(sys.argv[3])):
    script = f"echo {who} > /mine{number}; cat /mine{number}"
    one = lab.run("lab/shell:1.0", "sh", "-c", script, name=f"c{who}-{number}")
    assert one.exit_code == 0 and one.logs() == f"{who}\\n", (one.state, one.logs())
    assert one.diff() == [("A", f"/mine{number}")], one.diff()
    if number % 2:
        one.commit(f"made:{who}-{number}")
    one.remove()
"""


def test_many_processes_share_one_store(lab, base):
    """30 containers started, written to, diffed and removed by 4 processes at once: nothing lost."""
    counts = [8, 8, 7, 7]
    crowd = [
        subprocess.Popen([sys.executable, "-c", CROWD, str(lab.home), str(who), str(count)], stderr=subprocess.PIPE)
        for who, count in enumerate(counts)
    ]
    for process in crowd:
        _, trouble = process.communicate(timeout=120)
        assert process.returncode == 0, trouble.decode()
    assert lab.containers() == []
    assert lab.verify() == []
    made = {name for name in lab.store.tags() if "made" in name}
    assert len(made) == sum(count // 2 for count in counts)
    assert not [path for path in (lab.home / "containers").iterdir() if not path.name.startswith(".lock")]


def test_a_lab_with_an_epoch_has_the_same_ids_everywhere(tmp_path):
    first, second = (Lab(tmp_path / name, epoch=0) for name in "ab")
    ids = [[lab.create(lab.base(), "true").id for _ in range(2)] for lab in (first, second)]
    assert ids[0] == ids[1]
    assert len(set(ids[0])) == 2
    assert [one.name for one in first.containers()] == [one.name for one in second.containers()]


def test_logs_follow_until_the_end(lab, linux):
    web = started(lab, linux, "sh", "-c", "trap 'echo bye; exit' TERM; echo up; while :; do sleep 0.05; done")
    seen: list[str] = []
    thread = threading.Thread(target=lambda: seen.extend(line.text for line in web.log(follow=True)))
    thread.start()
    web.stop()
    thread.join(timeout=10)
    assert seen == ["up\n", "bye\n"]
    assert [line.text for line in web.log(tail=1)] == ["bye\n"]


def test_endless_output_is_kept_in_part(lab, linux, monkeypatch):
    made = lab.run(linux, "sh", "-c", "dd if=/dev/zero bs=1000000 count=60 2>/dev/null; echo; echo end")
    size = sum(path.stat().st_size for path in made.root.parent.glob("log.jsonl*"))
    assert size < 40 << 20
    assert [line.text for line in made.log(tail=1)] == ["end\n"]
