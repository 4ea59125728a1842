"""`commit` and `import` with --change, --message and --author: Docker decides what becomes of the config.

The judge is Docker Engine 20.10. Newer ones take and refuse the same (moby, builder/dockerfile/builder.go).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from imagelab import Lab
from judges import tools
from judges.tools import CommandLine, Tool

COMPARED = ("Cmd", "Entrypoint", "Env", "ExposedPorts", "Healthcheck", "Labels", "OnBuild", "StopSignal", "User",
            "Volumes", "WorkingDir")  # fmt: skip
CHANGES: list[list[str]] = [
    [], ['ENTRYPOINT ["/bin/sh"]'], ['CMD ["x"]', 'ENTRYPOINT ["/e"]'], ['ENTRYPOINT ["/e"]', 'CMD ["x"]'],
    ["ENTRYPOINT run it"], ["CMD echo $Q"], ["CMD []"], ["ENTRYPOINT []"], ["CMD [not json"], ["CMD ['x']"],
    ["ENV A=b$PATH"], ["ENV A=1", "ENV B=$A"], ["ENV A=1 B=$A"], ["ENV A the rest $Q"], ["env Q=b"],
    ["ENV A=${Q:-z}${N:-n}"], ["ENV A=\"x y\" B=z\\ w C='$Q'"], ["ENV\tA=1"], ["  ENV A=1  "],
    ["LABEL a=b \"c d\"='e f' g=\"$Q\""], ["LABEL a the $Q"], ["LABEL k=w"], ["LABEL k="],
    ["EXPOSE 80 53/udp 8000-8001"], ["EXPOSE 0"], ['VOLUME ["/a b", "/$Q"]'], ["VOLUME /d"],
    ["WORKDIR /a"], ["WORKDIR b/../c"], ["WORKDIR /a", "WORKDIR b"], ["USER 1:2"], ["USER $Q"], ["USER a b"],
    ["ONBUILD RUN a", "ONBUILD COPY . ."], ["ONBUILD ENV A=$Q"], ["HEALTHCHECK CMD true"], ["HEALTHCHECK NONE"],
    ["HEALTHCHECK --interval=.5s --timeout=+1m1.s CMD x"],
    ['HEALTHCHECK --interval=5s --retries=3 CMD ["a","b"]'],
    ["ENV A=1\nLABEL b=2"], ["ENV A=1 \\\n B=2"], ["ENV A=1 \\", "B=2"], ["# c\nENV A=1"],
    ["# escape=`\nENV A=c:\\x B=`$Q"],
]  # fmt: skip
REFUSED = {
    "STOPSIGNAL SIGTERM": "stopsignal is not a valid change command",
    'SHELL ["/bin/ash", "-c"]': "shell is not a valid change command",
    "ARG A=1": "arg is not a valid change command", "RUN x": "run is not a valid change command",
    "COPY a /b": "copy is not a valid change command", "FROM x": "from is not a valid change command",
    "MAINTAINER me": "maintainer is not a valid change command", "Fetch x": "fetch is not a valid change command",
    "ENV A=1\nRUN x": "run is not a valid change command", "": "", "# only a comment": "",
    "ENV A": "ENV must have two arguments", "ENV A=b C": "Must be of the form: name=value",
    "ENV A='b": "looking for matching single-quote", "ENV =x": "", "ENV A=${Q": "", "EXPOSE web": "",
    "EXPOSE 70000": "", 'VOLUME [""]': "", "VOLUME": "", "USER": "", "HEALTHCHECK": "", "HEALTHCHECK --x=1 CMD a": "",
    "HEALTHCHECK --interval=0s CMD a": 'Interval "interval" cannot be less than 1ms',
    "HEALTHCHECK --timeout=-5s CMD a": 'Interval "timeout" cannot be less than 1ms',
    "HEALTHCHECK --interval=1d CMD a": "",
    "ONBUILD ONBUILD RUN x": "", "ONBUILD FROM x": "isn't allowed as an ONBUILD trigger", "ONBUILD": "",
}  # fmt: skip


@pytest.fixture(scope="module")
def docker() -> Iterator[Tool]:
    """An Engine on overlay2 where it can be had: with vfs, docker waits for the next full second at every commit."""
    with tools.docker_engine("overlay2", "vfs") as docker:
        yield docker


@pytest.fixture(scope="module")
def both(docker, tmp_path_factory) -> tuple[tuple[Tool, Tool], Path]:
    """Docker and imagelab, each with the containers `web` and `entry` of one image; and a tar to import."""
    folder = tmp_path_factory.mktemp("changes")
    lab = Lab(folder / "home", epoch=0)
    image = lab.append(None, {"bin/x": "x", "etc/passwd": "me:x:1000:1000::/:/bin/sh\n"}).with_config(
        Cmd=["sh"], Env=["PATH=/bin"], ExposedPorts={"1/tcp": {}}, StopSignal="SIGQUIT"
    )
    lab.tag(image, "changing:1")
    lab.save("changing:1", folder / "base.tar")
    ours = CommandLine("imagelab", "--home", folder / "home")
    docker("load", "--input", folder / "base.tar")
    for tool in (docker, ours):
        tool("create", "--name", "web", "-e", "Q=q", "-l", "k=v", "-w", "/wd", "-u", "me", "changing:1", "echo", "hi")
        tool("create", "--name", "entry", "--entrypoint", "/e", "changing:1", "arg")
    (folder / "files.tar").write_bytes(bytes(1024))
    return (docker, ours), folder / "files.tar"


def made(tool: Tool, *words: str | Path) -> Mapping[str, Any]:
    """The config of the image that a command makes, as far as both have it, its comment and its author."""
    image = tool(*words).strip()
    inspected = json.loads(tool("inspect", image))[0]
    config = {key: inspected["Config"].get(key) or None for key in COMPARED}
    config["Env"] = sorted(config["Env"] or [])  # the container's variables and the image's come in either order
    return {**config, "Comment": inspected["Comment"], "Author": inspected["Author"]}


@pytest.mark.parametrize("changes", CHANGES, ids=lambda changes: " + ".join(changes) or "nothing")
def test_docker_makes_the_same_config_of_changes(both, changes):
    tools, archive = both
    options = [word for change in changes for word in ("--change", change)]
    for words in (["commit", *options, "web"], ["commit", *options, "entry"], ["import", *options, archive]):
        theirs, ours = (made(tool, *words) for tool in tools)
        assert ours == theirs, words


@pytest.mark.parametrize("change", REFUSED)
def test_docker_refuses_the_same_changes(both, change):
    tools, archive = both
    for words in (["commit", "--change", change, "web"], ["import", "--change", change, archive]):
        theirs, ours = (tool.run(*words) for tool in tools)
        assert theirs.returncode and ours.returncode, words
        assert REFUSED[change] in theirs.stderr.decode()
        assert REFUSED[change] in ours.stderr.decode()
        assert ours.stderr.startswith(b"Error: ")
        assert ours.stderr.count(b"\n") == 1


def test_a_message_and_an_author_are_the_image_s_own(both, tmp_path):
    """A base of docker's import has a comment of its own, which what is committed on it has not."""
    tools, archive = both
    tools[0]("import", "--message", "of the base", archive, "commented:1")
    tools[0]("save", "--output", tmp_path / "commented.tar", "commented:1")
    tools[1]("load", "--input", tmp_path / "commented.tar")
    for tool in tools:
        tool("create", "--name", "noted", "commented:1", "x")
        tool("commit", "--message", "my note", "--author", "An Author <a@b>", "noted", "noted:1")
        tool("create", "--name", "again", "noted:1", "x")
    for words in (
        ["commit", "--message", "my note", "noted"], ["commit", "noted"], ["commit", "--author", "me", "noted"],
        ["commit", "again"], ["import", "--message", "brought", archive], ["import", archive],
    ):  # fmt: skip
        theirs, ours = (made(tool, *words) for tool in tools)
        assert ours == theirs, words
    histories = [
        [line.split("|") for line in tool("history", "--format", "{{.CreatedBy}}|{{.Comment}}", "noted:1").splitlines()]
        for tool in tools
    ]
    assert histories[0] == histories[1] == [["x", "my note"], ["", "of the base"]]
