"""The value of RUN --mount: what it says, and BuildKit's messages for what it cannot say."""

from __future__ import annotations

import pytest

from imagelab.build.dockerfile import DockerfileError, parse
from imagelab.build.dockerfile.mount import Mount, parse_mount


@pytest.mark.parametrize(
    "text, mount",
    [
        ("target=/a", Mount("bind", target="/a", readonly=True)),
        ("type=bind,dst=/a,src=b,from=c,rw", Mount("bind", "b", "/a", "c")),
        ("Type=cache,destination=/a,id=x,sharing=locked", Mount("cache", target="/a", id="x")),
        ("type=cache,dst=/a,mode=0700,uid=7,gid=8", Mount("cache", target="/a", mode=0o700, uid=7, gid=8)),
        ("type=cache,target=/a,ro=true,sharing=private", Mount("cache", target="/a", readonly=True)),
        ("type=tmpfs,target=/a,size=64m", Mount("tmpfs", target="/a")),
        ("type=secret,id=x,required,env=X", Mount("secret", id="x", readonly=True, required=True, env="X")),
        ('type=secret,"target=/a,b",required=false', Mount("secret", target="/a,b", readonly=True)),
    ],
)  # fmt: skip
def test_what_a_mount_says(text, mount):
    assert parse_mount(text) == mount


def test_variables_are_replaced_but_in_from():
    assert parse_mount("type=cache,target=$A", {"cache": "cache", "$A": "/a"}.__getitem__).target == "/a"
    with pytest.raises(ValueError, match="'from' doesn't support variable expansion, define alias stage instead"):
        parse_mount("from=$A,target=/a")


@pytest.mark.parametrize(
    "text, why",
    [
        ("type=bnd,target=/a", 'unsupported mount type "bnd" (did you mean bind?)'),
        ("type=cache,tagret=/a", "unexpected key 'tagret' in 'tagret=/a' (did you mean target?)"),
        ("type=cache,target", "invalid field 'target' must be a key=value pair"),
        ("what", "invalid field 'what' must be a key=value pair"),
        ("type=cache,target=/a,ro=maybe", "invalid value for ro: maybe"),
        ("type=cache,target=/a,sharing=all", 'unsupported sharing value "all"'),
        ("type=cache,target=/a,mode=999", "invalid value 999 for mode"),
        ("type=cache,target=/a,uid=me", "invalid value me for uid"),
        ("type=tmpfs,target=/a,mode=0700", 'mode not allowed for "tmpfs" type mounts'),
        ("target=/a,required", 'required not allowed for "bind" type mounts'),
        ("type=cache,target=/a,size=1m", 'size not allowed for "cache" type mounts'),
        ("type=secret", "invalid secret mount. one of source, target required"),
        ("type=secret,id=x,from=y", "secret mount should not have a from"),
        ("type=secret,id=x,source=y", "both source and id can't be set"),
        ("type=ssh", "ssh mounts are not supported, no ssh agent is forwarded to a build"),
    ],
)
def test_what_is_no_mount(text, why):
    with pytest.raises(ValueError) as error:
        parse_mount(text)
    assert why in str(error.value)
    with pytest.raises(DockerfileError, match="Dockerfile:3: RUN: --mount: ") as refused:
        parse(f"FROM a\n\nRUN --mount={text} true\n".encode())
    assert why in str(refused.value)


def test_network_and_security_of_a_run():
    parse(b"FROM a\nRUN --network=none --security=sandbox true\nRUN --network=default true\n")
    for flag in ("network=host", "security=insecure"):
        with pytest.raises(DockerfileError, match=f"Dockerfile:2: RUN: --{flag}: a RUN here has only --"):
            parse(f"FROM a\nRUN --{flag} true\n".encode())
