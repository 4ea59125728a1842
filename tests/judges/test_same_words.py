"""The same commands to docker and to imagelab, on the same images: the same words, columns and exit codes."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from judges.images import CASES
from judges.tools import CommandLine, Tool, emptied

Said = tuple[int, str]


@dataclass(frozen=True)
class Both:
    """Docker and imagelab, side by side; each starts with no image."""

    docker: Tool
    imagelab: CommandLine

    def said(self, *args: str | Path) -> tuple[Said, Said]:
        """(exit code, standard output) of docker's answer, and of ours."""
        theirs, ours = self.docker.run(*args), self.imagelab.run(*args)
        assert b"Traceback" not in ours.stderr
        return (theirs.returncode, theirs.stdout.decode()), (ours.returncode, ours.stdout.decode())

    def agree(self, *args: str | Path, in_any_order: bool = False) -> str:
        """Ask both, insist on one answer, and return it.

        Docker lists the repositories of one image in an order that changes from call to call (a Go map's).
        """
        theirs, ours = self.said(*args)
        if in_any_order:
            theirs, ours = ((code, "\n".join(sorted(out.splitlines()))) for code, out in (theirs, ours))
        assert ours == theirs, f"{' '.join(map(str, args))}\ndocker: {theirs}\nours:   {ours}"
        return ours[1]

    def load(self, archive: Path) -> None:
        theirs, ours = self.said("load", "--input", archive)
        assert (ours[0], sorted(ours[1].splitlines())) == (theirs[0], sorted(theirs[1].splitlines()))
        assert ours[0] == 0


@pytest.fixture
def both(docker: Tool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Both]:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    emptied(docker)
    yield Both(docker, CommandLine("imagelab", "--home", tmp_path / "home"))
    emptied(docker)
    monkeypatch.undo()
    time.tzset()


IMAGES = [
    ["images"],
    ["images", "--all"],
    ["images", "--quiet"],
    ["images", "--no-trunc"],
    ["images", "--quiet", "--no-trunc"],
    ["image", "ls"],
    ["image", "list"],
    ["images", "--format", "{{.Repository}}:{{.Tag}} {{.ID}} {{.Size}} {{.CreatedAt}} {{.CreatedSince}}"],
    ["images", "--format", "table {{.ID}}\t{{.Repository}}\t{{.Size}}"],
    ["images", "--format", "{{json .}}"],
    ["images", "--format", "{{.VirtualSize}}|{{.SharedSize}}|{{.UniqueSize}}|{{.Containers}}"],
    ["images", "--filter", "dangling=true"],
    ["images", "--filter", "dangling=false"],
    ["images", "--filter", "reference=*:1", "--format", "{{.Repository}}"],
    ["images", "--filter", "label=nothing-has-this"],
]
HISTORY = [
    [],
    ["--no-trunc"],
    ["--quiet"],
    ["--quiet", "--no-trunc"],
    ["--human=false"],
    ["--human=false", "--no-trunc"],
    [
        "--format",
        "{{.ID}}|{{.CreatedSince}}|{{.CreatedAt}}|{{.CreatedBy}}|{{.Size}}|{{.Comment}}",
        "--no-trunc",
    ],
    ["--format", "table {{.CreatedBy}}\t{{.Size}}"],
    ["--format", "{{json .}}"],
]
INSPECT = r"""
{{.Id}}
{{.RepoTags}}
{{json .RepoTags}}
{{index .RepoTags 0}}
{{.Created}}
{{.Architecture}}
{{.Os}}
{{.Size}}
{{.VirtualSize}}
{{.Author}}
{{.Comment}}
{{.Parent}}
{{json .Config.Env}}
{{json .Config.Cmd}}
{{json .Config.Entrypoint}}
{{json .Config.Labels}}
{{json .Config.ExposedPorts}}
{{json .Config.Volumes}}
{{.Config.WorkingDir}}
{{.Config.User}}
{{.Config.StopSignal}}
{{.Config.Cmd}}
{{.Config.Env}}
{{.Config.Labels}}
{{.Config.Entrypoint}}
{{.Config.Volumes}}
{{index .Config.Labels "a.b"}}
{{json .RootFS}}
{{.RootFS}}
{{.RootFS.Type}}
{{len .RootFS.Layers}}
{{range .RootFS.Layers}}{{println .}}{{end}}
{{join .RootFS.Layers ","}}
{{range .Config.Env}}{{.}}|{{else}}none{{end}}
{{range $i, $layer := .RootFS.Layers}}{{$i}}={{$layer}};{{end}}
{{if .Config.Cmd}}yes{{else}}no{{end}}
{{upper .Os}}/{{.Architecture | printf "%q"}}
""".strip().splitlines()


FEW = ("rich-config", "several-tags", "zero-layers", "many-layers")  # between them, every kind of value


@pytest.mark.parametrize("name", CASES)
def test_history(both, built, name):
    made = built(name)
    both.load(made.archive)
    both.agree("images", "--no-trunc", in_any_order=True)
    for options in HISTORY:
        both.agree("history", *options, made.names[0])
    both.agree("history", made.image.id)
    both.agree("image", "history", made.image.id.removeprefix("sha256:")[:12])


@pytest.mark.parametrize("name", FEW)
def test_images(both, built, name):
    made = built(name)
    both.load(made.archive)
    for command in IMAGES:
        both.agree(*command, in_any_order=True)
    both.agree("images", made.names[0].rpartition(":")[0])
    both.agree("images", made.names[0])


@pytest.mark.parametrize("name", FEW)
def test_inspect_format(both, built, name):
    """A template gives docker's words; one that goes beyond ours is refused by name."""
    made = built(name)
    both.load(made.archive)
    for template in INSPECT:
        if beyond := re.search(r"\bif\b|upper", template):
            refusal = both.imagelab.run("inspect", "--format", template, made.names[0])
            assert refusal.returncode == 1
            assert beyond[0] in refusal.stderr.decode()
        else:
            both.agree("inspect", "--format", template, made.names[0])


def test_inspect_whole(both, built):
    """Every field of `docker inspect` but those on docker's own storage is in ours, with the same value."""
    archives = [built(name) for name in ("rich-config", "several-tags", "zero-layers", "whiteouts")]
    for made in archives:
        both.load(made.archive)
        (_, theirs), (code, ours) = both.said("inspect", made.names[0])
        assert code == 0
        expected, found = json.loads(theirs)[0], json.loads(ours)[0]
        storage = {"GraphDriver", "ContainerConfig", "Container", "DockerVersion", "Metadata"}
        assert {key: found.get(key) for key in expected.keys() - storage} == {
            key: value for key, value in expected.items() if key not in storage
        }
    names = [made.names[0] for made in archives]
    both.agree("inspect", "--format", "{{.Id}}", *names)
    both.agree("image", "inspect", "--format", "{{.Id}}", *names)


def test_several_images_newest_first(both, tmp_path):
    """Lists are sorted as docker sorts them, and sizes are in docker's units."""
    from imagelab import Lab

    for epoch, size in ((1_000_000_000, 999), (1_600_000_000, 1_234_567), (1_500_000_000, 123_456), (5, 10)):
        lab = Lab(tmp_path / str(epoch), epoch=epoch)
        lab.append(lab.scratch, {"f": bytes(size)}, tag=f"size{size}:1", created_by="x" * 80)
        lab.save([f"size{size}:1"], tmp_path / f"{epoch}.tar")
        both.load(tmp_path / f"{epoch}.tar")
    for command in IMAGES:
        both.agree(*command)
    both.agree("images", "--filter", "before=size123456:1")
    both.agree("images", "--filter", "since=size123456:1")
    both.agree("images", "--filter", "reference=size1*")
    both.agree("images", "size9*")
    both.agree("images", "no-such-image")


def test_a_day_with_tags(both, built):
    """tag, untag, delete at the last name, dangle: the same words at each step."""
    made, other = built("plain"), built("whiteouts")
    both.load(made.archive)
    both.load(other.archive)
    both.agree("tag", "plain:1", "app:1.0")
    both.agree("tag", "plain:1", "app")
    both.agree("image", "tag", made.image.id.removeprefix("sha256:")[:8], "localhost:5000/app:x")
    both.agree("images", in_any_order=True)
    both.agree("tag", "whiteouts:1", "app:1.0")  # a name moves
    both.agree("images", in_any_order=True)
    both.agree("rmi", "app:1.0")
    both.agree("tag", "plain:1", "whiteouts:1")  # the other image is left with no name
    both.agree("images", "--all", in_any_order=True)
    both.agree("images", "--filter", "dangling=true", "--quiet")
    both.agree("rmi", made.image.id)  # refused: it has several names
    both.agree("rmi", "--force", made.image.id)
    both.agree("images", "--all", in_any_order=True)
    both.agree("rmi", other.image.id)
    both.agree("images", in_any_order=True)


def test_sharing(both, tmp_path):
    """Two images on one base: what is deleted with the first, and what stays for the second."""
    from imagelab import Lab

    lab = Lab(tmp_path / "lab", epoch=1_700_000_000)
    base = lab.append(lab.scratch, {"base": b"b" * 5_000})
    for name in ("one", "two"):
        lab.append(base, {name: name * 1_000}, tag=f"{name}:1")
    lab.save(["one:1", "two:1"], tmp_path / "both.tar")
    both.load(tmp_path / "both.tar")
    both.agree("images", "--format", "{{.Repository}} {{.Size}}", in_any_order=True)
    (_, theirs), (_, ours) = both.said("system", "df")
    assert ours.splitlines()[:2] == theirs.splitlines()[:2]
    both.agree("rmi", "one:1")
    both.agree("rmi", "two:1")


@pytest.mark.parametrize("args", [
    ["inspect", "no-such-image"],
    ["inspect", "--format", "{{.Id}}", "no-such-image"],
    ["history", "no-such-image"],
    ["rmi", "no-such-image"],
    ["tag", "no-such-image", "x"],
    ["save", "no-such-image"],
    ["image", "inspect", "no-such-image"],
    ["rmi", "plain:1", "no-such-image"],
    ["inspect", "--format", "{{.Id}}", "plain:1", "no-such-image"],
    ["images", "--filter", "nonsense=1"],
    ["images", "--format", "{{.Nope}}"],
    ["images", "--format", "{{"],
    ["tag", "plain:1", "Not Allowed"],
    ["tag", "plain:1", "app:-tag"],
    ["tag", "plain:1"],
    ["history"],
    ["rmi"],
    ["images", "one", "two"],
    ["images", "--no-such-flag"],
    ["no-such-command"],
])  # fmt: skip
def test_mistakes(both, built, args):
    """The exit code and standard output of a mistake are docker's; the sentence about it is our own."""
    both.load(built("plain").archive)
    both.agree(*args)


@pytest.mark.parametrize("args", [
    ["images", "--format", "{{.ID}}"],
    ["image", "prune", "--force"],
    ["image", "prune", "--all", "--force"],
])  # fmt: skip
def test_prune(both, built, args):
    both.load(built("plain").archive)
    both.load(built("hard-links").archive)
    both.agree("tag", "plain:1", "hard-links:1")
    (their_code, theirs), (our_code, ours) = both.said(*args)
    assert our_code == their_code
    assert sorted(ours.splitlines()) == sorted(theirs.splitlines())
    both.agree("images", "--all", in_any_order=True)


@pytest.fixture
def labelled(both, tmp_path) -> Both:
    """Four images made in one second: `team` and `stage`, `team` alone, no label, another `team`."""
    from imagelab import Lab

    lab = Lab(tmp_path / "lab", epoch=1_700_000_000)
    labels = {"one:1": {"team": "lab", "stage": "test"}, "two:1": {"team": "lab"}, "none:1": {}, "other": {"team": "x"}}
    for name, own in labels.items():
        lab.tag(lab.append(None, {"f": name}).with_config(Labels=own, Cmd=["/f"]), name)
    lab.save(labels, tmp_path / "labelled.tar")
    both.load(tmp_path / "labelled.tar")
    return both


PRUNE_FILTERS = [
    ["label!=team"], ["label!=stage"], ["label!=team=lab"], ["label!=team=x"], ["label!=team", "label!=stage"],
    ["label!=team=lab", "label!=team=x"], ["label=team", "label!=stage"], ["label!=none"], ["label!="], ["label="],
    ["LABEL!=stage"], [""], ["label!=stage", "until=1700000000"], ["label!=stage", "until=1699999999"],
    ["until=1h", "until=2h"], ["until="], ["label !=team"], ["name=x"],
]  # fmt: skip


@pytest.mark.parametrize("filters", PRUNE_FILTERS, ids=" ".join)
def test_prune_images_with_filters(labelled, filters):
    options = [option for text in filters for option in ("--filter", text)]
    labelled.agree("image", "prune", "--all", "--force", *options, in_any_order=True)
    labelled.agree("images", "--format", "{{.Repository}}:{{.Tag}}", in_any_order=True)


@pytest.mark.parametrize("filters", PRUNE_FILTERS, ids=" ".join)
def test_prune_containers_with_filters(labelled, filters):
    for number, name in enumerate(("one:1", "two:1", "none:1", "other")):
        for tool in (labelled.docker, labelled.imagelab):
            tool("create", "--name", f"of-{number}", name)
    options = [option for text in filters for option in ("--filter", text)]
    theirs, ours = (
        (tool.run("container", "prune", "--force", *options), tool("ps", "--all", "--format", "{{.Names}}"))
        for tool in (labelled.docker, labelled.imagelab)
    )
    labelled.docker.run("container", "prune", "--force")
    assert (ours[0].returncode, ours[1]) == (theirs[0].returncode, theirs[1])


def test_neighbours_of_prune_have_no_negated_label(labelled):
    labelled.agree("images", "--filter", "label!=team")
    labelled.agree("ps", "--all", "--filter", "label!=team")
    labelled.agree("images", "--filter", "", "--quiet", in_any_order=True)


def test_prune_all_leaves_an_image_in_use_one_name(labelled):
    for tool in (labelled.docker, labelled.imagelab):
        tool("create", "--name", "user", "one:1")
    for name in ("one:2", "aa:1"):
        labelled.agree("tag", "one:1", name)
    labelled.agree("image", "prune", "--all", "--force", in_any_order=True)
    labelled.agree("images", "--format", "{{.Repository}}:{{.Tag}}")
    labelled.docker("container", "prune", "--force")


def test_prune_all_takes_the_names_of_an_image_whose_child_is_in_use(labelled):
    for tool in (labelled.docker, labelled.imagelab):
        tool("create", "--name", "first", "one:1")
        tool("commit", "first", "child:1")
        tool("rm", "first")
        tool("create", "--name", "second", "child:1")
        tool("rmi", "two:1", "none:1", "other")
    assert labelled.agree("image", "prune", "--all", "--force").startswith("Deleted Images:\nuntagged: one:1\n\n")
    labelled.agree("images", "--format", "{{.Repository}}:{{.Tag}}")
    labelled.docker("container", "prune", "--force")


@pytest.mark.parametrize("pattern", [
    "*", "*/*", "a?b", "a[^x]b", "a[^x]b:1", "app:1[.]*", "app:1[-.]0", "app:1[.-]0", r"app:1[\-.]0", "a[", "[^a]*",
])  # fmt: skip
def test_reference_patterns(both, tmp_path, pattern):
    from imagelab import Lab

    lab = Lab(tmp_path / "lab", epoch=1_700_000_000)
    lab.append(None, {"f": "1"}, tag="app:1.0")
    lab.append(None, {"f": "2"}, tag="a/b:1")
    lab.save(["app:1.0", "a/b:1"], tmp_path / "two.tar")
    both.load(tmp_path / "two.tar")
    both.agree("images", "--filter", f"reference={pattern}", "--format", "{{.Repository}}", in_any_order=True)


def test_load_from_standard_input_and_save_to_standard_output(both, built, tmp_path):
    data = built("several-tags").archive.read_bytes()
    theirs, ours = both.docker("load", stdin=data), both.imagelab("load", stdin=data)
    assert sorted(ours.splitlines()) == sorted(theirs.splitlines())
    assert both.imagelab("load", "--quiet", stdin=data) == both.docker("load", "--quiet", stdin=data)
    saved = both.imagelab.run("save", "several-tags").stdout
    emptied(both.docker)
    both.docker("load", stdin=saved)  # all tags of that repository, and no other's
    both.agree("images", "several-tags")


def test_import_makes_the_layer_that_docker_makes(both, built, gnu_tar, tmp_path):
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "hello").write_text("hi\n")
    os.utime(tmp_path / "root" / "hello", (1_600_000_000, 1_600_000_000))
    gnu_tar("-cf", tmp_path / "root.tar", "-C", tmp_path / "root", "--owner=0", "--group=0", "hello")
    for tool in (both.docker, both.imagelab):
        tool("import", "--change", "CMD [\"/hello\"]", "--change", "ENV A=b", "--message", "from a tar",
             tmp_path / "root.tar", "imported:1")  # fmt: skip
    for template in (
        "{{json .RootFS}}",
        "{{json .Config.Cmd}}",
        "{{json .Config.Env}}",
        "{{.Comment}}",
        "{{.Size}}",
    ):
        both.agree("inspect", "--format", template, "imported:1")
    both.agree("history", "--format", "{{.CreatedBy}}|{{.Size}}|{{.Comment}}", "imported:1")
