"""The registry's HTTP API: what a client sends and gets, and what a lying client does not get.

The official conformance suite is in tests/judges; here stand the promises that it does not test.
"""

from __future__ import annotations

import errno
import hashlib
import http.client
import json
import os
import socket
import ssl
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from imagelab.oci.manifest import CONFIG, MANIFEST
from imagelab.registry.server.accounts import Accounts, add_user
from imagelab.registry.server.repositories import Registry
from imagelab.registry.server.server import Server
from imagelab.registry.server.uploads import Upload

from ..certificates import Authority
from .conftest import Client


def sha256(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def push_blob(ask, name: str, data: bytes):
    return ask("POST", f"/v2/{name}/blobs/uploads/?digest={sha256(data)}", data)


def manifest(*layers: bytes, config: bytes = b"{}") -> bytes:
    return json.dumps({
        "schemaVersion": 2, "mediaType": MANIFEST,
        "config": {"mediaType": CONFIG, "digest": sha256(config), "size": len(config)},
        "layers": [
            {"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": sha256(one), "size": len(one)}
            for one in layers
        ],
    }).encode()  # fmt: skip


def push(ask, name: str, tag: str, *layers: bytes):
    for blob in (b"{}", *layers):
        assert push_blob(ask, name, blob).status == 201
    return ask("PUT", f"/v2/{name}/manifests/{tag}", manifest(*layers), Content_Type=MANIFEST)


def error(answer) -> str:
    (one,) = json.loads(answer.body)["errors"]
    return one["code"]


def test_what_was_pushed_comes_back_byte_for_byte(ask):
    pushed = push(ask, "a/b", "1", b"layer")
    assert pushed.status == 201 and pushed.headers["Location"] == f"/v2/a/b/manifests/{sha256(manifest(b'layer'))}"
    for reference in ("1", sha256(manifest(b"layer"))):
        answer = ask("GET", f"/v2/a/b/manifests/{reference}")
        assert (answer.status, answer.body) == (200, manifest(b"layer"))
        assert answer.headers["Content-Type"] == MANIFEST
        assert answer.headers["Docker-Content-Digest"] == sha256(manifest(b"layer"))
    head = ask("HEAD", "/v2/a/b/manifests/1")
    assert head.headers["Content-Length"] == str(len(manifest(b"layer"))) and head.body == b""


def test_a_manifest_waits_for_what_it_names(ask):
    answer = ask("PUT", "/v2/a/manifests/1", manifest(b"layer"), Content_Type=MANIFEST)
    assert (answer.status, error(answer)) == (400, "MANIFEST_BLOB_UNKNOWN")
    assert ask("GET", "/v2/a/manifests/1").status == 404


def test_a_blob_is_given_out_by_the_repositories_that_own_it(ask):
    push_blob(ask, "mine", b"secret")
    assert ask("GET", f"/v2/other/blobs/{sha256(b'secret')}").status == 404
    mounted = ask("POST", f"/v2/other/blobs/uploads/?mount={sha256(b'secret')}&from=mine")
    assert mounted.status == 201 and mounted.headers["Location"] == f"/v2/other/blobs/{sha256(b'secret')}"
    assert ask("GET", f"/v2/other/blobs/{sha256(b'secret')}").body == b"secret"


def test_a_mount_of_what_is_not_there_becomes_an_upload(ask):
    answer = ask("POST", f"/v2/other/blobs/uploads/?mount={sha256(b'x')}&from=nowhere")
    assert answer.status == 202 and "/blobs/uploads/" in answer.headers["Location"]


def test_a_wrong_digest_leaves_nothing(ask, server):
    answer = ask("POST", f"/v2/a/blobs/uploads/?digest={sha256(b'expected')}", b"other")
    assert (answer.status, error(answer)) == (400, "DIGEST_INVALID")
    assert [path for path in server.registry.folder.rglob("*") if path.is_file() and path.name != "lock"] == []


@pytest.mark.parametrize(
    "name", ["A", "a//b", "../x", "a/../b", "a/%2e%2e/b", "_layout", "a/_blobs", "x" * 256, "a/.b", "a%2fb%00"]
)
def test_a_name_that_is_not_one_reaches_no_file(ask, server, name):
    before = sorted(server.registry.folder.rglob("*"))
    for method, path in (("POST", "blobs/uploads/"), ("GET", "tags/list"), ("GET", "manifests/1")):
        answer = ask(method, f"/v2/{name}/{path}")
        assert answer.status in (400, 404), answer
    assert sorted(server.registry.folder.rglob("*")) == before


@pytest.mark.parametrize("digest", ["sha256:" + "0" * 63, "sha256:../../lock", "md5:" + "0" * 32, "sha256:" + "G" * 64])
def test_a_digest_that_is_not_one_reaches_no_file(ask, digest):
    push_blob(ask, "a", b"x")
    answer = ask("GET", f"/v2/a/blobs/{digest.replace('/', '%2f')}")
    assert answer.status in (400, 404)


def test_chunks_must_come_in_order(ask):
    where = ask("POST", "/v2/a/blobs/uploads/").headers["Location"]
    assert ask("PATCH", where, b"abc", Content_Range="0-2").headers["Range"] == "0-2"
    late = ask("PATCH", where, b"xyz", Content_Range="5-7")
    assert (late.status, error(late)) == (416, "RANGE_INVALID")
    assert (late.headers["Location"], late.headers["Range"]) == (where, "0-2"), "where to go on"
    assert ask("GET", where).headers["Range"] == "0-2"
    assert ask("PUT", f"{where}?digest={sha256(b'abcdef')}", b"def", Content_Range="3-5").status == 201


def test_an_upload_belongs_to_its_repository(ask):
    where = ask("POST", "/v2/a/blobs/uploads/").headers["Location"].replace("/v2/a/", "/v2/b/")
    assert error(ask("PATCH", where, b"abc")) == "BLOB_UPLOAD_UNKNOWN"


@pytest.mark.parametrize(
    ("asked", "part"),
    [("bytes=0-2", b"abc"), ("bytes=3-", b"defgh"), ("bytes=-2", b"gh"), ("bytes=6-99", b"gh"), ("bytes=0-0", b"a")],
)
def test_a_range_of_a_blob(ask, asked, part):
    push_blob(ask, "a", b"abcdefgh")
    answer = ask("GET", f"/v2/a/blobs/{sha256(b'abcdefgh')}", Range=asked)
    assert (answer.status, answer.body, answer.headers["Content-Length"]) == (206, part, str(len(part)))


@pytest.mark.parametrize("asked", ["bytes=8-", "bytes=5-3", "bytes=-0", "bytes=x-y"])
def test_a_range_outside_a_blob(ask, asked):
    push_blob(ask, "a", b"abcdefgh")
    answer = ask("GET", f"/v2/a/blobs/{sha256(b'abcdefgh')}", Range=asked)
    assert (answer.status, answer.headers["Content-Range"]) == (416, "bytes */8")


def test_an_upload_that_is_cut_leaves_nothing(ask, server):
    data = os.urandom(1 << 20)
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        line = f"POST /v2/a/blobs/uploads/?digest={sha256(data)} HTTP/1.1"
        head = f"{line}\r\nHost: x\r\nContent-Length: {len(data)}\r\n\r\n"
        connection.sendall(head.encode() + data[: len(data) // 2])
    for _ in range(500):
        if not (left := list((server.registry.folder / "uploads").iterdir())):
            break
        ask("GET", "/v2/")  # a turn of the server's loop, in which it may notice
    assert left == []
    assert ask("GET", f"/v2/a/blobs/{sha256(data)}").status == 404


def test_others_are_answered_while_a_blob_is_written(ask, monkeypatch):
    begun, answered, real = threading.Event(), threading.Event(), Upload.write

    def slowly(upload: Upload, data: bytes) -> None:
        begun.set()
        assert answered.wait(60)
        real(upload, data)

    monkeypatch.setattr(Upload, "write", slowly)
    with ThreadPoolExecutor(1) as pool:
        pushed = pool.submit(push_blob, ask, "a", b"layer")
        assert begun.wait(30) and ask("GET", "/v2/").status == 200
        answered.set()
        assert pushed.result().status == 201


@pytest.mark.parametrize("where", ["POST", "PATCH"])
def test_a_disk_that_is_full_keeps_nothing(ask, server, monkeypatch, where):
    def full(upload: Upload, data: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    for data in (b"x", bytes(4 << 20)):  # in one piece and in several
        monkeypatch.undo()
        location = "" if where == "POST" else ask("POST", "/v2/a/blobs/uploads/").headers["Location"]
        monkeypatch.setattr(Upload, "write", full)
        failed = push_blob(ask, "a", data) if where == "POST" else ask("PATCH", location, data)
        assert failed.status == 500 and b"the registry cannot write: no space left on device" in failed.body
        assert list((server.registry.folder / "uploads").iterdir()) == []


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT"])
def test_plain_http_on_the_tls_port_is_answered_in_words(tmp_path, method):
    """As Go's server does: an open connection, and then silence, would say nothing."""
    certificate, key = Authority.made(tmp_path / "authority").sign("localhost")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    with Server(Registry(tmp_path / "data"), tls=context).in_thread() as server:
        with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
            connection.sendall(f"{method} /v2/ HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n".encode())
            said = b"".join(iter(lambda: connection.recv(1000), b""))
        words = b"Client sent an HTTP request to an HTTPS server.\n"
        assert said == b"HTTP/1.0 400 Bad Request\r\n\r\n" + words
        trusting = ssl.create_default_context(cafile=certificate.with_name("ca.crt"))
        encrypted = http.client.HTTPSConnection("localhost", server.port, context=trusting, timeout=30)
        encrypted.request("GET", "/v2/")
        assert encrypted.getresponse().status == 200
        encrypted.close()


def test_tls_on_the_plain_port_is_answered_at_once_in_words(server):
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as connection:
        context = ssl.create_default_context()
        outgoing = ssl.MemoryBIO()
        with pytest.raises(ssl.SSLWantReadError):
            context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname="x").do_handshake()
        connection.sendall(outgoing.read())
        answer = b"".join(iter(lambda: connection.recv(4096), b""))
    assert answer.endswith(b"Client sent an HTTPS request to an HTTP server.\n")


def test_every_error_is_json_that_docker_reads(ask):
    for method, path in (("GET", "/"), ("GET", "/v2/none/tags/list"), ("POST", "/v2/"), ("GET", "/v2/a/blobs/x")):
        answer = ask(method, path)
        assert answer.status >= 400 and error(answer)
        assert answer.headers["Docker-Distribution-Api-Version"] == "registry/2.0"


def test_a_deleted_manifest_takes_its_tags_and_leaves_the_blobs_to_prune(ask, server):
    push(ask, "a", "1", b"layer")
    push(ask, "a", "2", b"layer")
    assert ask("DELETE", f"/v2/a/manifests/{sha256(manifest(b'layer'))}").status == 202
    assert json.loads(ask("GET", "/v2/a/tags/list").body) == {"name": "a", "tags": []}
    assert server.registry.blob(sha256(b"layer")).exists()
    assert server.registry.prune(older_than=-1)[0] == 3, "the layer, the config and the manifest"
    assert server.registry.verify() == []


def test_tags_come_sorted_and_in_pages(ask):
    for tag in ("3", "1", "2"):
        push(ask, "a", tag, b"layer")
    first = ask("GET", "/v2/a/tags/list?n=2")
    assert json.loads(first.body)["tags"] == ["1", "2"]
    link = first.headers["Link"]
    assert link == '</v2/a/tags/list?n=2&last=2>; rel="next"'
    assert json.loads(ask("GET", link[1 : link.index(">")]).body)["tags"] == ["3"]


def test_each_request_is_in_the_log_with_its_bytes(ask, server):
    push(ask, "a", "1", b"layer")
    ask("GET", f"/v2/a/blobs/{sha256(b'layer')}")
    while len(server.log) < 4:  # a line is written once the answer is sent
        ask("GET", "/v2/")
    sent = [(one.method, one.status, one.received, one.sent) for one in list(server.log)[:4]]
    size = len(manifest(b"layer"))
    assert sent == [("POST", 201, 2, 0), ("POST", 201, 5, 0), ("PUT", 201, size, 0), ("GET", 200, 0, 5)]
    assert server.log[3].caption == f"The blob {sha256(b'layer')[7:19]}?"


def test_what_was_pushed_is_there_after_a_restart(tmp_path):
    with Server(Registry(tmp_path)).in_thread() as server:
        push(Client(server), "a/b", "1", b"layer")
    with Server(Registry(tmp_path)).in_thread() as server:
        assert Client(server)("GET", "/v2/a/b/manifests/1").body == manifest(b"layer")
        assert json.loads(Client(server)("GET", "/v2/_catalog").body) == {"repositories": ["a/b"]}


def test_a_read_only_registry_refuses_to_be_written_to(tmp_path):
    with Server(Registry(tmp_path), read_only=True).in_thread() as server:
        assert error(Client(server)("POST", "/v2/a/blobs/uploads/")) == "UNSUPPORTED"
        assert Client(server)("GET", "/v2/").status == 200


@pytest.fixture
def guarded(tmp_path):
    for user in ("alice", "bob", "teacher"):
        add_user(tmp_path / "users", user, f"{user}'s")
    accounts = Accounts(tmp_path / "users")
    with Server(Registry(tmp_path / "registry"), accounts=accounts, anonymous_pull=True).in_thread() as server:
        yield server


def logged_in(server, user: str, password: str | None = None) -> Client:
    import base64

    word = base64.b64encode(f"{user}:{password or user + chr(39) + 's'}".encode()).decode()
    return Client(server, {"Authorization": f"Basic {word}"})


def test_users_push_under_their_name_and_everyone_pulls(guarded):
    assert push(logged_in(guarded, "alice"), "alice/shop", "1", b"layer").status == 201
    assert push(logged_in(guarded, "teacher"), "class/shop", "1", b"layer").status == 201
    assert error(logged_in(guarded, "bob")("POST", "/v2/alice/shop/blobs/uploads/")) == "DENIED"
    assert Client(guarded)("GET", "/v2/alice/shop/manifests/1").body == manifest(b"layer")
    refused = Client(guarded)("POST", "/v2/alice/shop/blobs/uploads/")
    assert refused.status == 401 and refused.headers["WWW-Authenticate"].startswith("Basic realm=")


def test_a_wrong_password_is_refused_and_a_right_one_hashed_once(guarded, monkeypatch):
    import bcrypt

    checked = []
    real = bcrypt.checkpw
    monkeypatch.setattr(bcrypt, "checkpw", lambda *args: checked.append(args) or real(*args))
    for _ in range(3):
        assert logged_in(guarded, "alice")("GET", "/v2/").status == 200
    assert len(checked) == 1
    assert logged_in(guarded, "alice", "bob's")("GET", "/v2/").status == 401
    assert logged_in(guarded, "nobody", "x")("GET", "/v2/").status == 401
    assert Client(guarded, {"Authorization": "Basic !"})("GET", "/v2/").status == 401


def test_others_are_answered_while_bcrypt_takes_its_time(guarded, monkeypatch):
    import bcrypt

    begun, answered, real = threading.Event(), threading.Event(), bcrypt.checkpw

    def slowly(*args):
        begun.set()
        assert answered.wait(60), "nobody else was answered meanwhile"
        return real(*args)

    monkeypatch.setattr(bcrypt, "checkpw", slowly)
    with ThreadPoolExecutor(1) as pool:
        login = pool.submit(logged_in(guarded, "alice"), "GET", "/v2/")
        assert begun.wait(60)
        assert Client(guarded)("GET", "/v2/").status == 401
        answered.set()
        assert login.result().status == 200


def test_a_password_that_was_changed_is_forgotten(guarded, tmp_path):
    assert logged_in(guarded, "alice")("GET", "/v2/").status == 200
    add_user(tmp_path / "users", "alice", "another")
    assert logged_in(guarded, "alice")("GET", "/v2/").status == 401
    assert logged_in(guarded, "alice", "another")("GET", "/v2/").status == 200


def test_a_manifest_over_the_limit_is_refused_before_it_is_read(ask, server):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    connection.putrequest("PUT", "/v2/a/manifests/1")
    connection.putheader("Content-Length", str(1 << 30))
    connection.putheader("Content-Type", MANIFEST)
    connection.endheaders()
    assert connection.getresponse().status == 413
    connection.close()


def test_a_folder_has_one_registry_at_a_time(tmp_path):
    import subprocess
    import sys

    code = f"from imagelab.registry.server.repositories import Registry; Registry({str(tmp_path)!r})"
    registry = Registry(tmp_path)
    second = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "is in use by another registry" in second.stderr
    registry.close()
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
