"""`inspect`: docker's JSON, its two tries at a template, and what it says of what is not there."""

from __future__ import annotations

import json

import pytest

from imagelab import Lab
from imagelab.oci.image import Image


@pytest.fixture
def image(home):
    lab = Lab(home, epoch=1_600_000_000)
    base = lab.append(None, {"app.py": "print()"}, created_by="COPY app.py .", comment="the program")
    image = base.with_config(Env=["A=b", "C=<d>"], Cmd=["/app"], Labels={"k": "v"}, ExposedPorts={"80/tcp": {}})
    lab.tag(image, "myapp:1.0")
    lab.tag(image, "localhost:5000/team/myapp")
    return image


def test_whole(cli, image, lab):
    said = cli("inspect", "myapp:1.0").ok
    assert said.startswith(f'[\n    {{\n        "Id": "{image.id}",\n        "RepoTags": [\n            "')
    (found,) = json.loads(said)
    assert found == {
        "Id": image.id,
        "RepoTags": ["myapp:1.0", "localhost:5000/team/myapp:latest"],
        "RepoDigests": [],
        "Parent": image.parent.id,
        "Comment": "",
        "Created": "2020-09-13T12:26:40Z",
        "Container": "",
        "ContainerConfig": found["ContainerConfig"],  # of the classic builder's container, which was none
        "DockerVersion": "",
        "Author": "",
        "Config": {
            "Hostname": "", "Domainname": "", "User": "", "AttachStdin": False, "AttachStdout": False,
            "AttachStderr": False, "ExposedPorts": {"80/tcp": {}}, "Tty": False, "OpenStdin": False,
            "StdinOnce": False, "Env": ["A=b", "C=<d>"], "Cmd": ["/app"], "Image": "", "Volumes": None,
            "WorkingDir": "", "Entrypoint": None, "OnBuild": None, "Labels": {"k": "v"},
        },
        "Architecture": "amd64",
        "Os": "linux",
        "Size": 7,
        "VirtualSize": 7,
        "GraphDriver": {"Data": None, "Name": "imagelab"},
        "RootFS": {"Type": "layers", "Layers": list(image.diff_ids)},
        "Metadata": {"LastTagTime": lab.tag_log("localhost:5000/team/myapp")[-1].time},
    }  # fmt: skip
    assert list(found)[:4] == ["Id", "RepoTags", "RepoDigests", "Parent"]
    assert json.loads(cli("inspect", "--format", "json", "myapp:1.0").ok) == [found]
    assert json.loads(cli("inspect", "--format", "{{json .}}", "myapp:1.0").ok) == found
    assert '"C=<d>"' in said, "docker leaves < and > as they are here"


@pytest.mark.parametrize(
    "template, printed",
    [
        ("{{.Id}}", "{id}"),
        ("{{.ID}}", "{id}"),
        ("{{.Config.Env}} {{.Config.Entrypoint}} {{.Config.Volumes}}", "[A=b C=<d>] [] map[]"),
        ("{{.Id}}{{.Config.Entrypoint}}", "{id}<no value>"),  # docker's second try, on plain JSON
        ("{{json .Config.Entrypoint}} {{json .Config.Env}}", 'null ["A=b","C=<d>"]'),
        ("{{.Config.ExposedPorts}}", "map[80/tcp:{{}}]"),
        ("{{.Config.Labels.k}} {{.Config.Labels.nope}}", "v <no value>"),
        ('{{index .Config.Env 1}} {{join .Config.Env ","}}', "C=<d> A=b,C=<d>"),
        ("{{range $i, $e := .Config.Env}}{{$i}}:{{$e}} {{end}}", "0:A=b 1:C=<d> "),
        ("{{len .RootFS.Layers}} {{.RootFS.Type}} {{.Os}}/{{.Architecture}} {{.Size}}", "1 layers linux/amd64 7"),
        ("plain", "plain"),
    ],
)
def test_templates(cli, image, template, printed):
    assert cli("inspect", "-f", template, "myapp:1.0").ok == printed.format(id=image.id) + "\n"


@pytest.mark.parametrize(
    "template, code, out, error",
    [
        ("{{.Nope}}", 1, "\n", 'template: :1:2: executing "" at <.Nope>: map has no entry for key "Nope"'),
        ("{{.Os.Nope}}", 1, "\n", 'template: :1:5: executing "" at <.Os.Nope>: can\'t evaluate field Nope in'),
        ("{{.Id.X}}", 1, "\n", 'template: :1:5: executing "" at <.Id.X>: can\'t evaluate field X in type interface {}'),
        ("{{.Id", 64, "", "template: :1: unclosed action"),
        ("{{foo}}", 64, "", 'template: :1: function "foo" not defined'),
        ("{{if .Id}}x{{end}}", 1, "", 'template: :1: "if" is a part of Go templates that imagelab leaves out; '),
        ('{{printf "%s" .Id}}', 1, "", 'template: :1: "printf" is a part of Go templates that imagelab leaves out; '),
    ],
)
def test_templates_that_cannot_be_done(cli, image, template, code, out, error):
    result = cli("inspect", "-f", template, "myapp:1.0")
    assert (result.code, result.out) == (code, out)
    assert result.err.startswith(f"template parsing error: {error}") and result.err.count("\n") == 1


@pytest.mark.parametrize(
    "args, what",
    [(["inspect"], "object"), (["image", "inspect"], "image"), (["inspect", "--type", "image"], "image"),
     (["inspect", "--type=container"], "container")],
)  # fmt: skip
def test_what_is_not_there(cli, lab, args, what):
    result = cli(*args, "nosuch")
    assert (result.code, result.out) == (1, "[]\n")
    assert result.err == f"Error: No such {what}: nosuch\n"
    assert cli(*args, "--format", "{{.Id}}", "nosuch").out == "\n"


def test_what_is_there_is_shown_all_the_same(cli, image):
    result = cli("inspect", "--format", "{{.Id}}", "nosuch", "myapp:1.0", "myapp:2", image.id.short)
    assert (result.code, result.out) == (1, f"{image.id}\n{image.id}\n")
    assert result.err == "Error: No such object: nosuch\nError: No such object: myapp:2\n"
    assert len(json.loads(cli("inspect", "nosuch", "myapp:1.0").out)) == 1


@pytest.mark.parametrize("args, error", [(["--type", "foo", "x"], '"foo" is not a valid value for --type\n'),
                                         (["BAD"], "Error: invalid reference format: 'BAD'")])  # fmt: skip
def test_wrong_questions(cli, lab, args, error):
    result = cli("inspect", *args)
    assert result.code == 1
    assert result.err.startswith(error) and result.err.count("\n") == 1


def test_size_is_for_containers(cli, image):
    result = cli("inspect", "--size", "-f", "{{.Size}}", "myapp:1.0")
    assert (result.code, result.out, result.err) == (0, "7\n", "WARNING: --size ignored for image\n")


def test_an_image_that_says_nothing(cli, lab):
    """Docker fills in zero values; so do we."""
    from imagelab.oci.manifest import manifest_for

    config = b'{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}'
    found = json.loads(cli("inspect", lab.add(Image(manifest_for(config, []), lab.store, config)).id).ok)[0]
    assert (found["Created"], found["RepoTags"], found["Parent"]) == ("0001-01-01T00:00:00Z", [], "")
    assert found["RootFS"] == {"Type": "layers"}
    assert found["Metadata"] == {"LastTagTime": "0001-01-01T00:00:00Z"}
