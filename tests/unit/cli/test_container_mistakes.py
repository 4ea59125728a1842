"""What can be wrong with a container: one sentence, docker's exit code, and the other containers unharmed."""

from __future__ import annotations

import os
import re
import shutil

import pytest

from imagelab import Entry
from imagelab.cli import run, unsupported
from imagelab.cli.command import Session
from judges import tools
from unit.cli.conftest import BASE, LOOP

FOREIGN = b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x02\x00\xf3\x00" + bytes(44)  # for RISC-V
REFUSED = (
    'Error response from daemon: Get "http://127.0.0.1:1/v2/": dial tcp 127.0.0.1:1: connect: connection refused'
)
NUL = "holds a NUL, which no argument and no variable can"


@pytest.fixture
def unharmed(cli, box):
    """Another container, which must not notice anything; its looks are compared after the test."""
    cli("run", "-d", "--name", "other", BASE, *LOOP)
    other = box.container("other")
    assert next(iter(other.log(follow=True))).text == "up\n"
    yield other
    assert other.running
    assert cli("exec", "other", "echo", "hi").ok == "hi\n"
    assert cli("ps", "--format", "{{.Names}}").ok == "other\n"


@pytest.mark.parametrize(
    "program, code, why",
    [
        ("nothere", 127, 'exec: "nothere": executable file not found in $PATH'),
        ("/not/there", 127, 'exec: "/not/there": stat /not/there: no such file or directory'),
        ("/plain", 126, 'exec: "/plain": permission denied'),
        ("/etc", 126, 'exec: "/etc": is a directory'),
        ("/text", 126, "exec /text: exec format error: it is not an ELF or WebAssembly program or a script"),
        ("/foreign", 126, "exec /foreign: exec format error: it is a program for riscv64"),
    ],
)
def test_programs_that_cannot_be_run(cli, box, unharmed, program, code, why):
    files = {"plain": "x", "text": Entry.file(b"x\n", 0o755), "foreign": Entry.file(FOREIGN, 0o755)}
    box.tag(box.append(BASE, files), "odd:1")
    result = cli("run", "--name", "one", "odd:1", program)
    assert (result.code, result.out, result.err) == (code, "", f"imagelab: {why}\n")
    assert cli("ps", "-a", "--filter", "name=one", "--format", "{{.Status}}").ok == "Created\n"
    assert cli("inspect", "-f", "{{.State.ExitCode}} {{.State.Error}}", "one").ok == f"{code} {why}\n"
    again = cli("start", "one")
    assert (again.code, again.err) == (1, f"Error: {why}\nError: failed to start containers: one\n")
    assert cli("run", "--rm", "-d", "odd:1", program).code == code
    assert len(cli("ps", "-aq").ok.split()) == 2


@pytest.mark.parametrize(
    "args, code, error",
    [
        (["run", BASE, "echo", "a\0b"], 125, f"imagelab: 'a\\x00b' {NUL}\nSee 'imagelab run --help'.\n"),
        (["run", "-e", "A=a\0b", BASE, "true"], 125, f"imagelab: 'A=a\\x00b' {NUL}\nSee 'imagelab run --help'.\n"),
        (["create", "-w", "/a\0b", BASE, "true"], 1, f"Error: '/a\\x00b' {NUL}\n"),
        (["exec", "other", "echo", "a\0b"], 1, f"Error: 'a\\x00b' {NUL}\n"),
        (["run", BASE, "echo", os.fsdecode(b"\xff")], 126,
         "imagelab: exec echo: '\\udcff' is not UTF-8, as the shell needs it\n"),
        (["exec", "other", "echo", os.fsdecode(b"\xff")], 126,
         "Error: exec failed: exec echo: '\\udcff' is not UTF-8, as the shell needs it\n"),
        (["run", "--name", "a b", BASE, "true"], 125,
         "imagelab: Invalid container name (a b), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed\n"
         "See 'imagelab run --help'.\n"),
        (["run", "-w", "relative", BASE, "true"], 125,
         "imagelab: the working directory 'relative' is invalid, it needs to be an absolute path\n"
         "See 'imagelab run --help'.\n"),
        (["run", "-u", "nobody2", BASE, "true"], 125,
         "imagelab: unable to find user nobody2: no matching entries in passwd file\n"),
        (["run", "--network", "host", BASE, "true"], 125,
         "imagelab: network host not found: a container here has no network, which --network none says\n"
         "See 'imagelab run --help'.\n"),
        (["run", "--pull", "never", "nosuch"], 125,
         "imagelab: No such image: nosuch\nSee 'imagelab run --help'.\n"),
        (["create", "--pull", "never", "nosuch"], 1, "Error: No such image: nosuch\n"),
        (["run", "127.0.0.1:1/x"], 125,
         f"Unable to find image '127.0.0.1:1/x:latest' locally\nimagelab: {REFUSED}\nSee 'imagelab run --help'.\n"),
        (["create", "127.0.0.1:1/x:2"], 1,
         f"Unable to find image '127.0.0.1:1/x:2' locally\nError: {REFUSED}\n"),
        (["create", "--pull", "often", "x"], 125,
         'invalid argument "often" for "--pull" flag: expected always, missing or never\n'
         "See 'imagelab create --help'.\n"),
        (["run", "--env-file", "/no/file", BASE, "true"], 125,
         "imagelab: open /no/file: no such file or directory.\nSee 'imagelab run --help'.\n"),
        (["run", "-e", "=x", BASE, "true"], 125,
         'invalid argument "=x" for "-e, --env" flag: invalid environment variable: =x\n'
         "See 'imagelab run --help'.\n"),
        (["create", "-l", "=x", BASE], 125,
         "invalid argument \"=x\" for \"-l, --label\" flag: invalid label '=x': empty name\n"
         "See 'imagelab create --help'.\n"),
        (["stop", "-t", "soon", "other"], 125,
         'invalid argument "soon" for "-t, --time" flag: strconv.ParseInt: parsing "soon": invalid syntax\n'
         "See 'imagelab stop --help'.\n"),
        (["kill", "-s", "NOSUCH", "other"], 1, "Error: Invalid signal: NOSUCH\n"),
        (["kill", "nobody"], 1, "Error: Cannot kill container: nobody: No such container: nobody\n"),
        (["logs", "--since", "whenever", "other"], 1,
         'invalid value for "since": failed to parse value as time or duration: "whenever"\n'),
        (["start", "-a", "other", "nobody"], 1, "you cannot start and attach multiple containers at once\n"),
    ],
)  # fmt: skip
def test_mistakes(cli, unharmed, args, code, error):
    result = cli(*args)
    assert (result.code, result.out, result.err) == (code, "", error)


def test_an_env_file_with_a_bad_line(cli, box, tmp_path):
    (tmp_path / "env").write_text("A=b\nnot a name=1\n")
    result = cli("run", "--env-file", tmp_path / "env", BASE, "true")
    assert result.code == 125
    assert "env: 'not a name=1' is not NAME=VALUE." in result.err


def test_files_named_like_whiteouts(cli, box, unharmed):
    cli("run", "--name", "one", BASE, "sh", "-c", "echo x > /.wh.x")
    assert cli("diff", "one").ok == "A /.wh.x\n"
    result = cli("commit", "one")
    assert (result.code, result.out) == (1, "")
    assert ".wh.x" in result.err and result.err.count("\n") == 1
    assert cli("rm", "one").ok == "one\n"


@pytest.mark.parametrize("name", ["state.json", "config.json"])
def test_a_damaged_record(cli, box, home, unharmed, name):
    cli("create", "--name", "one", BASE, "true")
    one = box.container("one")
    (home / "containers" / one.id / name).write_bytes(b"\x00garbage")
    assert f"{one.short}   " in cli("ps", "-a").ok
    assert re.search(f"{one.short} Dead", cli("ps", "-as", "--format", "{{.ID}} {{.Status}}").ok)
    assert cli("system", "df").code == 0
    for verb in ("start", "wait", "exec", "inspect", "diff", "logs", "commit", "stop", "kill"):
        result = cli(verb, one.short, *(["true"] if verb == "exec" else []))
        assert "Traceback" not in result.err, verb
    result = cli("start", one.short)
    assert (result.code, result.out) == (1, "")
    assert f"{name}: " in result.err and f"remove it with: rm -f {one.short}" in result.err
    assert cli("rm", "-f", one.short).ok == f"{one.short}\n"


def test_a_root_folder_that_somebody_deleted(cli, box, unharmed, tmp_path):
    cli("create", "--name", "one", BASE, "true")
    shutil.rmtree(box.container("one").root)
    for line in (["start", "one"], ["diff", "one"], ["commit", "one"], ["export", "-o", tmp_path / "x", "one"],
                 ["cp", "one:/etc", tmp_path], ["cp", tmp_path, "one:/"], ["start", "-a", "one"]):  # fmt: skip
        result = cli(*line)
        assert (result.code, result.out) == (1, ""), line
        assert result.err.startswith("Error: ") and "root folder" in result.err, line
    assert cli("ps", "-as").code == 0
    assert cli("rm", "one").ok == "one\n"


def test_names_cannot_command_the_terminal(cli, box):
    cli("run", "--name", "one", "-e", "A=\x1b[31m", BASE, "sh", "-c", "touch $'/\\x1b[2J'; : \x1b]0;x\x07")
    for line in (["diff", "one"], ["ps", "-a", "--no-trunc"], ["inspect", "one"]):
        assert not set(cli(*line).ok) & set("\x1b\x07"), line


# What docker has and imagelab has not -----------------------------------------------------------------------------


@pytest.mark.parametrize("line, instead", [
    ("run -it x sh", "'-t' is a docker flag that imagelab does not have: a container here has no terminal"),
    ("run -dp 80:80 x", "'-p' is a docker flag that imagelab does not have: a container here has no network"),
    ("run --volume-driver=nfs x", "'--volume-driver' is a docker flag that imagelab does not have: volumes"),
    ("create --restart always x", "'--restart' is a docker flag that imagelab does not have: start the container"),
    ("exec -u me x id", "'-u' is a docker flag that imagelab does not have: exec runs as the container's user"),
    ("exec -d x id", "'-d' is a docker flag that imagelab does not have: start background programs"),
    ("rm -l x", "'-l' is a docker flag that imagelab does not have: containers have no links"),
])  # fmt: skip
def test_flags_are_refused_by_name(cli, line, instead):
    result = cli(*line.split())
    assert (result.code, result.out) == (125, "")
    assert result.err.startswith(f"imagelab {line.split()[0]}: {instead}")
    assert result.err.count("\n") == 1


def test_every_flag_and_verb_of_docker_s_is_here_or_refused_by_name(cli, tmp_path):
    docker = tools.Tool(tools.find("docker"), "--config", tmp_path)
    verbs = re.findall(r"^  ([a-z]+) +\S", docker("container", "--help").partition("Commands:")[2], re.M)
    assert len(verbs) > 20
    for verb in verbs:
        if unsupported.verb_instead(verb, "imagelab"):
            assert "does not have" in cli("container", verb, "x").err
            continue
        ours = cli("container", verb, "--help").ok
        for flag in re.findall(r"(?<![\w-])--?[a-zA-Z][\w-]*(?= |,)", docker("container", verb, "--help")):
            if not re.search(rf"(?<![\w-]){flag}(?![\w-])", ours):
                error = cli(verb, flag, "1", "x", "y").err
                assert "is a docker flag that imagelab does not have" in error, (verb, flag)


def test_a_notebook_says_docker(home, box, capsys):
    assert run(["run", BASE, "nothere"], name="docker", session=Session(str(home), notebook=True)) == 127
    assert capsys.readouterr().err == 'docker: exec: "nothere": executable file not found in $PATH\n'
