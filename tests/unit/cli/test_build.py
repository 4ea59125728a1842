"""`imagelab build`: what it says, where it says it, and what it leaves."""

from __future__ import annotations

import io
import os
import re
import signal
import subprocess
import sys
import tarfile
from contextlib import suppress
from pathlib import Path

import pytest

from imagelab.build.dockerfile import DockerfileError


@pytest.fixture
def context(tmp_path: Path) -> Path:
    folder = tmp_path / "context"
    folder.mkdir()
    (folder / "Dockerfile").write_text('FROM scratch AS app\nCOPY hello.txt /\nENV A=1\nCMD ["/hello"]\n')
    (folder / "hello.txt").write_text("hello\n")
    return folder


def stdin(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))


def test_steps_go_to_stderr_and_the_result_to_stdout(cli, context):
    said = cli("build", "-t", "myapp:1.0", "-t", "myapp", context)
    id_ = cli("images", "-q", "myapp:1.0").ok.strip()
    assert (said.code, said.out) == (
        0, f"Successfully built {id_}\nSuccessfully tagged myapp:1.0\nSuccessfully tagged myapp:latest\n",
    )  # fmt: skip
    first, *rest = said.err.splitlines()
    assert first == "[app 1/4] FROM scratch AS app"
    assert [line.split("  ")[0] for line in rest] == [
        "[app 2/4] COPY hello.txt /", "[app 3/4] ENV A=1", '[app 4/4] CMD ["/hello"]',
    ]  # fmt: skip
    assert all("(not cached: not built before)" in line for line in rest)


def test_a_second_build_finds_every_step_and_the_same_image(cli, context):
    first = cli("build", "-q", context).ok
    assert first.startswith("sha256:")
    result = cli("build", context)
    assert result.err.count("CACHED") == 3
    assert cli("build", "-q", context).ok == first


def test_a_changed_file_is_named_and_a_changed_line_too(cli, context):
    cli("build", context)
    (context / "hello.txt").write_text("HELLO\n")
    error = cli("build", context).err
    assert re.search(r"COPY hello.txt /  done in \d\.\ds, 6B \(not cached: hello.txt changed\)", error)
    text = (context / "Dockerfile").read_text()
    (context / "Dockerfile").write_text(text.replace("A=1", "A=2"))
    error = cli("build", context).err
    assert "COPY hello.txt /  CACHED" in error
    assert re.search(r"ENV A=2  done in \d\.\ds \(not cached: instruction changed: it was 'ENV A=1'\)", error)


def test_no_cache_says_so(cli, context):
    cli("build", context)
    assert cli("build", "--no-cache", context).err.count("(not cached: --no-cache)") == 3


def test_options_reach_the_build(cli, context, tmp_path, monkeypatch):
    (context / "other").write_text("ARG A\nFROM scratch AS one\nARG A\nARG B\nLABEL said=$A$B\nFROM scratch\n")
    monkeypatch.setenv("B", "from the environment")
    options = ["--build-arg", "A=a ", "--build-arg", "B", "--label", "k=v", "--iidfile", tmp_path / "id"]
    result = cli("build", "-f", context / "other", "--target", "one", *options, "-t", "x:1", "--pull", "-q", context)
    assert result.ok == (tmp_path / "id").read_text() + "\n"
    labels = cli("inspect", "--format", "{{json .Config.Labels}}", "x:1").ok
    assert labels == '{"k":"v","said":"a from the environment"}\n'


def test_a_dockerfile_comes_from_stdin(cli, context, monkeypatch):
    stdin(monkeypatch, b"FROM scratch\nCOPY hello.txt /there\n")
    assert cli("build", "-t", "x:1", "-q", "-f", "-", context).code == 0
    assert cli("cat", "x:1", "/there").ok == "hello\n"


def test_a_context_comes_from_stdin(cli, context, monkeypatch):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        archive.add(context, arcname=".")
    stdin(monkeypatch, buffer.getvalue())
    assert cli("build", "-t", "x:1", "-q", "-").code == 0
    assert cli("cat", "x:1", "hello.txt").ok == "hello\n"
    stdin(monkeypatch, b"FROM scratch\nLABEL a=b\n")
    assert cli("build", "-q", "-").code == 0


@pytest.mark.parametrize(
    "dockerfile, why",
    [
        ("FROM nowhere:1", "Dockerfile:1: FROM: there is no image 'nowhere:1' here"),
        ("FROM scratch\nCOPY missing /", "Dockerfile:2: COPY: 'missing' is not in"),
        ("FROM scratch\n\nFOO bar", "Dockerfile:3: unknown instruction: FOO"),
        ("FROM scratch\nADD git@example.com:x.git /", "Dockerfile:2: ADD: imagelab clones no git"),
        ("FROM scratch\nRUN --device=x y", "Dockerfile:2: RUN: imagelab does not support --device"),
        ("", "Dockerfile: there is no FROM"),
    ],
)
def test_a_mistake_is_one_line_with_its_place_and_moves_no_name(cli, context, dockerfile, why):
    cli("build", "-t", "x:1", context)
    before = cli("images", "-q", "x:1").ok
    (context / "Dockerfile").write_text(dockerfile)
    said = cli("build", "-t", "x:1", context)
    *_, last = said.err.splitlines()
    assert (said.code, said.out) == (1, "") and why in last and "Traceback" not in said.err
    assert cli("images", "-q", "x:1").ok == before and cli("verify").code == 0


@pytest.mark.parametrize(
    "args, why",
    [
        (["nowhere"], "unable to prepare context: path 'nowhere' not found"),
        ([], '"imagelab build" requires exactly 1 argument.'),
        (["--progress", "loud", "CONTEXT"], "invalid progress value: loud"),
        (["--target", "nope", "CONTEXT"], "failed to reach build target nope"),
        (["-f", "nowhere", "CONTEXT"], "there is no 'nowhere'"),
        (["-f", "-", "-"], "can't use stdin for both"),
    ],
)
def test_a_wrong_command_line_is_told(cli, context, args, why):
    result = cli("build", *(context if arg == "CONTEXT" else arg for arg in args))
    assert result.code == 1 and why in result.err


def test_a_name_that_cannot_be_is_a_flag_that_cannot_be_read(cli, context):
    result = cli("build", "-t", "My:1", context)
    assert result.code == 125
    assert result.err.startswith('invalid argument "My:1" for "-t, --tag" flag: invalid reference')


def test_a_file_is_no_context_and_a_tar_comes_on_stdin(cli, context):
    result = cli("build", context / "Dockerfile")
    where = f"unable to prepare context: context must be a directory: {context}/Dockerfile"
    assert (result.code, result.out) == (1, "")
    assert result.err == f"{where}: pass a tar on STDIN, with '-'\n"


def test_a_build_argument_that_nothing_asks_for_is_a_warning_as_docker_has_it(cli, context):
    result = cli("build", "--build-arg", "NOPE=1", context)
    assert result.code == 0 and result.err.endswith("[Warning] One or more build-args [NOPE] were not consumed\n")


def test_what_a_program_prints_stands_under_its_step(cli, context):
    (context / "Dockerfile").write_text("FROM lab/shell\nRUN echo one && echo two >&2 && echo 3 > /three\n")
    result = cli("build", "-t", "x:1", context)
    assert "  | one\n" in result.err and "  | two\n" in result.err and cli("cat", "x:1", "three").ok == "3\n"
    (context / "Dockerfile").write_text("FROM lab/shell\nRUN echo last words && exit 7\n")
    result = cli("build", context)
    assert "  | last words\n" in result.err
    assert "Dockerfile:2: RUN: process" in result.err and "exit code: 7" in result.err


def test_a_failing_program_s_last_words_are_told_where_nothing_else_was(cli, context, lab):
    (context / "Dockerfile").write_text("FROM lab/shell\nRUN echo before\nRUN echo why >&2 && exit 7\n")
    result = cli("build", "-q", context)
    assert result.out == "" and "before" not in result.err
    assert re.search(r"^Error: Dockerfile:3: RUN: .* exit code: 7; it printed last: why\n$", result.err)
    with pytest.raises(DockerfileError, match=r"exit code: 7; it printed last: why$"):
        lab.build(context)
    assert cli("build", context).err.count("| why") == 1


def alive(home: Path) -> list[Path]:
    """The processes that were started for this home: forks have the words of their parent."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if os.fsencode(home) in (process / "cmdline").read_bytes():
                found.append(process)
    return found


@pytest.mark.skipif(sys.platform != "linux", reason="needs Linux, whose kernel ends a program with its parent")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_command_that_is_stopped_takes_its_program_along_and_leaves_nothing(home, lab, tmp_path, number):
    told, place = tmp_path / "Dockerfile", tmp_path / "tmp"
    told.write_text("FROM lab/shell:1.0\nRUN echo up && sleep 300\n")
    place.mkdir()
    command = [sys.executable, "-m", "imagelab", "--home", str(home), "build", "-f", str(told), str(place)]
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env={**os.environ, "TMPDIR": str(place)}
    ) as process:
        while "| up" not in process.stderr.readline():
            assert process.poll() is None
        assert len(alive(home)) == 2
        process.send_signal(number)
        said = process.stderr.read()
        process.wait()
    while alive(home):  # the kernel is on its way
        pass
    if number == signal.SIGINT:
        assert process.returncode == 130
        assert said == "the build was interrupted: no image was made and no name moved\n"
    assert list(place.iterdir()) == []
    lab.gc()
    assert list((home / "tmp").iterdir()) == []
    assert lab.verify() == []


@pytest.mark.parametrize(
    "flags",
    [
        "--rm", "--rm=false", "--force-rm", "--compress", "--load", "--disable-content-trust", "--memory 1g -c 512",
        "-m 1g --memory-swap=-1", "--cpu-period 1 --cpu-quota 2 --cpuset-cpus 0 --cpuset-mems 0", "--network none",
        "--network=default", "--provenance=false --sbom=true", "--cache-from x --cache-from type=gha",
        "--ulimit nofile=9:9 --shm-size 64m --cgroup-parent x --isolation default --security-opt x",
        "--progress plain --pull=false",
    ],
)  # fmt: skip
def test_docker_s_flags_that_change_nothing_are_accepted(cli, context, flags):
    assert cli("build", "-q", *flags.split(), context).ok == cli("build", "-q", context).ok


def test_flags_that_change_nothing_are_not_in_the_help(cli):
    printed = cli("build", "--help").ok
    assert "--target" in printed
    assert not re.search("memory|cgroup|provenance|--rm", printed)


@pytest.mark.parametrize(
    "flags, why",
    [
        ("--cache-to x", "the cache is in the store"),
        ("--attest type=sbom", "imagelab makes no attestations"),
        ("--annotation a=b", "use --label"),
        ("--ssh default", "no ssh agent is forwarded to a build"),
        ("--builder x", "there is one builder"),
        ("--build-context a=b", "use a stage"),
        ("--add-host a:1.2.3.4", "no network"),
        ("--metadata-file x", "use --iidfile"),
        ("--no-cache-filter a", "use --no-cache"),
    ],
)
def test_docker_s_other_flags_are_refused_by_name(cli, context, flags, why):
    result = cli("build", *flags.split(), context)
    assert (result.code, result.out) == (125, "")
    assert f"'{flags.split()[0]}' is a docker flag that imagelab does not have: " in result.err
    assert why in result.err


def test_a_run_has_no_network_of_this_machine(cli, context):
    result = cli("build", "--network", "host", context)
    assert result.code == 125
    assert result.err.startswith(
        'invalid argument "host" for "--network" flag: a RUN has no network of this machine: expected default or none'
    )


@pytest.mark.parametrize("words", ["buildx build", "buildx b", "builder build", "image build"])
def test_build_by_its_other_names(cli, context, words):
    assert cli(*words.split(), "-q", "-t", "x:1", context).ok == cli("build", "-q", context).ok
    assert cli("images", "-q", "x:1").ok


@pytest.mark.parametrize(
    "words, why",
    [
        ("bake", "use imagelab build, once for each target"),
        ("imagetools inspect x", "use imagelab manifest inspect"),
        ("create --use", "there is one builder, in the store"),
        ("ls", "there is one builder, in the store"),
    ],
)
def test_the_rest_of_buildx_is_refused_by_name(cli, words, why):
    result = cli("buildx", *words.split())
    assert (result.code, result.out) == (1, "")
    assert result.err == (
        f"imagelab: 'buildx {words.split()[0]}' is a docker command that imagelab does not have: {why}\n"
    )


def test_a_secret_from_a_file_or_a_variable(cli, context, tmp_path, monkeypatch):
    text = "FROM lab/shell:1.0\nRUN --mount=type=secret,id=x cat /run/secrets/x | wc -c > /size\nCMD {0}\n"
    (tmp_path / "secret").write_text("12345")
    monkeypatch.setenv("TOKEN", "123")
    given = [
        (f"id=x,src={tmp_path}/secret", "5"), (f"type=file,id=x,source={tmp_path}/secret", "5"),
        ("id=x,env=TOKEN", "3"), ("type=env,id=x,src=TOKEN", "3"),
    ]  # fmt: skip
    for flags, size in given:
        (context / "Dockerfile").write_text(text.format(flags.replace(",", " ")))
        assert cli("build", "-q", "--no-cache", "-t", "x", "--secret", flags, context).code == 0
        assert cli("cat", "x", "/size").ok.strip() == size
    (context / "Dockerfile").write_text(text.replace("id=x", "id=TOKEN,target=/run/secrets/x"))
    assert cli("build", "-q", "-t", "x", "--secret", "id=TOKEN", context).code == 0
    assert cli("cat", "x", "/size").ok.strip() == "3"


@pytest.mark.parametrize(
    "given, why",
    [
        ("src=x", "secret missing ID"),
        ("id=x,src=/no/such/file", "failed to stat /no/such/file: no such file"),
        ("id", "invalid field 'id' must be a key=value pair"),
        ("id=x,what=y", "unexpected key 'what' in 'what=y'"),
        ("id=x,type=y", 'unsupported secret type "y"'),
    ],
)
def test_a_secret_that_cannot_be_had(cli, context, given, why):
    result = cli("build", "--secret", given, context)
    assert (result.code, result.out) == (125, "")
    assert result.err.startswith(f'invalid argument "{given}" for "--secret" flag: {why}\n')


def test_cache_directories_are_counted_and_pruned(cli, context, monkeypatch):
    text = "FROM lab/shell:1.0\nRUN --mount=type=cache,target=/c echo 1234 > /c/x\n"
    (context / "Dockerfile").write_text(text)
    cli("build", "-q", context)
    assert cli("system", "df").rows[-1] == ["Build Cache", "1", "0", "5B", "5B (100%)"]
    shown = cli("system", "df", "-v").ok
    row = r"(\w{12}) +exec.cachemount +5B +\S.* ago +\S.* ago +1 +false\n"
    key = re.search(r"Build cache usage: 5B\n\nCACHE ID.*\n" + row, shown)
    assert key
    stdin(monkeypatch, b"n\n")
    printed = cli("builder", "prune").ok
    assert printed == (
        "WARNING! This will remove all dangling build cache. Are you sure you want to continue? [y/N] "
        "Total reclaimed space: 0B\n"
    )
    printed = cli("builder", "prune", "--force").ok
    assert re.fullmatch(r"Deleted build cache objects:\n" + key[1] + r"\w+\n\nTotal reclaimed space: 5B\n", printed)
    assert cli("buildx", "prune", "-f").ok == "Total reclaimed space: 0B\n"
    assert cli("system", "df").rows[-1] == ["Build Cache", "0", "0", "0B", "0B"]
    assert "CACHED" in cli("build", context).err
    assert cli("builder", "prune", "-af").ok == "Total reclaimed space: 0B\n"
    assert "(not cached: not built before)" in cli("build", context).err
    assert "every cache directory that no build is using" in cli("builder", "prune", "--filter", "until=1h").err


def test_syntax_and_check_are_directives(cli, context):
    plain = cli("build", "-q", context).ok
    text = (context / "Dockerfile").read_text()
    for head in ("# syntax=docker/dockerfile:1\n", "# check=skip=all;error=true\n# syntax = docker/dockerfile:1.7\n"):
        (context / "Dockerfile").write_text(head + text)
        assert cli("build", "-q", context).ok == plain


def test_the_files_of_an_image_go_to_a_folder(cli, context, tmp_path):
    (context / "Dockerfile").write_text(
        "FROM lab/shell:1.0 AS made\nRUN mkdir /d && echo made > /d/x && chmod 700 /d/x && ln -s x /d/l\n"
        "FROM scratch\nCOPY --from=made /d /\n"
    )
    out = tmp_path / "new" / "out"
    assert cli("build", "-t", "x:1", "-o", out, context).out.startswith("Successfully built ")
    assert {path.name: path.read_text() for path in out.iterdir()} == {"x": "made\n", "l": "made\n"}
    assert ((out / "x").stat().st_mode & 0o777, os.readlink(out / "l")) == (0o700, "x")
    assert cli("images", "-q", "x:1").ok == ""  # as in docker
    (out / "mine").write_text("stays")
    (out / "x").write_text("goes")
    assert cli("build", "-q", f"--output=type=local,dest={out}", context).code == 0
    assert sorted(path.name for path in out.iterdir()) == ["l", "mine", "x"]
    assert (out / "x").read_text() == "made\n"
    assert cli("build", "-q", "-t", "x:1", "-o", "type=image", "--output", "type=docker", context).code == 0
    assert cli("images", "-q", "x:1").ok


@pytest.mark.parametrize(
    "output, why",
    [
        ("dest=x", "type is required for output"),
        ("type=local", "dest is required for local exporter"),
        ("-", "dest is required for local exporter"),
        ("type=oci,dest=x.tar", "expected a folder, or type=local, image, docker or registry: save writes archives"),
    ],
)
def test_what_is_no_output(cli, context, output, why):
    result = cli("build", "-o", output, context)
    assert (result.code, result.out) == (125, "")
    assert result.err.startswith(f'invalid argument "{output}" for "-o, --output" flag: {why}\n')


@pytest.mark.parametrize("flags", ["--push", "-o type=registry", "--output type=image,name=x,push=true"])
def test_a_build_that_pushes(cli, lab, context, flags):
    with lab.registry() as registry:
        name = f"{registry.address}/shop:1"
        result = cli("build", *flags.split(), "-t", name, context)
        assert result.out.startswith("Successfully built ")
        assert re.search(rf"The push refers to repository \[{registry.address}/shop\]\n", result.out)
        assert re.search(r"\n1: digest: sha256:\w{64} size: \d+\n$", result.out)
        assert cli("pull", "-q", name).ok
    result = cli("build", *flags.split(), context)
    assert (result.code, result.err) == (1, "tag is needed when pushing to registry\n")


def test_warnings_after_a_build(cli, context):
    (context / "Dockerfile").write_text("FROM scratch\nCOPY hello.txt /\nCMD hello\nMAINTAINER me\n")
    result = cli("build", context)
    assert result.err.endswith(
        "\n\n 2 warnings found (use build --check to expand):\n"
        " - JSONArgsRecommended: JSON arguments recommended for CMD to prevent unintended behavior related to OS "
        "signals (line 3)\n"
        " - MaintainerDeprecated: Maintainer instruction is deprecated in favor of using label (line 4)\n\n"
    )
    assert result.out.startswith("Successfully built ")
    assert cli("build", "-q", context).ok.startswith("sha256:")


def test_check_builds_nothing_and_shows_the_lines(cli, context):
    assert cli("build", "--check", context).ok == "Check complete, no warnings found.\n"
    text = "FROM scratch\nENV A=$NONE \\\n  B=2\nCOPY none /\nCMD [\"x\"]"
    (context / "Dockerfile").write_text(text)
    result = cli("build", "--check", context)
    assert (result.code, result.err) == (1, "")
    assert result.out == (
        "Check complete, 1 warning has been found!\n\n"
        "WARNING: UndefinedVar - https://docs.docker.com/go/dockerfile/rule/undefined-var/\n"
        "Usage of undefined variable '$NONE'\nDockerfile:2\n--------------------\n"
        "   1 |     FROM scratch\n   2 | >>> ENV A=$NONE \\\n   3 | >>>   B=2\n   4 |     COPY none /\n"
        "--------------------\n"
    )
    assert cli("images", "-aq").ok == ""
    result = cli("build", "--check", "--build-arg", "NONE=1", "--target", "nope", context)
    assert (result.code, "failed to reach build target nope" in result.err) == (1, True)
