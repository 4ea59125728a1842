"""`%docker` in a real IPython shell, and in a notebook run as CI runs it."""

from __future__ import annotations

import gc
import shlex
from contextlib import contextmanager
from types import SimpleNamespace

import nbformat
import pytest
from IPython.core.interactiveshell import InteractiveShell
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from imagelab import Lab, LabError
from imagelab.cli.magic import CommandFailed, commands, words

BASE = "lab/shell:1.0"


@pytest.fixture
def shell(tmp_path, monkeypatch):
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("IMAGELAB_HOME", str(tmp_path / "default"))
    InteractiveShell.clear_instance()
    shell = InteractiveShell.instance(history_manager=None)
    shell.run_line_magic("load_ext", "imagelab")
    yield shell
    InteractiveShell.clear_instance()


@pytest.fixture
def ask(shell, capsys):
    """Run a cell; returns (what it printed, what it complained of, the error that ended it)."""

    def run(cell):
        capsys.readouterr()
        result = shell.run_cell(cell)
        printed = capsys.readouterr()
        return printed.out, printed.err, result.error_in_exec

    return run


@pytest.fixture
def lab():
    lab = Lab.temporary(epoch=0)
    lab.append(None, {"a": "hi\n"}, tag="myapp:1")
    return lab


def test_a_line(ask, lab):
    assert ask("%docker images --format '{{.Repository}} {{.Size}}'") == ("myapp 3B\n", "", None)
    assert ask("%docker docker images -q")[0] == f"{lab.image('myapp:1').id.short}\n"


def test_braces_and_dollars_belong_to_templates(ask, lab):
    template = "{{range $i, $t := .RepoTags}}{{$i}}:{{$t}} {{end}}{Tag} $ID"
    out, _, _ = ask(f"Tag = ID = '?'\n%docker inspect -f '{template}' myapp:1")
    assert out == "0:myapp:1 {Tag} $ID\n"


def test_a_name_in_braces_is_its_value(ask, lab, tmp_path):
    folder = tmp_path / "a folder"
    folder.mkdir()
    (folder / "Dockerfile").write_text("FROM scratch\nLABEL a=b\n")
    out, err, error = ask(f"folder, Names = __import__('pathlib').Path({str(folder)!r}), 1\n"
                          "%docker build -t x:1 {folder}\n%docker images --format {{.Tag}} x")  # fmt: skip
    assert (err, error) == ("", None)
    assert "Successfully tagged x:1\n1\n" in out
    assert "'{nosuch}'" in ask("%docker history {nosuch}")[1], "a name that is none stays as it is"


def test_a_build_s_story_is_output_without_times(ask, lab, tmp_path):
    """The same words each time, for the programs that run notebooks and compare."""
    (tmp_path / "Dockerfile").write_text("FROM lab/shell:1.0\nRUN echo hi && echo x > /x\n")
    ask(f"folder = {str(tmp_path)!r}")
    said = [ask(f"%docker build {flag} -t x:1 {{folder}}")[:2] for flag in ("", "", "--no-cache", "-q")]
    assert [err for _, err in said] == [""] * 4
    first, again, fresh, quiet = (out.splitlines() for out, _ in said)
    last = [f"Successfully built {lab.image('x:1').id.short}", "Successfully tagged x:1"]
    step = "[2/2] RUN echo hi && echo x > /x"
    start = "[1/2] FROM lab/shell:1.0"
    assert first == [start, "  | hi", f"{step}  2B (not cached: not built before)", *last]
    assert again == [start, f"{step}  CACHED", *last]
    assert fresh == [start, "  | hi", f"{step}  2B (not cached: --no-cache)", *last]
    assert quiet == [lab.image("x:1").id]


def test_a_build_s_warnings_are_output(ask, lab, tmp_path):
    (tmp_path / "Dockerfile").write_text("FROM lab/shell:1.0\nENV PASSWORD=x\n")
    out, err, _ = ask(f"folder = {str(tmp_path)!r}\n%docker build -t x:1 {{folder}}")
    assert err == ""
    assert " 1 warning found (use build --check to expand):\n - SecretsUsedInArgOrEnv: " in out


def test_the_value_of_a_line_is_none(shell, ask, lab):
    ask("found = %docker images -q")
    assert shell.user_ns["found"] is None


def test_a_cell(ask, lab):
    cell = "%%docker\n# two commands\ntag myapp:1 \\\n    myapp:2\n\ndocker images --format '{{.Tag}}'\n"
    out, err, error = ask(cell)
    assert (err, error) == ("", None)
    assert out == "$ docker tag myapp:1 myapp:2\n\n$ docker images --format '{{.Tag}}'\n1\n2\n"
    assert ask("%%docker\nimages -q")[0] == f"{lab.image('myapp:1').id.short}\n" * 2, "one command has no prompt"


def test_a_failed_command_ends_the_cell_in_words(ask, lab):
    out, err, error = ask("%%docker\nhistory nosuch\nrmi myapp:1")
    assert isinstance(error, CommandFailed)
    assert (str(error), error.code) == ("docker history nosuch: exit code 1", 1)
    assert err == "Error: No such image: nosuch\n"
    assert "Traceback" not in out + err and "magic.py" not in out
    assert lab.image("myapp:1"), "the command after it was not run"


@pytest.mark.parametrize(
    "line, code, text",
    [
        ("images --nosuch", 125, "unknown flag: --nosuch\nSee 'docker images --help'.\n"),
        ("attach myapp", 1, "docker: 'attach' is a docker command that imagelab does not have: "),
        ("images 'a", 125, "docker images 'a: no closing quotation\n"),
        ("save myapp:1", 1, "cowardly refusing to save to a terminal. Use the -o flag or redirect\n"),
        ("image prune", 1, "Error: a notebook cell cannot answer a question: add -f if you are sure\n"),
        ("load", 1, "requested load from stdin, but stdin is empty\n"),
    ],
)
def test_mistakes(ask, lab, line, code, text):
    _, err, error = ask(f"%docker {line}")
    assert error.code == code
    assert err.startswith(text)


@pytest.mark.parametrize(
    "line, sign, advice",
    [
        ("images | head", "|", "Run the command without what follows"),
        ("history myapp:1|grep COPY", "|", "Run the command without what follows"),
        ("images >list.txt", ">", "save -o FILE"),
        ("save myapp:1 >> a.tar", ">>", "save -o FILE"),
        ("load < a.tar", "<", "load -i FILE"),
        ("images && docker ps", "&&", "on its own line"),
        ("rmi nosuch || docker ps", "||", "on its own line"),
        ("images; docker ps", ";", "on its own line"),
        ("run myapp:1 &", "&", "on its own line"),
        ("rmi $(docker images -q)", "$(", "Run the inner command first"),
        ("rmi `docker images -q`", "`", "Run the inner command first"),
        ("exec web sh -c 'echo hi' > /note", ">", "%docker exec NAME sh -c '…'"),
    ],
)
def test_what_only_a_shell_could_do_says_what_to_do_instead(ask, lab, tmp_path, monkeypatch, line, sign, advice):
    monkeypatch.chdir(tmp_path)
    out, err, error = ask(f"%docker {line}")
    assert (out, error.code) == (f"docker {line}: exit code 125\n", 125)
    assert not list(tmp_path.glob("*.t*"))
    assert f"%docker runs one docker command, without a shell, which '{sign}' would need" in err
    assert advice in err and err.count("\n") == 1


@pytest.mark.parametrize(
    "text",
    [
        "sh -c 'a | b > c; d && e || f & g'",
        'sh -c "echo $(a) | \\"b\\"; `c`"',
        "echo a\\;b a\\|b",
        "echo '>' \"<none>\"",
    ],
)
def test_a_shell_s_signs_are_allowed_in_quotes(text):
    assert words(f"exec web {text}") == shlex.split(f"exec web {text}")


def test_it_works_on_the_lab_that_was_made_last(ask, lab, tmp_path):
    other = Lab(tmp_path / "other", epoch=0)
    other.append(None, {"b": ""}, tag="other")
    assert ask("%docker images --format {{.Repository}}")[0] == "other\n"
    away = Lab(tmp_path / "away", epoch=0)
    away.append(None, {"c": ""}, tag="away")
    assert other is not None and ask("%docker images --format {{.Repository}}")[0] == "away\n"


def test_another_home_for_one_command_does_not_move_the_bench(ask, lab, tmp_path):
    assert ask(f"%docker --home {tmp_path / 'elsewhere'} images -q") == ("", "", None)
    assert ask("%docker images --format {{.Repository}}")[0] == "myapp\n"


def test_without_a_lab_it_is_the_default_store(ask, tmp_path):
    gc.collect()
    assert Lab.current() is None
    assert ask("%docker info --format '{{.DockerRootDir}}'")[0] == f"{tmp_path / 'default'}\n"


@pytest.mark.parametrize(
    "cell, found",
    [
        ("images", ["images"]),
        ("# no\n\n  images -q  \n#no\nrmi x", ["images -q", "rmi x"]),
        ("tag \\\n a \\\n b", ["tag a b"]),
        ("", []),
    ],
)
def test_commands(cell, found):
    assert commands(cell) == found


def test_words_are_quoted_as_in_a_shell():
    assert words("docker inspect -f '{{.Id}} x' \"a b\" c\\ d") == ["inspect", "-f", "{{.Id}} x", "a b", "c d"]


def test_a_name_in_braces_is_its_value_as_a_word_or_a_part_of_one(tmp_path):
    names = {"name": "shop", "task": SimpleNamespace(folder=tmp_path), "version": 2, "x": "no"}
    values = {
        "{name}": "shop", "{task.folder}": f"{tmp_path}", "{task.folder}/a.tar": f"{tmp_path}/a.tar",
        "{name}:{version}": "shop:2", "host:5000/{name}:1": "host:5000/shop:1", "{name}:/etc/x": "shop:/etc/x",
        "id=a,src={task.folder}/a": f"id=a,src={tmp_path}/a", "--tag={name}": "--tag=shop", "A={version}": "A=2",
    }  # fmt: skip
    assert words(" ".join(values), names) == list(values.values())
    for left in ("{nosuch}", "{nosuch.folder}", "a{name}", "{{.Id}}", "{{x}}", "${x}", "{x}y", "{a:{x}}", "{ x }"):
        assert words(f"inspect '{left}'", names) == ["inspect", left]
    with pytest.raises(LabError, match=r"\{task\.folders\}: .* no attribute 'folders'"):
        words("build {task.folders}", names)


def test_what_is_registered_goes_around_each_command(ask, box, monkeypatch):
    seen = []

    @contextmanager
    def around(lab):
        seen.append((lab is box, len(lab.tags())))
        yield
        seen.append((lab is box, len(lab.tags())))

    box.append(None, {"a": "1"}, "a:1")
    monkeypatch.setattr("imagelab.cli.magic.around_each", [around])
    ask("%%docker\ntag a:1 b:1\ntag nosuch c:1\ntag a:1 d:1")
    assert seen == [(True, 1), (True, 2), (True, 2), (True, 2)], "the third command is not run"


def test_a_notebook_run_by_ci_fails_where_a_command_fails(tmp_path, monkeypatch):
    monkeypatch.setenv("IMAGELAB_HOME", str(tmp_path / "default"))
    cells = ["%load_ext imagelab", "%docker images", "%docker history nosuch", "%docker version"]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    with pytest.raises(CellExecutionError):
        NotebookClient(notebook, timeout=60, kernel_name="python3").execute()
    first, listed, failed, after = (cell.outputs for cell in notebook.cells)
    assert first == [] and after == []
    assert [(o.name, o.text) for o in listed] == [("stdout", "REPOSITORY   TAG       IMAGE ID   CREATED   SIZE\n")]
    assert (failed[0].name, failed[0].text) == ("stderr", "Error: No such image: nosuch\n")
    assert failed[1].output_type == "error"
    assert failed[1].traceback == ["docker history nosuch: exit code 1"]


# Containers: what they print appears in the cell, their exit code is the cell's, and nobody types. -------------------


@pytest.fixture
def box(shell, tmp_path):
    lab = Lab(tmp_path / "home")
    yield lab
    for one in lab.containers():
        one.remove(force=True)


def test_what_it_prints_appears_in_the_cell(ask, box):
    assert ask(f"%docker run --rm {BASE} sh -c 'echo ünd; echo wrong >&2'") == ("ünd\n", "wrong\n", None)


def test_an_exit_code_ends_the_cell(ask, box):
    out, err, error = ask(f"%%docker\nrun --name one {BASE} sh -c 'echo out; exit 3'\nrm one")
    assert "\nout\n" in out and err == ""
    assert isinstance(error, CommandFailed) and error.code == 3
    assert box.container("one").exit_code == 3, "the command after it was not run"
    _, err, error = ask(f"%docker run --rm {BASE} nothere")
    assert (err, error.code) == ('docker: exec: "nothere": executable file not found in $PATH\n', 127)


def test_a_day_with_a_container(ask, box):
    cell = f"""%%docker
    run -d --name web {BASE} sh -c 'echo up; while true; do sleep 1; done'
    exec web sh -c 'echo new > /new'
    diff web
    commit -m 'by hand' web mine:1
    stop -t 0 web
    ps -a --format '{{{{.Names}}}} {{{{.State}}}} {{{{.Image}}}}'
    inspect -f '{{{{.State.ExitCode}}}}' web
    rm web
    run --rm mine:1 cat /new"""
    out, err, error = ask(cell)
    assert (err, error) == ("", None)
    said = [part.split("\n", 1)[1] for part in out.split("$ docker ")[1:]]
    assert said[1:3] == ["\n", "A /new\n\n"]
    assert said[4:] == ["web\n\n", f"web exited {BASE}\n\n", "137\n\n", "web\n\n", "new\n"]


@pytest.mark.parametrize("line", ["run --rm -i {} cat", "run --rm {} cat"])
def test_nobody_types_into_a_cell(ask, box, line):
    assert ask(f"%docker {line.format(BASE)}") == ("", "", None)


def test_what_needs_a_terminal_or_a_pipe_is_refused_in_words(ask, box):
    ask(f"%docker create --name one {BASE} true")
    for line in ("export one", "cp one:/etc -", "cp - one:/etc", "container prune"):
        _, err, error = ask(f"%docker {line}")
        assert error.code == 1 and err.count("\n") == 1, line
    assert "no terminal" in ask(f"%docker run -it {BASE} sh")[1]


def test_in_a_real_kernel(tmp_path, monkeypatch):
    """The cell's output is the container's, in a kernel, where standard output is no file."""
    monkeypatch.setenv("IMAGELAB_HOME", str(tmp_path / "default"))
    cells = ["%load_ext imagelab", f"%docker run --rm {BASE} sh -c 'echo out; echo err >&2'", "%docker ps -aq"]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    NotebookClient(notebook, timeout=60, kernel_name="python3").execute()
    assert sorted((o.name, o.text) for o in notebook.cells[1].outputs) == [("stderr", "err\n"), ("stdout", "out\n")]
    assert notebook.cells[2].outputs == []
