"""ADD of a URL: what it becomes, what it is checked against, and that nothing is kept of a wrong one."""

from __future__ import annotations

import hashlib
import http.server
import io
import os
import tarfile
import threading

import pytest

from imagelab import Lab
from imagelab.build.dockerfile import DockerfileError

FILE = b"what the server has"
SUM = hashlib.sha256(FILE).hexdigest()


class Server(http.server.ThreadingHTTPServer):
    """Answers with `files` by path, and counts the requests."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files = {"/d/file.txt": FILE, "/a%20b": b"ab"}
        self.requests: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(http.server.BaseHTTPRequestHandler):
    server: Server

    def do_GET(self):
        self.server.requests.append(self.path)
        path = self.path.partition("?")[0]
        if path == "/moved":
            self.send_response(302)
            self.send_header("Location", "/d/file.txt")
            self.end_headers()
            return
        data = self.server.files.get(path)
        self.send_response(404 if data is None else 200)
        self.send_header("Content-Length", str(len(data or b"")))
        self.send_header("Last-Modified", "Thu, 01 Jan 1970 00:01:40 GMT")
        self.end_headers()
        self.wfile.write(data or b"")

    def log_message(self, *args):
        pass


@pytest.fixture
def server():
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.fixture
def lab(tmp_path):
    return Lab(tmp_path / "home", epoch=1000)


def build(lab, text, **context):
    return lab.build({**context, "Dockerfile": f"FROM scratch\n{text}\n"})


def stored(lab) -> bytes:
    paths = (os.path.join(folder, name) for folder, _, names in os.walk(lab.home) for name in names)
    return b"\n".join(open(path, "rb").read() for path in paths)


def test_a_file_from_a_url(lab, server):
    built = build(lab, f"ADD {server.url}/d/file.txt?x=1 {server.url}/a%20b /to/\nADD {server.url}/moved /name")
    tree = built.image.tree()
    assert {p: (e.read(), oct(e.mode), e.uid, e.mtime) for p, e in tree.items() if e.kind == "file"} == {
        "to/file.txt": (FILE, "0o600", 0, 100), "to/a b": (b"ab", "0o600", 0, 100), "name": (FILE, "0o600", 0, 100),
    }  # fmt: skip
    assert built.image.steps[-1].created_by == f"ADD {server.url}/moved /name # buildkit"


def test_a_file_from_a_url_beside_one_of_the_context_with_owner_and_mode(lab, server):
    built = build(lab, f"ADD --chown=7:8 --chmod=0755 {server.url}/d/file.txt a /to/", a="a")
    tree = built.image.tree()
    assert [(tree[p].read(), tree[p].mode, tree[p].gid) for p in ("to/file.txt", "to/a")] == [
        (FILE, 0o755, 8), (b"a", 0o755, 8)
    ]  # fmt: skip


def test_a_right_checksum_needs_no_second_download(lab, server):
    text = f"ARG SUM={SUM}\nADD --checksum=sha256:$SUM {server.url}/d/file.txt /x"
    first = build(lab, text)
    server.files.clear()
    second = build(lab, text)
    assert second.image == first.image
    assert second.steps[2].hit
    assert server.requests == ["/d/file.txt"]


def test_of_a_file_with_another_checksum_nothing_is_kept(lab, server):
    with pytest.raises(DockerfileError) as error:
        build(lab, f"ADD --checksum=sha256:{'0' * 64} {server.url}/d/file.txt /x")
    url = f"{server.url}/d/file.txt"
    assert str(error.value) == (
        f"Dockerfile:2: ADD: digest mismatch sha256:{SUM}: {url} should have sha256:{'0' * 64}, so it is not kept"
    )
    assert FILE not in stored(lab)


def test_a_changed_file_is_a_miss_that_names_its_url(lab, server):
    text = f"ADD {server.url}/d/file.txt /x"
    build(lab, text)
    assert build(lab, text).steps[1].hit
    server.files["/d/file.txt"] = b"new"
    built = build(lab, text)
    assert built.steps[1].reason == f"{server.url}/d/file.txt changed"
    assert built.image.tree()["x"].read() == b"new"


def test_a_tar_from_a_url_is_unpacked_only_with_unpack(lab, server):
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz") as archive:
        info = tarfile.TarInfo("in/it")
        info.size = 1
        archive.addfile(info, io.BytesIO(b"i"))
    server.files["/x.tgz"] = made.getvalue()
    text = f"ADD {server.url}/x.tgz /a/\nADD --unpack {server.url}/x.tgz /b/\nADD --unpack=false x /c/"
    built = build(lab, text, x=made.getvalue())
    assert {path for path, entry in built.image.tree().items() if entry.kind == "file"} == {"a/x.tgz", "b/in/it", "c/x"}


def test_no_answer_and_a_wrong_one(lab, server):
    with pytest.raises(DockerfileError) as error:
        build(lab, f"ADD {server.url}/none /x")
    assert str(error.value) == (
        f"Dockerfile:2: ADD: {server.url}/none: invalid response status 404: expected 200 and the file"
    )
    with pytest.raises(DockerfileError) as error:
        build(lab, "ADD http://127.0.0.1:1/x /x")
    assert str(error.value) == (
        'Dockerfile:2: ADD: Get "http://127.0.0.1:1/x": dial tcp 127.0.0.1:1: connect: connection refused; '
        "ADD of a URL needs the network: without it, download the file once and COPY it"
    )


@pytest.mark.parametrize(
    "line, why",
    [
        ("ADD https://example.test/x.git /x", "no git repository: https://example.test/x.git: clone it, and"),
        ("ADD git@example.test:x/y.git#main /x", "imagelab clones no git repository"),
        ("ADD ssh://git@example.test/x /x", "imagelab clones no git repository"),
        ("COPY https://example.test/x /x", "source can't be a URL for COPY: https://example.test/x: ADD downloads it"),
        ("ADD --checksum=sha256:ab https://example.test/x /x", "--checksum=sha256:ab: expected sha256: and 64"),
        ("ADD --checksum=sha256:ab a /x", "--checksum: expected one source, which is a URL"),
        ("COPY --checksum=sha256:ab a /x", "unknown flag: --checksum"),
        ("ADD https:///x /x", "https:///x: not a URL: expected one such as https://host/file"),
        ("ADD --unpack=maybe a /x", "expecting boolean value for flag unpack, not: maybe"),
        ("ADD --keep-git-dir a /x", "imagelab does not support --keep-git-dir"),
    ],
)  # fmt: skip
def test_what_cannot_be_added(lab, line, why):
    with pytest.raises(DockerfileError) as error:
        build(lab, line, a="a")
    assert str(error.value).startswith(f"Dockerfile:2: {line.split()[0]}: ")
    assert why in str(error.value)
