"""A reference is a name people make: read as docker reads it, and written as people write it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagelab.errors import InvalidReference
from imagelab.oci.reference import Reference

DIGEST = "sha256:" + "a1" * 32

components = st.from_regex(r"[a-z0-9]+((\.|_|__|-+)[a-z0-9]+){0,2}", fullmatch=True).filter(lambda c: len(c) < 30)
domains = st.sampled_from(
    ["", "localhost/", "localhost:5000/", "ghcr.io/", "UPPER/", "[::1]:80/", "docker.io/", "index.docker.io/"]
)
tags = st.one_of(st.just(""), st.from_regex(r":[A-Za-z0-9_][A-Za-z0-9_.-]{0,20}", fullmatch=True))
digests = st.sampled_from(["", "@" + DIGEST])


def _written(domain: str, path: list[str], tag: str, digest: str) -> str:
    if not domain and len(path) > 1 and ("." in path[0] or path[0] == "localhost"):
        domain = "docker.io/"  # without it, docker's rule takes such a first part for the registry
    return domain + "/".join(path) + tag + digest


written = st.builds(_written, domains, st.lists(components, min_size=1, max_size=3), tags, digests)


@given(written)
def test_a_name_written_out_and_read_again_is_the_same_name(text: str) -> None:
    reference = Reference.parse(text)
    assert Reference.parse(reference.familiar) == reference == Reference.parse(reference.canonical)
    assert len(reference.familiar) <= len(reference.canonical)


@given(st.text(max_size=40))
def test_any_text_is_a_name_or_is_refused_in_words(text: str) -> None:
    try:
        assert Reference.parse(Reference.parse(text).canonical) == Reference.parse(text)
    except InvalidReference as error:
        assert "\n" not in str(error) and len(str(error)) > 30


@pytest.mark.parametrize(
    ("written", "canonical", "familiar"),
    [
        ("myapp", "docker.io/library/myapp", "myapp"),
        ("myapp:1.0", "docker.io/library/myapp:1.0", "myapp:1.0"),
        ("me/myapp", "docker.io/me/myapp", "me/myapp"),
        ("docker.io/myapp", "docker.io/library/myapp", "myapp"),
        ("index.docker.io/library/myapp:x", "docker.io/library/myapp:x", "myapp:x"),
        ("library/a/b", "docker.io/library/a/b", "library/a/b"),
        ("localhost/myapp", "localhost/myapp", "localhost/myapp"),
        ("localhost:5000/a/b@" + DIGEST, "localhost:5000/a/b@" + DIGEST, "localhost:5000/a/b@" + DIGEST),
        ("myapp:1.0@" + DIGEST, "docker.io/library/myapp:1.0@" + DIGEST, "myapp:1.0@" + DIGEST),
        ("Registry/myapp", "Registry/myapp", "Registry/myapp"),
        ("docker.io/ghcr.io/x", "docker.io/ghcr.io/x", "docker.io/ghcr.io/x"),
    ],
)
def test_dockers_normal_form(written: str, canonical: str, familiar: str) -> None:
    reference = Reference.parse(written)
    assert (reference.canonical, reference.familiar) == (canonical, familiar)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("", "the name is empty"),
        ("a" * 64, "64 hex digits are an image ID"),
        ("MyApp", "must be lowercase: 'MyApp'"),
        ("me/MyApp:1", "must be lowercase: 'MyApp'"),
        ("my app", "name part 'my app'"),
        ("my..app", "name part 'my..app'"),
        ("-app", "name part '-app'"),
        ("a//b", "empty between"),
        ("/a", "empty between"),
        ("a/", "empty between"),
        (":1", "empty between"),
        ("app:", "the tag ''"),
        ("app:.1", "the tag '.1'"),
        ("app:" + "x" * 129, "1 to 128 characters"),
        ("app:a:b", "the tag 'a:b'"),
        ("app:1\n", r"the tag '1\n'"),
        ("app:1\n", "it ends with a newline"),
        ("app@sha256:" + "a" * 64 + "\n", "it ends with a newline"),
        ("app@sha256:12", "the digest 'sha256:12'"),
        ("app@sha256:" + "A" * 64, "lower-case"),
        ("app@sha256:" + "a" * 63, "64 lower-case hex digits"),
        ("app@md5:" + "a" * 32, "algorithm 'md5'"),
        ("exa mple.com/a", "registry 'exa mple.com'"),
        ("host:port/a", "registry 'host:port'"),
        ("a/" * 120 + "ending-that-is-too-long", "255"),
    ],
)
def test_a_wrong_name_is_told_which_part_is_wrong(text: str, part: str) -> None:
    with pytest.raises(InvalidReference, match="invalid reference format") as caught:
        Reference.parse(text)
    assert part in str(caught.value)


def test_a_name_with_neither_tag_nor_digest_means_latest() -> None:
    assert Reference.parse("a").with_default_tag().tag == "latest"
    assert Reference.parse("a:1").with_default_tag().tag == "1"
    assert Reference.parse("a@" + DIGEST).with_default_tag().tag is None
    assert Reference.parse("a:1@" + DIGEST).tagged("2").familiar == "a:2"
    assert Reference.parse("a:1").pinned(DIGEST).familiar == "a@" + DIGEST
