"""`inspect` has every key that Docker 20.10 has, in its order, with values of its types, in JSON and in templates."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from imagelab import Entry, Lab
from judges.tools import CommandLine, Tool

OTHER_TYPE = {".GraphDriver.Data": "null with vfs; with overlay2 a map that has MergedDir, as here"}
UNLIKE = {".Id", ".NetworkSettings.Networks"}  # an ID by chance; a template shows the address of what is in a map
Pair = tuple[Any, Any]


@pytest.fixture(scope="module")
def pairs(
    docker: Tool, busybox: Path, bwrap: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, tuple[Tool, Tool, Pair]]]:  # fmt: skip
    """What both say of an image, and of containers that were created, run and have ended."""
    folder = tmp_path_factory.mktemp("inspect")
    lab = Lab(folder / "made", epoch=1_600_000_000)
    files = {"bin/busybox": Entry.file(busybox.read_bytes(), 0o755), "etc/passwd": "root:x:0:0::/:/bin/sh\n"}
    files |= {f"bin/{name}": Entry.symlink("busybox") for name in ("sh", "sleep", "true")}
    settings = {"Env": ["PATH=/bin"], "Labels": {"a": "b"}, "ExposedPorts": {"80/tcp": {}}, "Cmd": ["true"]}
    lab.tag(lab.append(None, files).with_config(**settings), "keys:1")
    lab.save("keys:1", folder / "image.tar")
    tools = docker, CommandLine("imagelab", "--home", folder / "home")
    try:
        for tool in tools:
            tool("load", "--input", folder / "image.tar")
            tool("create", "--network=none", "--name", "created", "keys:1", "sh", "-c", "x")
            tool("run", "--detach", "--network=none", "--name", "running", "keys:1", "sleep", "1000")
            tool("run", "--network=none", "--name", "exited", "keys:1")
        yield {
            name: (*tools, tuple(json.loads(tool("inspect", *flags, name))[0] for tool in tools))
            for name, *flags in (("keys:1",), ("created",), ("running",), ("exited", "--size"))
        }
    finally:
        for tool in tools:
            tool.run("rm", "--force", "created", "running", "exited")
            tool.run("rmi", "--force", "keys:1")


def compared(theirs: Any, ours: Any, path: str = "") -> Iterator[str]:
    """What is other than a value: keys, their order, types."""
    if isinstance(theirs, dict) and isinstance(ours, dict):
        if list(theirs) != list(ours):
            yield f"{path or '.'}: {list(theirs)} and {list(ours)}"
        for key in theirs.keys() & ours.keys():
            yield from compared(theirs[key], ours[key], f"{path}.{key}")
    elif type(theirs) is not type(ours) and path not in OTHER_TYPE:
        yield f"{path}: {theirs!r} and {ours!r}"


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    for key, below in value.items():
        if isinstance(below, dict) and below and key not in ("Networks", "Labels", "ExposedPorts", "Data"):
            yield from leaves(below, f"{path}.{key}")
        else:
            yield f"{path}.{key}", below


@pytest.mark.parametrize("name", ["keys:1", "created", "running", "exited"])
def test_the_same_keys_in_the_same_order_with_the_same_types(pairs, name):
    theirs, ours = pairs[name][2]
    assert len(theirs) >= 18
    assert not list(compared(theirs, ours))


@pytest.mark.parametrize("name", ["keys:1", "created"])
def test_templates_print_the_same_for_what_is_the_same(pairs, name):
    docker, imagelab, (theirs, ours) = pairs[name]
    values = dict(leaves(ours))
    same = [path for path, value in leaves(theirs) if value == values[path] and path not in UNLIKE]
    assert len(same) > (30 if name == "keys:1" else 110)
    unlike = [path for path in same if "Dns" in path or ("Cpu" in path and "Cpuset" not in path)]  # Go: DNS, CPU
    typed = [path for path in same if path not in unlike]
    named = [path.replace("Dns", "DNS").replace("Cpu", "CPU") for path in unlike]
    for paths in filter(None, (typed, named, same)):  # the last one is tried on the plain JSON, as those names ask for
        template = "\n".join(f"{path} {{{{{path}}}}} {{{{json {path}}}}}" for path in paths)
        answers = [tool("inspect", "--format", template, name).splitlines() for tool in (docker, imagelab)]
        assert answers[0] == answers[1]


@pytest.mark.parametrize(
    "template",
    [
        "{{.NetworkSettings.IPAddress}}", "{{range .NetworkSettings.Networks}}[{{.IPAddress}}]{{end}}",
        "{{range $name, $net := .NetworkSettings.Networks}}{{$name}}{{end}}", "{{.HostConfig.LogConfig.Type}}",
        "{{json .HostConfig.PortBindings}}", "{{.HostConfig.RestartPolicy.Name}}", "{{range .Mounts}}x{{end}}",
        "{{.State.Status}} {{.State.Running}}", "{{.Config.Image}} {{.Path}} {{.Args}}", "{{.GraphDriver.Data}}",
        "{{.HostConfig.Memory}} {{.HostConfig.NanoCpus}} {{.HostConfig.CapAdd}}", "{{.RestartCount}} {{.Platform}}",
        "{{len .Mounts}} {{.HostConfig.PidsLimit}}", "{{index .Config.Labels \"a\"}}",
    ],
)  # fmt: skip
def test_what_tutorials_ask_for(pairs, template):
    docker, imagelab, _ = pairs["exited"]
    expected = docker("inspect", "--format", template, "exited")
    ours = imagelab("inspect", "--format", template, "exited")
    if "GraphDriver" in template:
        assert ours.startswith("map[MergedDir:")
    else:
        assert ours == expected
