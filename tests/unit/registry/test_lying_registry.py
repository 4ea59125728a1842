"""What a registry may send that it should not: a clear error, nothing stored, another attempt where that is right."""

from __future__ import annotations

import gzip
import json
import os
import threading
import time
from email.utils import formatdate

import pytest

from imagelab import Digest, Lab, Reference, mutate
from imagelab.errors import Invalid, LabError, NotFound
from imagelab.registry.client import Access
from imagelab.registry.connection.auth import Denied, challenges
from imagelab.registry.connection.credentials import Account
from imagelab.registry.connection.failure import Unreachable
from imagelab.registry.connection.transport import Limits
from imagelab.registry.connection.urls import redirected, retry_after
from imagelab.registry.protocol import RegistryError
from imagelab.registry.pull import pull as pull_one

from .liar import MANIFEST, Asked, http, lying

INDEX = "application/vnd.oci.image.index.v1+json"

QUICK = Access(limits=Limits(connect=5, read=5, attempts=3, backoff=0.001, wait=0.01, deadline=20))


@pytest.fixture
def liar():
    lab = Lab.temporary(current=False)
    image = mutate.compressed(lab.append(lab.append(None, {"a": os.urandom(3000)}), {"b": os.urandom(5000)}))
    with lying(image) as liar:
        yield liar


def pull(lab, liar, access=QUICK, name="app:1", **more):
    return lab.pull(f"{liar.address}/{name}", access=access, **more)


def refused(lab, liar, error, words, access=QUICK):
    """The pull fails with one line, and leaves no image, no tag and no file that is not whole."""
    with pytest.raises(error, match=words) as raised:
        pull(lab, liar, access)
    assert "\n" not in str(raised.value)
    assert not lab.images(all=True) and not lab.tags() and not lab.store.repo_digests.images()
    assert all(Digest.of(lab.store.blobs.path(digest).read_bytes()) == digest for digest in lab.store.blobs)
    assert not list((lab.home / "tmp").iterdir())
    return raised.value


def of_manifest_only(liar, data):
    """The registry has this manifest, whatever is asked for."""
    bodies = {"GET": data, "HEAD": b""}
    liar.of_manifest(lambda asked: http(200, bodies[asked.method], length=len(data), Content_Type=MANIFEST))


def test_the_honest_answers_give_the_image(other, liar):
    received = pull(other, liar)
    assert received.image.digest == liar.image.digest and other.verify() == []
    assert all(one.headers["accept-encoding"] == "identity" for one in liar.asked)


# Bytes that are not what they should be ------------------------------------------------------------------------------


def test_other_bytes_of_the_same_length(other, liar):
    data = bytearray(liar.blobs[liar.layer])
    data[-1] ^= 1
    liar.of_layer(lambda asked: http(200, bytes(data)))
    refused(other, liar, Invalid, rf"the layer {liar.layer.short} of .*: damaged gzip data|its digest is {liar.layer}")


def test_the_bytes_of_another_layer(other, liar):
    liar.of_layer(lambda asked: http(200, liar.blobs[liar.image.layers[0].digest]))
    refused(other, liar, LabError, r"should have \d+ bytes, but the registry sends only \d+|says that its digest is")


def test_more_bytes_than_the_manifest_says(other, liar):
    liar.of_layer(lambda asked: http(200, liar.blobs[liar.layer] + b"more"))
    refused(other, liar, Invalid, r"says that it has \d+ bytes, but it has more")


def test_endless_bytes_are_not_waited_for(other, liar):
    liar.of_layer(lambda asked: http(200, liar.blobs[liar.layer] + bytes(1 << 20), length=1 << 40))
    refused(other, liar, Invalid, r"says that it has \d+ bytes, but it has more")


def test_fewer_bytes_and_content_with_it(other, liar):
    liar.of_layer(lambda asked: http(200, liar.blobs[liar.layer][:-10]) if "range" not in asked.headers else http(416))
    error = refused(other, liar, Unreachable, r"should have \d+ bytes, but the registry sends only \d+")
    assert liar.layer.short in str(error)


def test_a_manifest_with_another_digest_than_was_asked_for(other, liar):
    other_one = json.dumps({**json.loads(liar.image.manifest_bytes), "annotations": {"x": "y"}}).encode()
    liar.of_manifest(
        lambda asked: NotImplemented if asked.method == "HEAD" else http(200, other_one, Content_Type=MANIFEST)
    )
    refused(other, liar, Invalid, f"sent a manifest whose digest is {Digest.of(other_one)}, not {liar.image.digest}")


def test_a_digest_header_that_lies_is_only_a_hint(other, liar):
    hint = http(200, length=3, Docker_Content_Digest="nonsense")
    liar.of_manifest(lambda asked: hint if asked.method == "HEAD" else NotImplemented)
    assert pull(other, liar).digest == liar.image.digest


def test_a_head_that_is_not_answered_properly(other, liar):
    """Neither length nor digest, as some registries: the GET has what counts."""
    liar.of_manifest(
        lambda asked: b"HTTP/1.1 405 X\r\nConnection: close\r\n\r\n" if asked.method == "HEAD" else NotImplemented
    )
    assert pull(other, liar).digest == liar.image.digest


@pytest.mark.parametrize(
    ("body", "content_type", "words"),
    [
        (b'{"schemaVersion": 2, "manifests": 5}', INDEX, "no list of 'manifests'"),
        (b'{"schemaVersion": 2, "manifests": []}', INDEX, "there is nothing"),
        (b'{"schemaVersion": 2, "mediaType": "%s"}' % INDEX.encode(), MANIFEST, "says it is"),
        (b"not json", MANIFEST, "is not JSON"),
        (b"[]", MANIFEST, "not an object"),
        (b"{}", "text/html", "sent the type 'text/html': expected an OCI or docker v2 manifest"),
        (b'{"schemaVersion": 1}', "application/vnd.docker.distribution.manifest.v1+prettyjws", "v1.prettyjws"),
        (b'{"schemaVersion": 2}', MANIFEST, "has no list of layers"),
        (b'{"schemaVersion": 2, "layers": ' + b"[" * 100 + b"]" * 100 + b"}", MANIFEST, "nested more than"),
        (b" " * (9 << 20), MANIFEST, "more than"),
    ],
)
def test_a_manifest_that_is_none(other, liar, body, content_type, words):
    answers = {"GET": http(200, body, Content_Type=content_type), "HEAD": http(200, length=1)}
    liar.of_manifest(lambda asked: answers[asked.method])
    refused(other, liar, LabError, words)


def test_a_gzip_bomb(other, liar):
    """A layer that is 30 kB on the wire and 30 MB unpacked; the limit here is small, so that the test is quick."""
    bomb = gzip.compress(bytes(30 << 20))
    manifest = json.loads(liar.image.manifest_bytes)
    manifest["layers"][-1] |= {"digest": Digest.of(bomb), "size": len(bomb)}
    data = json.dumps(manifest).encode()
    liar.blobs[Digest.of(bomb)] = bomb
    of_manifest_only(liar, data)
    with pytest.raises(Invalid, match="expands to more than"):
        pull_one(other.store, Reference.parse(f"{liar.address}/app:1"), other.reached(QUICK), limit=1 << 20)
    assert not other.images(all=True)


def test_a_layer_that_is_no_tar(other, liar):
    junk = gzip.compress(b"#!/bin/sh\necho gotcha\n" * 100)
    manifest = json.loads(liar.image.manifest_bytes)
    manifest["layers"][-1] |= {"digest": Digest.of(junk), "size": len(junk)}
    data = json.dumps(manifest).encode()
    liar.blobs[Digest.of(junk)] = junk
    of_manifest_only(liar, data)
    refused(other, liar, Invalid, "not a tar|expands to sha256|tar")


def test_a_layer_that_the_config_does_not_know(other, liar):
    """Digest and size are the manifest's, and the tar is a good one: only its diffID is not the config's."""
    stranger = Lab.temporary(current=False).append(None, {"c": "of another image"}).layers[0]
    with stranger.open() as file:
        data = gzip.compress(file.read())
    manifest = json.loads(liar.image.manifest_bytes)
    manifest["layers"][-1] |= {"digest": Digest.of(data), "size": len(data)}
    liar.blobs[Digest.of(data)] = data
    of_manifest_only(liar, json.dumps(manifest).encode())
    refused(other, liar, Invalid, f"expands to {stranger.diff_id}, but the config says {liar.image.diff_ids[-1]}")
    assert Digest.of(data) not in other.store.blobs


def test_a_config_of_other_bytes_and_the_same_length(other, liar):
    config = liar.blobs[liar.image.id]
    lie = config.replace(b'"os":"linux"', b'"os":"lunix"')
    assert len(lie) == len(config) and lie != config
    liar.blobs[liar.image.id] = lie
    refused(other, liar, Invalid, f"should have the digest {liar.image.id}, but it has {Digest.of(lie)}")


# Connections that break ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("at", [0, 1, 100, 2500, -1])
def test_a_cut_layer_goes_on_where_it_was(other, liar, at):
    data = liar.blobs[liar.layer]
    cuts = []

    def cut(asked):
        if cuts:
            return NotImplemented
        cuts.append(asked)
        return http(200, data[:at], length=len(data))

    liar.of_layer(cut)
    assert pull(other, liar).image.digest == liar.image.digest
    asked = [one.headers.get("range") for one in liar.asked if str(liar.layer) in one.path]
    came = len(data[:at])
    assert asked == [None, f"bytes={came}-" if came else None]
    assert other.verify() == []


@pytest.mark.parametrize("step", range(4))
def test_an_answer_cut_at_every_byte_of_its_head(other, liar, step):
    """Whatever was cut off, the same question is asked again."""
    whole = liar.honest(Asked("GET", f"/v2/app/blobs/{liar.layer}", {}))
    cuts = iter(range(step, whole.index(b"\r\n\r\n") + 4, 4))
    access = Access(limits=Limits(connect=5, read=5, attempts=len(whole), backoff=0.0001, wait=0.001, deadline=60))
    liar.of_layer(lambda asked: whole[:at] if (at := next(cuts, None)) is not None else NotImplemented)
    assert pull(other, liar, access).image.digest == liar.image.digest and next(cuts, None) is None


def test_a_server_that_ignores_the_range_is_taken_from_the_beginning(other, liar):
    data = liar.blobs[liar.layer]
    answers = iter([http(200, data[:2000], length=len(data))])
    liar.of_layer(lambda asked: next(answers, http(200, data)))
    assert pull(other, liar).image.digest == liar.image.digest


def test_a_part_that_is_another_one_is_not_believed(other, liar):
    data = liar.blobs[liar.layer]
    first = iter([http(200, data[:2000], length=len(data))])
    wrong = http(206, data[1000:], Content_Range=f"bytes 1000-{len(data) - 1}/{len(data)}")

    def rule(asked):
        if (said := next(first, None)) is not None:
            return said
        return wrong if "range" in asked.headers else NotImplemented

    liar.of_layer(rule)
    assert pull(other, liar).image.digest == liar.image.digest


def test_what_came_is_kept_for_the_next_pull(other, liar):
    """The connection breaks for good: the whole layer and a part of the other stay, and only the rest is fetched."""
    data = liar.blobs[liar.layer]
    liar.of_layer(lambda asked: http(200, data[:2000], length=len(data)) if "range" not in asked.headers else b"")
    refused(other, liar, Unreachable, "EOF")
    liar.rules.clear()
    liar.asked.clear()
    received = pull(other, liar)
    assert received.image.digest == liar.image.digest
    blobs = [(one.path.rpartition("/")[2], one.headers.get("range")) for one in liar.asked if "/blobs/" in one.path]
    assert sorted(blobs, key=str) == sorted([(liar.image.id, None), (liar.layer, "bytes=2000-")], key=str)
    assert [blob.verdict for blob in received.blobs[:2]] == ["exists", "received"]
    assert not list((other.home / "cache" / "pull").iterdir())


def test_what_came_may_be_damaged(other, liar):
    data = liar.blobs[liar.layer]
    partial = other.home / "cache" / "pull" / f".{liar.layer.hex}"
    partial.parent.mkdir(parents=True)
    partial.write_bytes(bytes(1000))
    assert pull(other, liar).image.digest == liar.image.digest
    assert [one.headers.get("range") for one in liar.asked if str(liar.layer) in one.path][-1] is None
    assert not partial.exists() and len(data) > 1000


def test_hung_after_accept(other, liar):
    liar.rules.append(lambda asked: None)
    access = Access(limits=Limits(connect=1, read=0.2, attempts=2, backoff=0.001, deadline=20))
    refused(other, liar, Unreachable, 'Get "http://.*/v2/": net/http: timeout awaiting response headers', access)


def test_hung_in_the_middle_of_a_layer(other, liar):
    data = liar.blobs[liar.layer]
    stuck = threading.Event()

    def drip(asked):
        stuck.wait(3)
        return http(200, data[:100], length=len(data))

    liar.of_layer(drip)
    access = Access(limits=Limits(connect=5, read=0.2, attempts=2, backoff=0.001, deadline=20))
    refused(other, liar, Unreachable, "timeout awaiting response headers", access)
    stuck.set()


# Statuses ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504, 408])
def test_what_may_pass_is_tried_again(other, liar, status):
    answers = iter([http(status, b"busy", Retry_After="0"), http(status, b"busy")])
    liar.of_layer(lambda asked: next(answers, NotImplemented))
    assert pull(other, liar).image.digest == liar.image.digest


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (500, b"<html><head><title>Oops</title></head>long page</html>", r"127\.0\.0\.1:\d+ answered 500: Oops"),
        (413, b"<html><body><h1>413 Request\nEntity</h1>", "answered 413: 413 Request Entity"),
        (400, b'{"errors":[{"code":"NAME_INVALID","message":"invalid name"}]}', "name invalid: invalid name"),
        (503, b'{"errors":[{"code":"UNAVAILABLE"},{"code":"X","message":"y"}]}', "unavailable; x: y"),
        (418, b'{"errors": 7}', "answered 418"),
        (500, b'{"errors":[[[[', "answered 500"),
        (500, b"\xff\xfe\x1b[31mred", "answered 500"),
        (500, b"x" * 500_000, "answered 500: x+$"),
    ],
)
def test_the_registry_s_own_words(other, liar, status, body, words):
    liar.of_layer(lambda asked: http(status, body))
    error = refused(other, liar, RegistryError, words)
    assert len(str(error)) < 700


@pytest.mark.parametrize("value", [None, "880.092µs", "soon", "-5", "1e9", "Thu, 99 Foo", "٣"])
def test_a_429_with_none_or_a_silly_retry_after(other, liar, value):
    headers = {"Retry_After": value} if value is not None else {}
    asked = []

    def limit(request):
        asked.append(request)
        return http(429, b'{"errors":[{"code":"TOOMANYREQUESTS","message":"pull rate limit"}]}') if not headers else (
            http(429, b'{"errors":[{"code":"TOOMANYREQUESTS","message":"pull rate limit"}]}').replace(
                b"\r\n\r\n", f"\r\nRetry-After: {value}\r\n\r\n".encode(), 1
            )
        )

    liar.of_layer(limit)
    refused(other, liar, RegistryError, "toomanyrequests: pull rate limit")
    assert len(asked) == QUICK.limits.attempts


def test_a_wait_that_is_too_long_is_told_at_once(other, liar):
    asked = []
    liar.of_layer(lambda request: asked.append(request) or http(429, b"slow down", Retry_After="3600"))
    refused(other, liar, RegistryError, r"answered 429: slow down; it asks to wait 3600 \(Retry-After\)")
    assert len(asked) == 1


def test_retry_after_as_it_is_written():
    assert [retry_after(text) for text in ("0", " 7 ", None, "", "880.092µs", "-1", "x")] == [0, 7, *[None] * 5]
    assert 55 < retry_after(formatdate(time.time() + 60, usegmt=True)) < 61
    assert retry_after(formatdate(time.time() - 60, usegmt=True)) == 0


# Redirects -----------------------------------------------------------------------------------------------------------


def test_a_redirect_elsewhere_takes_no_credentials(other, liar):
    with lying(liar.image) as storage:
        storage.rules.append(
            lambda asked: http(200, storage.blobs[storage.layer]) if asked.path.startswith("/data?") else NotImplemented
        )
        other.credentials.store(liar.address, account := Account("alice", "secret1"))
        liar.rules.append(lambda asked: _wants_basic(asked, account))
        liar.of_layer(lambda asked: http(307, Location=f"http://{storage.address}/data?signature=s3cret"))
        received = pull(other, liar)
        assert all("authorization" not in one.headers for one in storage.asked)
        assert all("authorization" in one.headers for one in liar.asked[1:])
        away = [one.path for one in received.requests if "://" in one.path]
        assert away == [f"http://{storage.address}/data"], "a signature is not for the log"


def test_redirects_in_a_circle(other, liar):
    liar.of_layer(lambda asked: http(307, Location=asked.path))
    refused(other, liar, LabError, "more than 5 redirects")


@pytest.mark.parametrize(
    ("location", "words"),
    [
        ("file:///etc/passwd", "expected a URL with http or https"),
        ("gopher://x/", "expected a URL with http or https"),
        ("http://[::1", "which is not a URL"),
    ],
)
def test_redirects_to_where_no_client_should_go(other, liar, location, words):
    liar.of_layer(lambda asked: http(302, Location=location))
    refused(other, liar, LabError, words)


def test_never_from_https_down_to_http():
    assert redirected("https://a/v2/x?y", "/z?w=1") == "https://a/z?w=1"
    assert redirected("http://a:5000/v2/", "https://b/") == "https://b/"
    with pytest.raises(LabError, match=r"from https to .*not encrypted.*X-Forwarded-Proto"):
        redirected("https://a/v2/", "http://a/v2/")


def test_bytes_that_were_recoded_on_the_way(other, liar):
    """Some proxies compress what was asked for as it is; others say so of bytes that they did not touch."""
    plain, gzipped = liar.blobs[liar.layer], gzip.compress(liar.blobs[liar.layer])
    liar.of_layer(lambda asked: http(200, gzipped, Content_Encoding="gzip"))
    words = "the registry, or a proxy before it, sent .* with Content-Encoding: gzip, although identity was asked for"
    refused(other, liar, LabError, words)
    assert len([one for one in liar.asked if str(liar.layer) in one.path]) == 1
    liar.rules[0] = lambda asked: NotImplemented
    liar.of_manifest(lambda asked: http(200, gzip.compress(liar.image.manifest_bytes), Content_Encoding="gzip",
                                        Content_Type=MANIFEST))  # fmt: skip
    refused(other, liar, LabError, words)
    liar.rules.clear()
    liar.of_layer(lambda asked: http(200, plain, Content_Encoding="x-gzip"))
    assert pull(other, liar).image.id == liar.image.id


# Who asks ------------------------------------------------------------------------------------------------------------


def _wants_basic(asked, account):
    if asked.headers.get("authorization") == account.basic:
        return NotImplemented
    return http(401, b"{}", WWW_Authenticate='Basic realm="x"')


def _bearer(liar, token_server, *, accepts=lambda token: True, scopes=""):
    challenge = f'Bearer realm="http://{token_server.address}/token",service="reg",scope="repository:app:pull"'

    def rule(asked):
        header = asked.headers.get("authorization", "")
        if header.startswith("Bearer ") and accepts(header.removeprefix("Bearer ")):
            return NotImplemented
        return http(401, b'{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}',
                    WWW_Authenticate=challenge)  # fmt: skip

    liar.rules.insert(0, rule)


def test_a_token_is_asked_for_once_for_its_scopes(other, liar):
    with lying(liar.image) as tokens:
        tokens.rules.append(lambda asked: http(200, b'{"token": "abc", "expires_in": 300}'))
        other.credentials.store(liar.address, account := Account("alice", "secret1"))
        _bearer(liar, tokens, accepts=lambda token: token == "abc")
        pull(other, liar)
        (asked,) = tokens.asked
        assert asked.path == "/token?service=reg&scope=repository%3Aapp%3Apull&account=alice"
        assert asked.headers["authorization"] == account.basic
        assert all("basic" not in one.headers.get("authorization", "").lower() for one in liar.asked)


def test_a_token_that_is_refused_is_renewed_once(other, liar):
    with lying(liar.image) as tokens:
        numbers = iter(range(100))
        tokens.rules.append(lambda asked: http(200, json.dumps({"access_token": f"t{next(numbers)}"}).encode()))
        _bearer(liar, tokens, accepts=lambda token: token != "t0")
        assert pull(other, liar).image.digest == liar.image.digest
        assert len(tokens.asked) == 2 and "authorization" not in tokens.asked[0].headers


def test_a_401_loop_ends(other, liar):
    with lying(liar.image) as tokens:
        tokens.rules.append(lambda asked: http(200, b'{"token": "abc"}'))
        _bearer(liar, tokens, accepts=lambda token: False)
        error = refused(other, liar, Denied, "denied: requested access to the resource is denied")
        assert "abc" not in str(error) and len(tokens.asked) == 2


def test_an_old_token_is_renewed_before_it_ends(other, liar):
    """Its life is so short that four fifths of it are over at once."""
    with lying(liar.image) as tokens:
        tokens.rules.append(lambda asked: http(200, b'{"token": "abc", "expires_in": 0.000001}'))
        _bearer(liar, tokens)
        pull(other, liar)
        assert len(tokens.asked) > 2


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"<html>", "answered with something that is not JSON"),
        (b"{}", "gave no token"),
        (b'{"token": ""}', "gave no token"),
        (b'{"token": "a\\nb"}', "gave no token"),
        (b'{"token": 5}', "gave no token"),
    ],
)
def test_a_token_server_that_gives_none(other, liar, body, words):
    with lying(liar.image) as tokens:
        tokens.rules.append(lambda asked: http(200, body))
        _bearer(liar, tokens)
        refused(other, liar, LabError, words)


@pytest.mark.parametrize("realm", ["http://registry.example/token", "file:///etc/passwd", "", "http://"])
def test_a_password_is_told_to_no_realm_elsewhere_over_http(other, liar, realm):
    other.credentials.store(liar.address, Account("alice", "secret1"))
    liar.rules.append(lambda asked: http(401, WWW_Authenticate=f'Bearer realm="{realm}"'))
    error = refused(other, liar, LabError, "no password is sent there|expected a URL with http or https")
    assert "secret1" not in str(error)


def test_a_wrong_password_is_not_tried_twice(other, liar):
    other.credentials.store(liar.address, Account("alice", "wrong"))
    liar.rules.append(lambda asked: _wants_basic(asked, Account("alice", "right")))
    refused(other, liar, Denied, "answered 401.*; log in again")
    assert len(liar.asked) == 2


def test_a_401_without_a_challenge(other, liar):
    liar.rules.append(lambda asked: http(401))
    refused(other, liar, LabError, "does not say what it asks for")


def test_challenges_as_registries_write_them():
    (one,) = challenges('Bearer realm="https://a/token",service="b c",scope="repository:x:pull,push"')
    assert one.scheme == "bearer"
    assert one.parameters == {"realm": "https://a/token", "service": "b c", "scope": "repository:x:pull,push"}
    assert [one.scheme for one in challenges('Basic realm="x", Bearer realm="y"')] == ["basic", "bearer"]
    assert challenges("BASIC realm=x")[0].parameters == {"realm": "x"}
    assert challenges('Digest realm="a\\"b", nonce=5')[0].parameters == {"realm": 'a"b', "nonce": "5"}
    assert [challenges(text) for text in ("", ",,,", "=", '"')] == [[]] * 4


# Pushing -------------------------------------------------------------------------------------------------------------


def push_to(liar, lab, access=QUICK):
    lab.tag(lab.append(None, {"x": os.urandom(1000)}), f"{liar.address}/app:1")
    return lab.push(f"{liar.address}/app:1", access=access)


@pytest.mark.parametrize(
    ("headers", "words"),
    [
        ({}, "without saying where"),
        ({"Location": "file:///tmp/x"}, "expected a URL with http or https"),
    ],
)
def test_an_upload_that_goes_nowhere(lab, liar, headers, words):
    liar.rules.append(lambda asked: http(202, **headers) if asked.method == "POST" else NotImplemented)
    with pytest.raises(LabError, match=words):
        push_to(liar, lab)
    assert not lab.repo_digests(f"{liar.address}/app:1")


def test_a_location_keeps_its_query(lab, liar):
    answers = {"HEAD": http(404), "POST": http(202, Location="uploads/7?_state=a%2Bb&x="), "PUT": http(201)}
    liar.rules.append(lambda asked: answers.get(asked.method, NotImplemented))
    image = lab.append(None, {"x": "1"})
    lab.tag(image, f"{liar.address}/app:1")
    lab.push(f"{liar.address}/app:1", compression="none", access=QUICK)
    sent = next(one for one in liar.asked if one.method == "PUT")
    assert sent.path == f"/v2/app/blobs/uploads/uploads/7?_state=a%2Bb&x=&digest={image.layers[0].digest}"
    assert sent.body == image.layers[0].blob().read()


def test_a_registry_that_calls_the_manifest_something_else(lab, liar):
    def rule(request):
        if "/manifests/" in request.path:
            return http(201, Docker_Content_Digest=f"sha256:{'0' * 64}")
        return http(200)

    liar.rules.append(rule)
    with pytest.raises(Invalid, match="kept the manifest as sha256:000"):
        lab.tag(lab.append(None, {}), f"{liar.address}/app:1")
        lab.push(f"{liar.address}/app:1", compression="none", access=QUICK)
    assert not lab.repo_digests(f"{liar.address}/app:1")


def test_a_push_that_nobody_answers_says_so(lab, liar):
    with pytest.raises(NotFound, match=r"^An image does not exist locally"):
        lab.push(f"{liar.address}/app:1")
