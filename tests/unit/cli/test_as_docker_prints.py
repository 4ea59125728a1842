"""Docker's client is the judge of columns, words and templates: an API server of a few lines gives it the same images
and history that our store holds, and both must print the same."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingUnixStreamServer

import pytest

from imagelab import Reference, units
from judges import tools
from judges.tools import Tool

SIZES = [0, 1, 999, 1000, 1015, 9995, 99950, 999499, 999500, 1_234_567, 999_500_000, 10**12, 10**18]


@dataclass
class Api:
    """What the server answers, as docker's API has it."""

    images: list[dict]
    history: list[dict]
    inspect: dict
    containers: list[dict] = field(default_factory=list)


class Server(ThreadingUnixStreamServer):
    daemon_threads = True
    api: Api


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def do_GET(self) -> None:
        path, api = self.path.partition("?")[0], self.server.api
        answers = {"_ping": b"OK", "history": api.history, "images/json": api.images}
        answers |= {"containers/json": api.containers, "json": api.inspect}
        answer = next((value for end, value in answers.items() if path.endswith(end)), {})
        body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Api-Version", "1.41")
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_HEAD = do_GET

    def address_string(self) -> str:
        return "a test"

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def docker(tmp_path: Path) -> Iterator[Callable[[Api], Tool]]:
    """A docker client whose daemon knows what it is told."""
    client = tools.find("docker")
    path = tmp_path / "api.sock"
    server = Server(str(path), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()

    def tell(api: Api) -> Tool:
        server.api = api
        return Tool(client, "--config", tmp_path / "config", "--host", f"unix://{path}")

    yield tell
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def known(lab, cli) -> Api:
    """A few images in our store, and the same for docker's API."""
    base = lab.append(None, {"f": "x" * 12345}, created_by="COPY\tf /" + "é" * 60, comment="first")
    image = base.with_config(
        created_by='CMD ["<&>"]', Env=["A=b", "C=<d> & e"], Cmd=["/app", "-v"], Labels={"k": "v", "a.b": "c"},
        ExposedPorts={"80/tcp": {}},
    )  # fmt: skip
    for name in ("myapp:1.0", "myapp:latest"):
        lab.tag(image, name)
    lab.append(None, {"other": "1"}, tag="localhost:5000/a-much-longer-name/other:2")
    lab.append(None, {"nameless": "1"})
    for name, digit in (("myapp", "a"), ("myapp", "b"), ("localhost:5000/pushed", "c"), ("localhost:5000/pushed", "d")):
        lab.store.repo_digests.add(Reference.parse(f"{name}@sha256:{digit * 64}"), image.digest)
    only = lab.append(None, {"by": "digest"})
    lab.store.repo_digests.add(Reference.parse(f"by/digest@sha256:{'e' * 64}"), only.digest)
    images = []
    for each in lab.images():
        names = [name.familiar for name in each.names]
        images.append({
            "Id": each.id, "Created": int(each.moment.timestamp()), "Size": each.size, "VirtualSize": each.size,
            "RepoTags": names or ["<none>:<none>"],
            "RepoDigests": [name.familiar for name in lab.repo_digests(each)] or ["<none>@<none>"],
            "SharedSize": -1, "Containers": -1, "ParentId": "", "Labels": None,
        })  # fmt: skip
    history = [
        {"Id": step.image_id or "<missing>", "Created": int(units.parse_time(step.created).timestamp()),
         "CreatedBy": step.created_by, "Size": step.size, "Comment": step.comment, "Tags": None}
        for step in reversed(image.steps)
    ]  # fmt: skip
    return Api(images, history, json.loads(cli("inspect", "myapp:1.0").ok)[0])


IMAGES = [
    [], ["--quiet"], ["--no-trunc"], ["--digests"], ["--quiet", "--no-trunc"],
    ["--format", "json x"], ["--format", "table"], ["--format", "{{json .}}"], ["--format", "{{json .Repository}}"],
    ["--format", "{{.ID}} {{.Repository}} {{.Tag}} {{.Digest}} {{.CreatedSince}} {{.CreatedAt}} {{.Size}}"],
    ["--format", "{{.VirtualSize}} {{.SharedSize}} {{.UniqueSize}} {{.Containers}}"],
    ["--format", r"table {{.ID}}\t{{.Repository}}\t{{.Tag}}"], ["--format", "table {{.ID}} {{.Size}}"],
    ["--format", r"table {{upper .Repository}}\t{{ .Size }}\t{{.CreatedAt}}"], ["--format", "table {{json .}}"],
    ["--format", r"a\tb\n{{.Tag}}"], ["--format", "{{.Nope}}"], ["--format", "{{.ID.X}}"], ["--format", "{{.ID"],
    ["--format", "{{foo .ID}}"], ["--format", '{{truncate .ID 3}}{{len .ID}}{{title "a b"}}{{pad .Tag 2 1}}|'],
    ["--format", '{{index (split .ID "7") 0}}'], ["--format", "{{range .ID}}{{end}}"], ["--format", ""],
    ["--digests", "--format", "table {{.ID}}"], ["--nosuch"], ["a", "b"], ["--format"],
]  # fmt: skip


@pytest.mark.parametrize("options", IMAGES, ids=" ".join)
def test_images(docker, known, cli, options):
    compare(docker(known).run("images", *options), cli("images", *options))


@pytest.mark.parametrize("options", [
    [], ["--no-trunc"], ["--quiet"], ["--human=false"], ["-H=0", "--no-trunc"], ["--quiet", "--no-trunc"],
    ["--format", "{{json .}}"], ["--format", "{{.ID}}|{{.CreatedSince}}|{{.CreatedAt}}|{{.CreatedBy}}|{{.Size}}"],
    ["--format", r"table {{.CreatedBy}}\t{{.Comment}}\t{{.CreatedAt}}"], ["--format", "{{.Nope}}"],
    ["--human=maybe"], ["and", "another"],
], ids=" ".join)  # fmt: skip
def test_history(docker, known, cli, options):
    compare(docker(known).run("history", *options, "myapp:1.0"), cli("history", *options, "myapp:1.0"))


TEMPLATES = r"""
{{.Id}}
{{.ID}}
{{.Nope}}
{{.Config.Nope}}
{{.Config.Labels.k}}{{.Config.Labels.nope}}{{.Config.Labels.nope.x}}
{{.Id}}{{.Config.Labels.nope.x}}
{{.Id}}{{.Config.Entrypoint}}
{{.Id}}{{.Config.Entrypoint.x}}
{{.ID.X}}
{{.Size.X.Y}}
{{.Config.Env}} {{.Size}} {{.Config.ExposedPorts}} {{.Config.Cmd}} {{.Config.Entrypoint}} {{.Config.Volumes}}
{{.Id}} {{.Config.ExposedPorts}} {{.Config.Cmd}} {{.RootFS}}
{{.RootFS}} {{json .RootFS}} {{json .Config}}
{{json .Config.Env}} {{json .Config.Entrypoint}} {{json .Config.Volumes}} {{json .Config.Labels}} {{json .Size}}
{{index .Config.Labels "a.b"}}{{index .Config.Labels "nope"}}{{index .Config.Env 0}}
{{index .Config.Env 9}}
{{index .Config.Env "x"}}
{{range $i,$v := .Config.Env}}{{$i}}={{$v}} {{else}}none{{end}}
{{range .Config.Volumes}}x{{else}}none{{end}}{{range $k,$v := .Config.Labels}}{{$k}}={{$v}} {{end}}
{{range .Config.Env}}{{println .}}{{end}}{{join .Config.Env ","}}{{len .Config.Env}}
{{range .Size}}x{{end}}
{{.Config.Env | len | json}} {{.ID | upper | lower | len}}
  {{- .ID -}}   x {{/* no */}} y
{{$x := .Config}}{{$x.Env}}{{range $x.Env}}{{$.ID}}{{end}}
{{`raw "x"`}} {{"esc\t\"q\" é \x41"}} {{1}} {{-5}} {{true}}
{{println 1 "a" .Size true}}{{println}}
{{.ID
{{.ID}
{{"abc
{{}}
{{foo}}
{{$y}}
{{end}}
{{range .Config.Env}}
{{range .Config.Env}}{{else}}{{else}}{{end}}
{{ ( .ID }}
{{join .Config.Env}}
{{upper}}
{{.ID.}}
é{{.Nope}}
""".strip("\n").splitlines()


@pytest.mark.parametrize("template", [*TEMPLATES, "one\ntwo {{.Nope}}", "one\n{{.ID\n"])
def test_inspect_templates(docker, known, cli, template):
    compare(docker(known).run("image", "inspect", "-f", template, "myapp:1.0"),
            cli("image", "inspect", "-f", template, "myapp:1.0"))  # fmt: skip


def test_sizes(docker):
    """Every size as docker's columns and sums show it."""
    common = {"Created": 0, "RepoDigests": [], "Labels": None, "SharedSize": -1, "Containers": -1}
    images = [
        {"Id": f"sha256:{n:064}", "Size": size, "VirtualSize": size, "RepoTags": [f"s:{n:02}"], **common}
        for n, size in enumerate(SIZES)
    ]
    printed = docker(Api(images, [], {}))("images", "--format", "{{.Size}} {{.VirtualSize}}").splitlines()
    assert printed == [f"{units.size(size, 3)} {units.size(size)}" for size in SIZES]


@pytest.fixture
def containers(lab) -> Api:
    """A few containers in our store, which were made three days ago, and the same for docker's API."""
    lab.create(lab.base(), "sh", "-c", 'echo "<&>" é; exit 3', name="one")
    lab.create(lab.base(), "echo", "a" * 40, "b c")
    listed = [
        {"Id": one.id, "Names": [f"/{one.name}"], "Image": one.image_name, "ImageID": one.image_id,
         "Command": one.command_text, "Created": int(one.created.timestamp()), "Ports": [], "Mounts": [],
         "Labels": dict(one.labels), "State": one.status, "Status": "Created",
         "HostConfig": {"NetworkMode": "none"}, "NetworkSettings": {"Networks": {"none": {}}},
         "SizeRw": one.layer_size, "SizeRootFs": one.layer_size + lab.base().size}
        for one in lab.containers()
    ]  # fmt: skip
    return Api([], [], {}, listed)


@pytest.mark.parametrize("options", [
    [], ["--quiet"], ["--no-trunc"], ["--quiet", "--no-trunc"], ["--size"], ["--format", "{{json .}}"],
    ["--format", "table"], ["--format", r"table {{.ID}}\t{{.Names}}\t{{.Ports}}\t{{.State}}"],
    ["--format", "{{.ID}}|{{.Names}}|{{.Image}}|{{.Command}}|{{.CreatedAt}}|{{.RunningFor}}|{{.Ports}}|{{.State}}"],
    ["--format", "{{.Status}}|{{.Size}}|{{.Labels}}|{{.Mounts}}|{{.LocalVolumes}}|{{.Networks}}"],
    ["--format", "table {{.Command}}", "--no-trunc"], ["--size", "--format", "table {{.Names}}"],
    ["--format", "{{.Nope}}"], ["--format", "{{.ID"], ["--nosuch"], ["one"], ["--format"], ["--last", "x"],
], ids=" ".join)  # fmt: skip
def test_ps(docker, containers, cli, options):
    compare(docker(containers).run("ps", "--all", *options), cli("ps", "--all", *options))


def compare(theirs, ours) -> None:
    """The same exit code, the same output, the same first line of an error but for the program's name."""
    assert (ours.code, ours.out) == (theirs.returncode, theirs.stdout.decode())
    printed = theirs.stderr.decode().replace("docker", "imagelab").strip().splitlines()[:1]
    assert ours.err.strip().splitlines()[:1] == printed
