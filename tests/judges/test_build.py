"""Docker builds the same Dockerfiles from the same contexts; what comes out must be the same.

The judge is the BuildKit inside Docker 20.10, as Debian has it. It needs no network, and it is older than the
Dockerfile reference that we follow: cases with newer words come with the same in older ones.
"""

from __future__ import annotations

import http.server
import json
import os
import re
import subprocess
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from imagelab import Lab
from imagelab.build import config
from imagelab.build.progress import BuildStep, Watcher
from imagelab.cli import run
from imagelab.cli.command import Session
from imagelab.filesystem.entry import Entry
from imagelab.oci.image import Image
from judges.dockerfiles import CASES, LONG_AGO, TREE, Case, write
from judges.tools import Tool
from judges.trees import Found, of_image

CONFIG = ("Env", "Cmd", "Entrypoint", "WorkingDir", "User", "Labels", "ExposedPorts", "Volumes", "StopSignal", "Shell",
          "OnBuild", "Healthcheck")  # fmt: skip
PASSWD = "root:x:0:0::/root:/bin/sh\nme:x:1000:1000::/home/me:/bin/sh\n"
GROUP = "root:x:0:\nme:x:1000:\nstaff:x:50:me\n"

# What is meant to be otherwise: our words in the history, the judge's for the same, and why ours are others.
OTHER_WORDS = [
    (r"^(COPY|ADD)(?: --(?:chown|chmod)=\S+)+", r"\1", "newer BuildKits say --chown and --chmod, the judge's does not"),
    (r'^(HEALTHCHECK .* "\w+" "\w+" "\w+") "\w+" ', r"\1 ", "newer ones have --start-interval, a fourth time"),
]
# And what is not compared. Times of folders: when something was last put into them, which each builder does in its own
# order. For cases in newer words than the judge's: history, layers and times, as its Dockerfile is another one.
REPHRASED = ("created_by", "layers", "empty")


@pytest.fixture(scope="module")
def base(docker, busybox, tmp_path_factory) -> Path:
    """An archive of busybox's tree made into an image here, which Docker has loaded too."""
    folder = tmp_path_factory.mktemp("base")
    applets = subprocess.run([busybox, "--list"], capture_output=True, text=True, check=True).stdout.split()
    files: dict[str, Any] = {f"bin/{name}": Entry.symlink("busybox") for name in applets}
    files |= {
        "bin/busybox": Entry.file(busybox.read_bytes(), 0o755), "etc/passwd": PASSWD, "etc/group": GROUP,
        "dev": Entry.dir(), "proc": Entry.dir(), "sys": Entry.dir(), "tmp": Entry.dir(0o1777),
        "root": Entry.dir(0o700), "home/me": Entry.dir(uid=1000, gid=1000),
        "srv/real/x": "x", "srv/link": Entry.symlink("real"), "srv/out": Entry.symlink("/../tmp/out"),
        "srv/flink": Entry.symlink("real/x"),
    }  # fmt: skip
    lab = Lab(folder / "home", epoch=LONG_AGO)
    image = lab.append(None, files)
    image = image.with_config(Env=["PATH=/usr/local/bin:/bin", "BASE=yes"], Cmd=["sh"], Labels={"of": "base"})
    lab.tag(image, "base:1")
    on = lab.build(dict(TREE) | {"Dockerfile": CASES["onbuild"].dockerfile}, "on:1").image
    assert on.config["config"]["OnBuild"]
    lab.save(["base:1", "on:1"], folder / "base.tar")
    docker("load", "--input", folder / "base.tar")
    return folder / "base.tar"


class Output(Watcher):
    """Keeps what RUN prints."""

    def __init__(self) -> None:
        self.said: dict[str, bytes] = {}

    def output(self, step: BuildStep, stream: str, data: bytes) -> None:
        self.said[stream] = self.text(stream) + data

    def text(self, stream: str) -> bytes:
        return self.said.get(stream, b"")


def build_theirs(docker: Tool, case: Case, folder: Path, tag: str) -> Path:
    """An archive of the case as Docker builds it."""
    folder.mkdir()
    write(case, folder)
    if case.theirs:
        (folder / "Dockerfile").write_text(case.theirs)
    command = [*docker.command, "build", "--network", "none", "--no-cache", "--tag", tag]
    command += [word for name, value in case.args.items() for word in ("--build-arg", f"{name}={value}")]
    command += [word for name, value in case.labels.items() for word in ("--label", f"{name}={value}")]
    command += ["--target", case.target] if case.target else []
    for name, secret in case.secrets.items():
        folder.with_name(f"{folder.name}.{name}").write_bytes(secret)
        command += ["--secret", f"id={name},src={folder}.{name}"]
    done = subprocess.run(
        [*command, folder], env={"DOCKER_BUILDKIT": "1", "PATH": os.environ["PATH"]}, capture_output=True, timeout=300
    )
    assert done.returncode == 0, done.stderr.decode()
    docker("save", "--output", f"{folder}.tar", tag)
    return Path(f"{folder}.tar")


@pytest.fixture(scope="module")
def theirs(docker, base, request, tmp_path_factory) -> Iterator[tuple[float, dict[str, Future[Path]]]]:
    """When Docker began to build, and what it builds, several at a time: it waits for a full second at each layer."""
    folder, began = tmp_path_factory.mktemp("theirs"), time.time()
    names = {item.callspec.params["name"] for item in request.session.items if "test_docker_builds" in item.name}
    with ThreadPoolExecutor(6) as pool:
        yield began, {
            name: pool.submit(build_theirs, docker, case, folder / str(number), f"theirs:{number}")
            for number, (name, case) in enumerate(CASES.items()) if name in names
        }  # fmt: skip


def aspects(image: Image, began: float) -> dict[str, Any]:
    """All that is compared."""
    found = image.config.get("config") or {}
    history = [(step.created_by, step.layer is None) for step in image.steps]
    return {
        "files": {path: _now(entry, began) for path, entry in of_image(image.tree()).items()},
        **{key: found.get(key) or None for key in CONFIG},
        "author": image.config.get("author"),
        "layers": len(image.layers),
        "empty": [empty for _, empty in history],
        "created_by": [text for text, _ in history][2:],
    }


def _now(entry: Found, began: float) -> Found:
    """A time of the build itself is only "now"; that of a folder is when something was last put into it."""
    return entry._replace(mtime=-1) if entry.mtime >= int(began) or entry.kind == "dir" else entry


def different(theirs: Mapping[str, Any], ours: Mapping[str, Any]) -> dict[str, str]:
    """Aspect → what each has, for those that differ."""
    found = {key: f"\n  theirs {theirs[key]}\n  ours   {ours[key]}" for key in theirs if theirs[key] != ours[key]}
    if "files" in found:
        a, b = theirs["files"], ours["files"]
        found["files"] = "".join(
            f"\n  {path!r}:\n    theirs {a.get(path)}\n    ours   {b.get(path)}"
            for path in sorted({*a, *b})
            if a.get(path) != b.get(path)
        )
    return found


@pytest.mark.parametrize("name", CASES)
def test_docker_builds_the_same(theirs, base, name, tmp_path):
    case = CASES[name]
    folder = tmp_path / "context"
    folder.mkdir()
    write(case, folder)
    lab = Lab(tmp_path / "home")
    lab.load(base)
    began = 0 if case.theirs else theirs[0]
    ours = lab.build(
        folder, "ours:1", build_args=case.args, target=case.target, labels=case.labels, secrets=case.secrets
    ).image
    [loaded] = lab.load(theirs[1][name].result())
    told = aspects(ours, began)
    for ours_says, theirs_says, _ in OTHER_WORDS:
        told["created_by"] = [re.sub(ours_says, theirs_says, line) for line in told["created_by"]]
    found = different(aspects(loaded.image, began), told)
    left = {aspect: told for aspect, told in found.items() if not (case.theirs and aspect in REPHRASED)}
    assert not left, "\n".join(f"{aspect}: {told}" for aspect, told in left.items())


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers each GET, with a time of the last change for some paths."""

    def do_GET(self) -> None:
        self.send_response(200)
        if "dated" in self.path:
            self.send_header("Last-Modified", "Sun, 09 Sep 2001 01:46:40 GMT")
        self.send_header("Content-Length", "5")
        self.end_headers()
        self.wfile.write(b"12345")

    def log_message(self, format: str, *args: object) -> None:
        """Be quiet."""


def test_docker_adds_the_same_from_a_url(docker, base, tmp_path):
    began = time.time()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        url = f"http://127.0.0.1:{server.server_port}"
        case = Case(
            f"FROM base:1\nADD {url}/dated/x.txt {url}/y%20z?q=1 /to/\nADD --chown=7:8 {url}/dated /name\n"
            f"ADD {url}/dated/w app.py /both/\n", TREE,
        )  # fmt: skip
        (tmp_path / "context").mkdir()
        write(case, tmp_path / "context")
        lab = Lab(tmp_path / "home")
        lab.load(base)
        [loaded] = lab.load(build_theirs(docker, case, tmp_path / "theirs", "theirs:url"))
        told = aspects(lab.build(tmp_path / "context").image, began)
        server.shutdown()
        thread.join()
    for ours_says, theirs_says, _ in OTHER_WORDS:
        told["created_by"] = [re.sub(ours_says, theirs_says, line) for line in told["created_by"]]
    assert not different(aspects(loaded.image, began), told)


@pytest.mark.parametrize(("buildkit", "like"), [("0", []), ("1", ["--as", "29"])], ids=["classic", "BuildKit"])
def test_a_step_is_missing_where_docker_says_so(docker, base, buildkit, like, tmp_path, capsys):
    """The classic builder makes an image for each step, as ours does; of what BuildKit builds, only the last is one.

    The steps below are those of a base image that was loaded.
    """
    folder = tmp_path / "context"
    folder.mkdir()
    (folder / "menu.txt").write_text("soup 4\n")
    (folder / "Dockerfile").write_text("FROM base:1\nCOPY menu.txt /\nENV PORT=8080\nEXPOSE 8080\nCMD cat /menu.txt\n")
    environment = {"DOCKER_BUILDKIT": buildkit, "PATH": os.environ["PATH"]}
    subprocess.run([*docker.command, "build", "--tag", "steps:1", folder], env=environment, check=True, timeout=300)
    theirs = docker("history", "--format", "{{.ID}}", "steps:1").split()
    lab = Lab(tmp_path / "home")
    lab.load(base)
    lab.build(folder, "steps:1")
    capsys.readouterr()
    assert run([*like, "history", "--format", "{{.ID}}", "steps:1"], session=Session(lab=lab)) == 0
    ours = capsys.readouterr().out.split()
    assert [id_ == "<missing>" for id_ in ours] == [id_ == "<missing>" for id_ in theirs]
    assert len(theirs) == 6 and theirs.count("<missing>") == (5 if like else 1)


SCRIPTS = {
    "who and where": "id -u; id -g; pwd; umask; echo $HOME; echo $0 $# $PATH $A",
    "what lies here": "ls -a; find /srv /app -type l -exec readlink {} +; cat one; stat -c '%a OWNER %s' * /tmp /srv",
    "both streams, many lines": "for i in $(seq 5000); do echo line $i of many; done; echo done 1>&2",
    "pipes and substitutions": "echo $(wc -c < one) | sed 's/^/size /'; (exit 3); echo $?; "
    "cat <<X | tr a-z A-Z\nhi $A\nX\n",
    "its processes": "echo $$ > /dev/null; ls -d /proc/1 /proc/self/fd/0; cat /dev/null; [ -w /dev/full ] && echo full",
    "no network": "cat /proc/net/dev | grep -c :; wget -q http://127.0.0.1:9/ || echo no",
}


@pytest.mark.parametrize("user", ["root", "me", "1234:50"])
@pytest.mark.parametrize("name", SCRIPTS)
def test_docker_run_prints_what_our_run_printed(docker, base, name, user, tmp_path):
    start = (
        "FROM base:1\nENV A='one two'\nWORKDIR /app\nCOPY --chown=me files .\nRUN ln -s one two && chmod 640 one\n"
        f"USER {user}\n"
    )
    script = re.sub(r"\bone\b", "three", SCRIPTS[name]) if user == "1234:50" else SCRIPTS[name]
    script = script.replace("OWNER", "%u:%g" if user == "root" else "")  # others see nobody's files in a user namespace
    context = {"files/one": "1\n", "files/three": "3\n"}
    lab = Lab(tmp_path / "home")
    lab.load(base)
    image = lab.build({**context, "Dockerfile": start}, "start:1").image
    lab.save(["start:1"], tmp_path / "start.tar")
    docker("load", "--input", tmp_path / "start.tar")
    theirs = docker.run("run", "--rm", "--network", "none", "start:1", "sh", "-c", script)
    watcher = Output()
    run = json.dumps(["sh", "-c", script])
    lab.build({**context, "Dockerfile": f"{start}RUN {run}"}, watcher=watcher)
    assert theirs.returncode == 0, theirs.stderr
    assert watcher.text("stdout") == theirs.stdout
    assert watcher.text("stderr") == theirs.stderr
    assert image.layers


def test_docker_runs_what_was_built(docker, base, tmp_path):
    """Files from COPY, RUN and another stage, the entry point, its user and its folder, in a container of Docker's."""
    dockerfile = (
        "FROM base:1 AS made\nRUN mkdir /out && echo built > /out/f\nFROM base:1\nWORKDIR /app\n"
        "COPY --from=made /out .\n"
        'COPY --chmod=755 <<"EOF" go\n#!/bin/sh\necho "$@" $(id -u) $(pwd) $(cat f) $WHO\nEOF\nUSER me\nENV WHO=you\n'
        'ENTRYPOINT ["/app/go", "with"]\nCMD ["two words"]\n'
    )
    lab = Lab(tmp_path / "home")
    lab.load(base)
    lab.build({"Dockerfile": dockerfile}, "done:1")
    lab.save(["done:1"], tmp_path / "done.tar")
    docker("load", "--input", tmp_path / "done.tar")
    assert docker("run", "--rm", "--network", "none", "done:1") == "with two words 1000 /app built you\n"


def test_the_cases_are_of_all_kinds():
    """So that none is lost: every instruction of the Dockerfile reference is in some case."""
    told = "\n".join(c.dockerfile.decode() if isinstance(c.dockerfile, bytes) else c.dockerfile for c in CASES.values())
    kinds = {*config.WRITES, "FROM", "ARG", "COPY", "ADD", "RUN", "WORKDIR"}
    assert {line.split()[0] for line in told.splitlines() if line.strip()} >= kinds
    assert len(CASES) >= 25
