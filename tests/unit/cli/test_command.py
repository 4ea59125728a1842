"""The grammar: docker's words and exit codes for every way of getting a command wrong."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from imagelab import Lab
from imagelab.cli import app, run

PROGRAM = [sys.executable, "-m", "imagelab"]


@pytest.mark.parametrize(
    "line, code, error",
    [
        ("images --zzz", 125, "unknown flag: --zzz\nSee 'imagelab images --help'.\n"),
        ("image ls --zzz", 125, "unknown flag: --zzz\nSee 'imagelab image ls --help'.\n"),
        ("rmi -fx a", 125, "unknown shorthand flag: 'x' in -x\nSee 'imagelab rmi --help'.\n"),
        ("--nosuch images", 125, "unknown flag: --nosuch\nSee 'imagelab --help'.\n"),
        ("images --format", 125, "flag needs an argument: --format\nSee 'imagelab images --help'.\n"),
        ("images -f", 125, "flag needs an argument: 'f' in -f\nSee 'imagelab images --help'.\n"),
        ("--home", 125, "flag needs an argument: --home\nSee 'imagelab --help'.\n"),
        (
            "history --human=foo a",
            125,
            'invalid argument "foo" for "-H, --human" flag: strconv.ParseBool: parsing "foo": invalid syntax\n'
            "See 'imagelab history --help'.\n",
        ),
        (
            "images a b",
            1,
            '"imagelab images" requires at most 1 argument.\nSee \'imagelab images --help\'.\n\n'
            "Usage:  imagelab images [OPTIONS] [REPOSITORY[:TAG]]\n\nList images\n",
        ),
        (
            "history",
            1,
            '"imagelab history" requires exactly 1 argument.\nSee \'imagelab history --help\'.\n\n'
            "Usage:  imagelab history [OPTIONS] IMAGE\n\nShow the history of an image\n",
        ),
        (
            "tag a",
            1,
            '"imagelab tag" requires exactly 2 arguments.\nSee \'imagelab tag --help\'.\n\n'
            "Usage:  imagelab tag [OPTIONS] SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]\n\n"
            "Create a tag TARGET_IMAGE that refers to SOURCE_IMAGE\n",
        ),
        (
            "image rm",
            1,
            '"imagelab image rm" requires at least 1 argument.\nSee \'imagelab image rm --help\'.\n\n'
            "Usage:  imagelab image rm [OPTIONS] IMAGE [IMAGE...]\n\nRemove one or more images\n",
        ),
        (
            "version x",
            1,
            '"imagelab version" accepts no arguments.\nSee \'imagelab version --help\'.\n\n'
            "Usage:  imagelab version [OPTIONS]\n\nShow the imagelab version information\n",
        ),
        ("nosuch", 1, "imagelab: 'nosuch' is not a command of imagelab.\nSee 'imagelab --help'\n"),
        ("image nosuch", 1, "imagelab: 'image nosuch' is not a command of imagelab.\nSee 'imagelab image --help'\n"),
    ],
)
def test_a_wrong_command_line(cli, line, code, error):
    result = cli(*line.split())
    assert (result.code, result.out, result.err) == (code, "", error)


@pytest.mark.parametrize(
    "name",
    ["attach", "pause", "port", "search", "stats", "top", "trust", "unpause", "update"],
)
def test_docker_s_other_verbs_are_refused_by_name(cli, name):
    result = cli(name, "--rm", "myapp")
    assert (result.code, result.out) == (1, "")
    assert result.err.startswith(f"imagelab: '{name}' is a docker command that imagelab does not have: ")
    assert result.err.count("\n") == 1


def test_the_management_groups_refuse_too(cli):
    assert "checks digests, and no signatures" in cli("image", "trust", "x").err
    assert cli("image", "trust", "x").code == 1


@pytest.mark.parametrize(
    "args",
    [["images", "-q", "--no-trunc"], ["images", "-q=true", "--no-trunc=1"], ["images", "-aq", "--no-trunc", "--"]],
)
def test_flags_as_pflag_reads_them(cli, lab, args):
    image = lab.append(None, {"a": "b"}, tag="myapp:1")
    assert cli(*args).ok == f"{image.id}\n"


def test_a_flag_can_be_switched_off_again(cli, lab):
    image = lab.append(None, {"a": "b"}, tag="myapp:1")
    assert cli("images", "-q", "--no-trunc=false").ok == f"{image.id.short}\n"
    assert cli("images", "-f=reference=myapp", "--format={{.ID}}").ok == f"{image.id.short}\n"


def test_flags_may_follow_arguments_and_double_dash_ends_them(cli, lab):
    lab.append(None, {"a": "b"}, tag="myapp:1")
    assert cli("history", "myapp:1", "--format", "{{.Size}}").ok == "1B\n"
    assert cli("rmi", "--", "-f").err.startswith("Error: invalid reference format: '-f'")


@pytest.mark.parametrize("verb", sorted(app.table))
def test_every_verb_has_help(cli, verb):
    printed = cli(verb, "--help").ok
    assert printed.startswith(f"Usage: imagelab {verb} [OPTIONS]")
    command = app.get_command(None, verb)
    assert command.help or command.callback.__doc__


@pytest.mark.parametrize("group", [[], ["builder"], ["buildx"], ["container"], ["image"], ["system"]])
def test_a_group_alone_tells_its_verbs(cli, group):
    printed = cli(*group).ok
    assert printed == cli(*group, "--help").ok
    table = app.get_command(None, group[0]).table if group else app.table
    assert all(f"  {verb} " in printed for verb in table)


@pytest.mark.parametrize(
    "alias, verb",
    [
        ("image ls", "images"),
        ("image list", "images"),
        ("image history myapp", "history myapp"),
        ("image inspect myapp", "inspect myapp"),
        ("system info", "info"),
    ],
)
def test_management_commands_are_the_same_commands(cli, lab, alias, verb):
    lab.append(None, {"a": "b"}, tag="myapp")
    assert cli(*alias.split()).ok == cli(*verb.split()).ok != ""


def test_version(cli):
    from imagelab import __version__

    assert f" Version:           {__version__}\n" in cli("version").ok
    assert cli("--version").ok == cli("-v").ok == f"imagelab version {__version__}\n"
    assert cli("version", "--format", "{{.Client.Version}} {{.Server.Version}}").ok == f"{__version__} {__version__}\n"
    result = cli("version", "-f", "{{.Client.Nope}}")
    assert (result.code, result.out) == (1, "")
    assert "can't evaluate field Nope in type system.clientVersion" in result.err


def test_info(cli, lab, home):
    lab.append(None, {"a": "b"})
    assert "Images: 1\n" in cli("info").ok
    assert f"Docker Root Dir: {home}\n" in cli("info").ok
    assert cli("info", "--format", "{{.Images}} {{.DockerRootDir}}").ok == f"1 {home}\n"


def test_home_comes_from_the_flag_then_the_environment(tmp_path, monkeypatch, capsys):
    Lab(tmp_path / "one").append(None, {"a": "1"}, tag="one")
    Lab(tmp_path / "two").append(None, {"a": "2"}, tag="two")
    monkeypatch.setenv("IMAGELAB_HOME", str(tmp_path / "one"))
    names = ["images", "--format", "{{.Repository}}"]
    assert run(names) == run(["--home", str(tmp_path / "two"), *names]) == 0
    assert capsys.readouterr().out == "one\ntwo\n"


def test_a_home_that_holds_something_else_is_refused_in_one_line(tmp_path, capsys):
    (tmp_path / "letters").write_text("dear")
    assert run(["--home", str(tmp_path), "images"]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("Error: ")
    assert printed.err.count("\n") == 1
    assert run(["--home", str(tmp_path / "letters"), "images"]) == 1
    assert capsys.readouterr().err.count("\n") == 1


def test_an_error_of_the_operating_system_is_one_line(cli, lab, tmp_path):
    lab.append(None, {"a": "b"}, tag="myapp")
    (tmp_path / "folder").mkdir()
    result = cli("save", "-o", tmp_path / "folder", "myapp")
    assert (result.code, result.out) == (1, "")
    assert result.err.startswith("Error: ") and result.err.count("\n") == 1
    assert cli("append", "myapp", tmp_path / "nothing").err == f"open {tmp_path}/nothing: no such file or directory\n"


def test_names_cannot_command_the_terminal(cli, lab):
    files = {"\x1b[31mred\r\x9b": "x", os.fsdecode(b"caf\xe9"): "y"}
    lab.append(None, files, tag="myapp", created_by="\x1b]0;pwned\x07")
    for command in (["tree", "myapp"], ["history", "myapp"], ["layers", "myapp"], ["tree", "--json", "myapp"],
                    ["inspect", "myapp"], ["history", "myapp", "--format", "{{.CreatedBy}} {{json .}}"]):  # fmt: skip
        printed = cli(*command).ok
        assert not set(printed) & set("\x1b\x07\r\x9b"), command
        printed.encode()
    assert r"\x1b[31mred\x0d\x9b" in cli("tree", "myapp").ok
    assert r"caf\xe9" in cli("tree", "myapp").ok


# As a process of its own ------------------------------------------------------------------------------------------


def shell(home: Path, script: str, **options) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "IMAGELAB_HOME": str(home), "PYTHONWARNINGS": "default", "IMAGELAB": " ".join(PROGRAM)}
    return subprocess.run(["bash", "-c", script], capture_output=True, text=True, env=env, timeout=60, **options)


def test_a_reader_that_leaves_early_is_no_error(home, lab):
    """`imagelab images | head -0`: the exit code is that of a program which SIGPIPE ended, as docker's would be."""
    lab.append(None, {"a": "b"}, tag="myapp")
    reader, writer = os.pipe()
    os.close(reader)
    for verb in (["images"], ["inspect", "myapp"], ["tree", "--json", "myapp"], ["save", "myapp"]):
        done = subprocess.run(
            [*PROGRAM, "--home", str(home), *verb], stdout=writer, stderr=subprocess.PIPE, text=True, timeout=60
        )
        assert (done.returncode, done.stderr) == (141, ""), verb
    os.close(writer)


def test_a_full_disk_behind_stdout_is_one_line(home, lab):
    lab.append(None, {"a": "b"}, tag="myapp")
    if not Path("/dev/full").exists():
        pytest.skip("needs /dev/full")
    done = shell(home, "$IMAGELAB images > /dev/full")
    assert (done.returncode, done.stderr) == (1, "Error: no space left on device\n")


def test_a_full_disk_behind_the_store_is_one_line(home, lab, tmp_path):
    """A limit on the size of files, which the system enforces as it does the size of the disk."""
    away = tmp_path / "away"
    Lab(away).append(None, {"a": "x" * 300_000}, tag="myapp")
    Lab(away).save("myapp", tmp_path / "myapp.tar")
    lab.append(None, {"a": "b"}, tag="other")
    done = shell(home, f"ulimit -f 100; $IMAGELAB load -i {tmp_path / 'myapp.tar'}")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("Error: ") and done.stderr.endswith("ile too large\n")
    assert done.stderr.count("\n") == 1
    assert shell(home, "$IMAGELAB images --format {{.Repository}}").stdout == "other\n"
    assert shell(home, "$IMAGELAB verify && $IMAGELAB gc").returncode == 0


def test_a_closed_stdout_is_no_crash(home, lab):
    lab.append(None, {"a": "b"}, tag="myapp")
    assert shell(home, "$IMAGELAB images >&-").stderr == ""


def test_ctrl_c_ends_quietly(home, lab, tmp_path):
    """Interrupted while it waits for an archive on standard input."""
    lab.append(None, {"a": "b"}, tag="myapp")
    process = subprocess.Popen(
        [*PROGRAM, "--home", str(home), "load"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdin and process.stdout and process.stderr
    process.stdin.write(b"\0" * 4_000_000)  # more than a pipe holds: when this returns, the program is reading
    process.stdin.flush()
    for _ in range(20):  # a signal that comes just before a system call that waits is only seen at the next one
        process.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            process.wait(3)
            break
    assert process.returncode == 130
    assert process.stdout.read() + process.stderr.read() == b""


def test_a_locale_without_unicode_is_no_crash(home, lab):
    lab.append(None, {"漢字": "b"}, tag="myapp", created_by="é" * 60)
    env = {**os.environ, "LC_ALL": "C", "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    for verb in ("tree", "history"):
        done = subprocess.run([*PROGRAM, "--home", str(home), verb, "myapp"], capture_output=True, env=env, timeout=60)
        assert (done.returncode, done.stderr) == (0, b"")


def test_version_waits_for_no_engine():
    """What makes `imagelab version` quick: nothing is imported that it does not use."""
    code = "import sys; from imagelab.cli import run; run(['version']); print(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stderr.split())
    assert "imagelab.cli.version" in loaded
    ours = {"imagelab.lab", "imagelab.store.store", "imagelab.golang.template"}
    assert not loaded & {*ours, "filelock", "zstandard", "pandas"}
