"""docker's words for containers, on the shell's base image, which runs anywhere."""

from __future__ import annotations

import io
import json
import re
import tarfile

import pytest

from imagelab.cli import run
from imagelab.cli.command import Session
from unit.cli.conftest import BASE, LOOP

# Made, started, ended, removed -------------------------------------------------------------------------------------


def test_a_life(cli, box):
    id_ = cli("create", "--name", "one", BASE, "sh", "-c", "echo hi >> /said; exit 3").ok.strip()
    assert re.fullmatch("[0-9a-f]{64}", id_)
    assert cli("ps").rows == []
    assert cli("ps", "-a", "--format", "{{.ID}} {{.Status}} {{.Names}}").ok == f"{id_[:12]} Created one\n"
    assert cli("start", "one").ok == "one\n"
    assert cli("wait", "one").ok == "3\n"
    assert re.fullmatch(r"Exited \(3\) .* ago\n", cli("ps", "-a", "--format", "{{.Status}}").ok)
    assert cli("diff", "one").ok == "A /said\n"
    assert cli("rm", id_[:5]).ok == f"{id_[:5]}\n"
    assert cli("ps", "-aq").ok == ""


def test_run_gives_streams_and_exit_code(cli, box):
    result = cli("run", "--name", "one", BASE, "sh", "-c", "echo out; echo err >&2; exit 3")
    assert (result.code, result.out, result.err) == (3, "out\n", "err\n")
    again = cli("start", "-a", "one")
    assert (again.code, again.out, again.err) == (3, "out\n", "err\n")
    logs = cli("logs", "one")
    assert (logs.code, logs.out, logs.err) == (0, "out\nout\n", "err\nerr\n")


def test_run_in_the_background_prints_the_id(cli, box, web):
    assert cli("ps", "-q", "--no-trunc").ok == f"{web.id}\n"
    head, line = cli("ps").ok.splitlines()
    assert head.split("   ")[0] == "CONTAINER ID"
    assert re.split(" {2,}", line)[1:3] == [BASE, "\"sh -c 'echo up; whi…\""]
    assert re.search(r"Up (Less than a second|\d+ seconds?) +web$", line)


@pytest.mark.parametrize("command, code", [(["true"], 0), (["false"], 1), (["nothere"], 127), (["/etc/passwd"], 126)])
def test_rm_leaves_nothing(cli, box, command, code):
    assert cli("run", "--rm", BASE, *command).code == code
    assert cli("ps", "-aq").ok == ""


def test_what_a_container_is_given_is_seen_inside(cli, box, tmp_path, monkeypatch):
    monkeypatch.setenv("FROM_HERE", "outside")
    (tmp_path / "env").write_text("# a comment\n\nF=one two\nFROM_HERE\nGONE_HERE\nA=overruled\n")
    show = "echo $A $F $FROM_HERE ${GONE_HERE-none}; pwd; hostname"
    given = ("-e", "A=b", "--env-file", tmp_path / "env", "-w", "/srv/new", "-h", "ho", "--label", "k=v", "-l", "bare")
    result = cli("run", "--name", "one", *given, "--network", "none", "--platform=linux/amd64", BASE, "sh", "-c", show)
    assert result.ok == "b one two outside none\n/srv/new\nho\n"
    assert cli("inspect", "-f", "{{json .Config.Labels}}", "one").ok.startswith('{"bare":"","dev.imagelab.base":')
    assert cli("run", "--entrypoint", "echo", BASE, "a", "-b", "--rm").ok == "a -b --rm\n"
    assert cli("run", "-e", "PATH", "-e=A=b", BASE, "sh", "-c", "echo $A -e=x").ok == "b -e=x\n"


def test_flags_end_at_the_image(cli, box, typed):
    """What follows it is the container's command line, whatever it looks like."""
    assert cli("run", "--rm", BASE, "echo", "--name=x", "-e=1", "-q=false", "--", "--help").ok.split() == [
        "--name=x", "-e=1", "-q=false", "--", "--help",
    ]  # fmt: skip
    assert cli("run", "--rm=true", "--name", "--odd", BASE, "true").err.startswith("imagelab: Invalid container name")
    typed("")
    assert cli("run", "-ie", "A=--rm", "-w=/tmp", BASE, "sh", "-c", "echo $A; pwd").ok == "--rm\n/tmp\n"
    assert len(cli("ps", "-aq").ok.split()) == 1


def test_standard_input_is_for_who_asks(cli, box, typed):
    typed("one\ntwo\n")
    assert cli("run", "--rm", "-i", BASE, "sh", "-c", "cat; echo end").ok == "one\ntwo\nend\n"
    typed("one\n")
    assert cli("run", "--rm", BASE, "sh", "-c", "cat; echo end").ok == "end\n"
    typed("one\n")
    assert cli("run", "--rm", "-i", BASE, "cat", notebook=True).ok == "", "nobody types into a cell"


def test_a_base_that_nobody_made_yet_is_made(cli, home):
    assert cli("run", "--rm", BASE, "echo", "hi").ok == "hi\n"


def test_runtimes_by_name(cli, box):
    assert cli("run", "--rm", "--runtime", "shell", BASE, "echo", "hi").ok == "hi\n"
    result = cli("run", "--rm", "--runtime", "docker", BASE, "true")
    assert result.code == 125
    assert result.err.startswith("imagelab: unknown or invalid runtime name: docker: there are shell, bubblewrap")
    result = cli("run", "--rm", "--runtime", "bubblewrap", BASE, "sh")
    assert (result.code, result.err) == (
        126, "imagelab: exec sh: the runtime bubblewrap cannot run it: it is for shell\n",
    )  # fmt: skip


def test_start_stop_kill_wait_rm_take_several_and_tell_of_each(cli, box, web):
    cli("run", "-d", "--name", "other", BASE, *LOOP)
    for verb, words in (("stop", ["-t", "0"]), ("start", []), ("kill", ["-s", "KILL"]), ("wait", []), ("rm", [])):
        result = cli(verb, *words, "web", "nobody", "other")
        shown = "137\n137\n" if verb == "wait" else "web\nother\n"
        assert (result.code, result.out) == (1, shown), verb
        assert "No such container: nobody\n" in result.err
    assert cli("ps", "-aq").ok == ""


def test_a_running_one_is_not_removed_unless_forced(cli, box, web):
    result = cli("rm", "web")
    assert (result.code, result.out) == (1, "")
    assert result.err.startswith(f"Error: You cannot remove a running container {web.id}. Stop the container")
    assert cli("rm", "-f", "web").ok == "web\n"
    gone = cli("rm", "-f", "web")
    assert (gone.code, gone.err) == (0, "Error: No such container: web\n")


def test_names_are_taken_once_and_images_in_use_stay(cli, box, web):
    result = cli("run", "--name", "web", BASE, "true")
    assert result.code == 125
    assert result.err == (
        f'imagelab: Conflict. The container name "/web" is already in use by container "{web.id}". You have to remove '
        "(or rename) that container to be able to reuse that name.\nSee 'imagelab run --help'.\n"
    )
    refused = cli("rmi", BASE)
    assert refused.err == (
        f'Error: conflict: unable to remove repository reference "{BASE}" (must force) - container {web.short} is '
        f"using its referenced image {web.image_id.short}\n"
    )


# Looked at ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "asked, found",
    [
        (["-a"], "last web made"),
        ([], "web"),
        (["-n", "2"], "last web"),
        (["-l"], "last"),
        (["-n", "0"], "web"),
        (["-f", "status=created"], "last made"),
        (["-f", "status=running", "-f", "status=exited"], "web"),
        (["-af", "name=a"], "last made"),
        (["-af", "name=^web$"], "web"),
        (["-af", "label=tier"], "web"),
        (["-af", "label=tier=back"], ""),
        (["-af", "ancestor=lab/shell"], ""),
        (["-af", f"ancestor={BASE}"], "last web made"),
        (["-af", "before=web"], "made"),
        (["-af", "since=web"], "last"),
        (["-af", "exited=0"], ""),
        (["-af", "name=("], ""),
    ],
    ids=" ".join,
)
def test_which_containers_are_listed(cli, box, asked, found):
    cli("create", "--name", "made", BASE, "true")
    cli("run", "-d", "--name", "web", "-l", "tier=front", BASE, *LOOP)
    cli("create", "--name", "last", BASE, "true")
    assert cli("ps", *asked, "--format", "{{.Names}}").ok.split() == found.split()


@pytest.mark.parametrize(
    "asked, error",
    [
        (["-f", "nope=1"], "Error: Invalid filter 'nope': the filters here are ancestor"),
        (["-f", "status=new"], "Error: Invalid filter 'status=new': the states are created"),
        (["-f", "exited=x"], "Error: Invalid filter 'exited=x': expected a number"),
        (["-f", "before=nobody"], "Error: No such container: nobody"),
        (["--format", "{{.Nope}}"], 'failed to execute template: template: :1:2: executing "" at <.Nope>'),
    ],
)
def test_questions_that_are_none(cli, box, asked, error):
    result = cli("ps", *asked)
    assert (result.code, result.out) == (1, "")
    assert result.err.startswith(error)


def test_sizes(cli, box):
    cli("run", "--name", "one", BASE, "sh", "-c", "echo 12345 > /x; echo 123 > /y")
    size = f"10B (virtual {box.base().size + 10}B)"
    assert cli("ps", "-a", "--format", "{{.Size}}").ok == f"{size}\n"
    assert cli("ps", "-as").ok.splitlines()[1].endswith(size)
    assert cli("inspect", "-sf", "{{.SizeRw}} {{.SizeRootFs}}", "one").ok == f"10 {box.base().size + 10}\n"
    df = cli("system", "df").rows
    assert df[1] == ["Containers", "1", "0", "10B", "10B (100%)"]


def test_an_image_whose_name_moved_on_is_shown_by_its_id(cli, box):
    box.tag(BASE, "app:1")
    cli("create", "--name", "one", "app:1", "true")
    box.tag(box.append(BASE, {"new": "1"}), "app:1")
    assert cli("ps", "-a", "--format", "{{.Image}}").ok == f"{box.image(BASE).id.short}\n"
    assert cli("ps", "-a", "--no-trunc", "--format", "{{.Image}}").ok == f"{box.image(BASE).id}\n"


def test_inspect(cli, box, web):
    found = json.loads(cli("inspect", "web").ok)[0]
    assert (found["Id"], found["Name"], found["Image"]) == (web.id, "/web", web.image_id)
    assert (found["State"]["Status"], found["State"]["Pid"]) == ("running", web.pid)
    assert (found["Path"], found["Args"][0]) == ("sh", "-c")
    assert found["Config"]["Env"][0] == "A=b"
    assert found["HostConfig"]["NetworkMode"] == "none"
    assert cli("inspect", "-f", "{{.Name}} {{.State.Running}}", "web").ok == "/web true\n"
    assert cli("inspect", "--type", "image", "web").err == "Error: No such image: web\n"
    assert cli("inspect", "--type", "container", BASE).err == f"Error: No such container: {BASE}\n"
    both = json.loads(cli("inspect", "web", BASE).ok)
    assert ["Args" in each for each in both] == [True, False]
    assert ["Architecture" in each for each in both] == [False, True]
    assert cli("container", "inspect", "-f", "{{.Id}}", "web").ok == f"{web.id}\n"


# What it prints, and what it changed -------------------------------------------------------------------------------


def test_logs(cli, box):
    cli("run", "--name", "one", BASE, "sh", "-c", "for i in 1 2 3; do echo $i; done")
    assert cli("logs", "--tail", "2", "one").ok == cli("logs", "-n=2", "one").ok == "2\n3\n"
    assert cli("logs", "--tail", "0", "one").ok == ""
    assert cli("logs", "--tail", "all", "one").ok == cli("logs", "-f", "one").ok == "1\n2\n3\n"
    assert re.fullmatch(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z \d\n){3}", cli("logs", "-t", "one").ok)
    assert cli("logs", "--since", "1h", "one").ok == "1\n2\n3\n"
    assert cli("logs", "--until", "1h", "one").ok == ""


def test_exec(cli, web, typed):
    result = cli("exec", "web", "sh", "-c", "echo $A; echo err >&2; exit 7")
    assert (result.code, result.out, result.err) == (7, "b\n", "err\n")
    assert cli("exec", "-e", "A=c", "-w", "/tmp", "web", "sh", "-c", "echo $A; pwd").ok == "c\n/tmp\n"
    typed("typed\n")
    assert cli("exec", "-i", "web", "sh", "-c", "cat > /x").ok == ""
    assert cli("exec", "web", "cat", "/x").ok == "typed\n"
    result = cli("exec", "web", "nothere")
    assert result.code == 127
    assert result.err == 'Error: exec failed: exec: "nothere": executable file not found in $PATH\n'
    cli("kill", "web")
    assert cli("exec", "web", "true").err == f"Error: Container {web.id} is not running\n"


def test_commit(cli, box):
    cli("run", "--name", "one", "-e", "A=b", BASE, "sh", "-c", "echo kept > /kept")
    options = ("-m", "by hand", "-a", "Me <me@here>", "-c", 'CMD ["cat", "/kept"]', "--change", "ENV B=c", "-p")
    id_ = cli("commit", *options, "one", "mine:1").ok.strip()
    image = box.image("mine:1")
    assert image.id == id_
    assert image.config["author"] == "Me <me@here>"
    assert image.config["config"]["Env"][:1] + image.config["config"]["Env"][-1:] == ["A=b", "B=c"]
    assert cli("run", "--rm", "mine:1").ok == "kept\n"
    assert cli("history", "--format", "{{.CreatedBy}}|{{.Comment}}", "mine:1").ok.splitlines()[0] == (
        "sh -c echo kept > /kept|by hand"
    )
    assert cli("commit", "one", "Not Good").err.startswith("invalid reference format: 'Not Good'")
    assert cli("commit", "-c", "RUN x", "one").err.startswith("Error: run is not a valid change command")
    assert cli("commit", "nobody").err == "Error: No such container: nobody\n"
    assert cli("commit").err.startswith('"imagelab commit" requires at least 1 and at most 2 arguments.\n')


# Carried -----------------------------------------------------------------------------------------------------------


def test_cp_out(cli, box, tmp_path):
    cli("run", "--name", "one", BASE, "sh", "-c", "mkdir -p /d/e; echo 1 > /d/e/f; ln -s f /d/e/l")
    assert cli("cp", "one:/d", tmp_path).ok == ""
    assert (tmp_path / "d" / "e" / "f").read_text() == "1\n"
    cli("cp", "one:/d/.", tmp_path / "new")
    assert (tmp_path / "new" / "e" / "f").exists()
    cli("cp", "one:d/e/f", tmp_path / "renamed")
    assert (tmp_path / "renamed").read_text() == "1\n"
    cli("cp", "one:/d/e/l", tmp_path)
    cli("cp", "-L", "one:/d/e/l", tmp_path / "followed")
    assert (tmp_path / "l").is_symlink() and (tmp_path / "followed").read_text() == "1\n"


def test_cp_in(cli, box, tmp_path, typed):
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "f").write_text("2\n")
    cli("create", "--name", "one", BASE, "sh", "-c", "cat /tmp/d/f /srv/f /tmp/g /x")
    assert cli("cp", tmp_path / "d", "one:/tmp").ok == ""
    assert cli("cp", tmp_path / "d", "one:/srv").ok == "", "where nothing is, it takes that name"
    assert cli("cp", tmp_path / "d" / "f", "one:/tmp/g").ok == ""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        info = tarfile.TarInfo("x")
        info.size = 2
        archive.addfile(info, io.BytesIO(b"3\n"))
    typed(packed.getvalue())
    assert cli("cp", "-", "one:/").ok == ""
    assert cli("start", "-a", "one").ok == "2\n2\n2\n3\n"


def test_cp_keeps_two_names_of_one_file(cli, box, tmp_path):
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "a").write_text("1")
    (tmp_path / "d" / "b").hardlink_to(tmp_path / "d" / "a")
    cli("create", "--name", "one", BASE, "true")
    cli("cp", tmp_path / "d", "one:/d")
    cli("cp", "one:/d", tmp_path / "back")
    assert (tmp_path / "back" / "a").samefile(tmp_path / "back" / "b")


def test_cp_to_standard_output_is_a_tar(home, box, capfdbinary):
    box.create(BASE, "true", name="one")
    assert run(["cp", "one:/etc/group", "-"], session=Session(str(home))) == 0
    with tarfile.open(fileobj=io.BytesIO(capfdbinary.readouterr().out)) as archive:
        assert archive.getnames() == ["group"]


@pytest.mark.parametrize(
    "source, target, error",
    [
        ("one:/nope", "out", "Error: No such container:path: one:/nope\n"),
        ("one:/etc", "nowhere/out", 'invalid output path: directory "{here}/nowhere" does not exist\n'),
        ("nope", "one:/tmp", "Error: lstat {here}/nope: no such file or directory\n"),
        ("file", "one:/no/such/place", "Error: No such container:path: one:/no/such\n"),
        (".", "one:/etc/passwd", "Error: cannot copy a directory to '/etc/passwd', which is a file\n"),
        ("file", "nobody:/tmp", "Error: No such container:path: nobody:/\n"),
        ("one:/a", "two:/b", "copying between containers is not supported\n"),
        ("file", "other", "must specify at least one container source\n"),
    ],
)
def test_cp_of_what_is_not_there(cli, box, tmp_path, source, target, error):
    (tmp_path / "file").write_text("x")
    cli("create", "--name", "one", BASE, "true")
    here = [place if ":" in place else tmp_path / place for place in (source, target)]
    result = cli("cp", *here)
    assert (result.code, result.out, result.err) == (1, "", error.format(here=tmp_path))


def test_export(cli, box, tmp_path):
    cli("run", "--name", "one", BASE, "sh", "-c", "echo 1 > /new; rm /etc/group")
    assert cli("export", "-o", tmp_path / "one.tar", "one").ok == ""
    with tarfile.open(tmp_path / "one.tar") as archive:
        assert {"new", "bin/sh"} <= set(archive.getnames()) and "etc/group" not in archive.getnames()
    assert "cowardly refusing" in cli("export", "one", notebook=True).err
    assert "does not exist" in cli("export", "-o", tmp_path / "no" / "x.tar", "one").err
    assert cli("import", tmp_path / "one.tar", "flat:1").code == 0


# Many removed ------------------------------------------------------------------------------------------------------


def test_container_prune(cli, box, web, typed):
    cli("run", "--name", "one", "-l", "keep=no", BASE, "sh", "-c", "echo 12345 > /x")
    ids = [cli("create", "--name", name, BASE, "true").ok for name in ("two", "three")]
    typed("n\n")
    assert cli("container", "prune").ok.endswith("continue? [y/N] Total reclaimed space: 0B\n")
    assert cli("container", "prune", "-f", "--filter", "until=1h").ok == "Total reclaimed space: 0B\n"
    assert cli("container", "prune", "-f", "--filter", "label=keep").ok.endswith("Total reclaimed space: 6B\n")
    typed("y\n")
    assert cli("container", "prune").ok.endswith(
        f"[y/N] Deleted Containers:\n{ids[1]}{ids[0]}\nTotal reclaimed space: 0B\n"
    )
    assert cli("ps", "-aq").ok == f"{web.short}\n"
    assert "cannot answer" in cli("container", "prune", notebook=True).err


def test_info_counts_and_says_what_runs_here(cli, box, web):
    cli("create", BASE, "true")
    printed = cli("info").ok
    assert "Containers: 2\n Running: 1\n Paused: 0\n Stopped: 1\n" in printed
    assert " shell: ready\n  Isolates: files outside the root folder" in printed
    assert cli("info", "-f", "{{.ContainersRunning}} {{.Runtimes.shell.Missing}}|").ok == "1 |\n"


def test_info_says_what_to_install(cli, box, monkeypatch):
    monkeypatch.setattr("imagelab.runtime.wasm.wasi.missing", lambda: "pip install something")
    assert " wasm: not on this machine: pip install something\n" in cli("info").ok
