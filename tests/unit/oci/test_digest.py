"""A digest is a name that content gives itself."""

from __future__ import annotations

import hashlib
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagelab.errors import Invalid
from imagelab.oci.digest import Digest, Hashed, chain_ids


@given(st.lists(st.binary(max_size=50)))
def test_a_digest_does_not_care_how_the_bytes_come(pieces: list[bytes]) -> None:
    whole = b"".join(pieces)
    expected = "sha256:" + hashlib.sha256(whole).hexdigest()
    hashed = Hashed(pieces)
    assert b"".join(hashed) == whole
    assert {Digest.of(whole), Digest.of_file(io.BytesIO(whole)), Digest.of_pieces(pieces), hashed.digest} == {expected}


def test_the_empty_descriptor_has_the_digest_the_specification_gives() -> None:
    assert Digest.of(b"{}") == "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"


def test_a_chain_id_names_a_layer_and_all_below_it() -> None:
    a, b, c = (Digest.of(text) for text in (b"a", b"b", b"c"))
    assert chain_ids([]) == ()
    assert chain_ids([a]) == (a,)
    assert chain_ids([a, b, c])[1] == Digest.of(f"{a} {b}".encode())
    assert chain_ids([a, b, c])[2] == Digest.of(f"{chain_ids([a, b])[1]} {c}".encode())


def test_short_is_what_docker_shows() -> None:
    digest = Digest("sha256:" + "0123456789abcdef" * 4)
    assert (digest.short, len(digest.hex)) == ("0123456789ab", 64)


@pytest.mark.parametrize(
    ("text", "why"),
    [("sha256:12", "64 hex"), ("sha256:" + "A" * 64, "64 hex"), ("md5:" + "a" * 32, "64 hex"), (None, "not a digest"),
     (7, "not a digest"), ("sha512:" + "a" * 128, "SHA-512"), ("sha256:" + "a" * 64 + "\n", "64 hex")],
)  # fmt: skip
def test_what_is_no_digest_is_refused_by_what_it_was_meant_to_be(text: object, why: str) -> None:
    with pytest.raises(Invalid, match=f"the layer's digest.*{why}"):
        Digest.parse(text, "the layer's digest")
