"""What -v, --mount and --tmpfs say, and docker's words for what they cannot."""

from __future__ import annotations

import os

import pytest

from imagelab.errors import LabError
from imagelab.volumes.mount import Mount, checked, collected, named_mount, read_mount, read_tmpfs, read_volume


@pytest.mark.parametrize(
    "text, mount",
    [
        ("data:/srv", Mount("volume", "/srv", "data")),
        ("data:/srv/../x/:ro", Mount("volume", "/x", "data", True, mode="ro")),
        ("/host:/srv:rw,z", Mount("bind", "/srv", "/host", mode="rw,z")),
        ("/only", Mount("volume", "/only", anonymous=True)),
        ("data:/srv:nocopy", Mount("volume", "/srv", "data", nocopy=True, mode="nocopy")),
        ("./a:/srv", Mount("bind", "/srv", os.path.abspath("a"))),
    ],
)
def test_volume(text, mount):
    assert read_volume(text) == mount


@pytest.mark.parametrize(
    "text, why",
    [
        ("a:b:c:d", "invalid volume specification: 'a:b:c:d'"),
        ("data:", "invalid volume specification: 'data:'"),
        ("/a:ro", "invalid volume specification: '/a:ro'"),
        ("data:/x:rx", "invalid mode: rx"),
        ("data:/x:ro,rw", "invalid mode: ro,rw"),
        ("data:/", "invalid specification: destination can't be '/'"),
        ("data:x", "invalid mount path: 'x' mount path must be absolute"),
        ("/a:/x:nocopy", "field VolumeOptions must not be specified"),
        ("data:/x:rprivate", "field BindOptions must not be specified"),
        ("/a:/x:rshared", "mounts are not passed on"),
    ],
)
def test_volumes_that_are_none(text, why):
    with pytest.raises(LabError, match=r"^") as error:
        read_volume(text)
    assert why in str(error.value)


@pytest.mark.parametrize(
    "text, mount",
    [
        ("source=v,target=/x", Mount("volume", "/x", "v", flag="--mount")),
        ("dst=/x", Mount("volume", "/x", anonymous=True, flag="--mount")),
        ("TYPE=bind,src=/tmp,destination=/x,ro", Mount("bind", "/x", "/tmp", True, flag="--mount")),
        ("src=v,target=/x,volume-nocopy,readonly=false", Mount("volume", "/x", "v", nocopy=True, flag="--mount")),
        (
            "type=tmpfs,target=/x,tmpfs-size=1m,tmpfs-mode=700",
            Mount("tmpfs", "/x", options="size=1m,mode=700", flag="--mount"),
        ),
    ],
)
def test_mount(text, mount):
    assert checked(read_mount(text)) == mount


@pytest.mark.parametrize(
    "text, why",
    [
        ("", "EOF"),
        ("foo", "invalid field 'foo' must be a key=value pair"),
        ("foo=bar", "unexpected key 'foo' in 'foo=bar'"),
        ("type=bind,source=/tmp", "target is required"),
        ("target=/x,readonly=maybe", "invalid value for readonly: maybe"),
        ("type=tmpfs,target=/x,tmpfs-mode=9", "invalid value for tmpfs-mode: 9"),
        ("type=tmpfs,target=/x,tmpfs-size=1q", "invalid value for tmpfs-size: 1q"),
        ("type=bind,source=/tmp,target=/x,volume-nocopy", "cannot mix 'volume-*' options with mount type 'bind'"),
        ("source=v,target=/x,tmpfs-size=1", "cannot mix 'tmpfs-*' options with mount type 'volume'"),
        ("source=v,target=/x,volume-opt=a=b", "volume-opt is not supported"),
        ("type=bind,source=/tmp,target=/x,bind-propagation=rshared", "bind-propagation must be rprivate"),
    ],
)
def test_mounts_that_the_client_refuses(text, why):
    with pytest.raises(ValueError, match=r"^") as error:
        read_mount(text)
    assert str(error.value).startswith(why)
    with pytest.raises(LabError, match=r'^invalid argument .* for "--mount" flag: '):
        named_mount(text)


@pytest.mark.parametrize(
    "text, why",
    [
        ("type=bogus,source=/tmp,target=/x", '"bogus": mount type unknown'),
        ("type=bind,target=/x", '"bind": field Source must not be empty'),
        ("type=bind,source=rel,target=/x", "\"bind\": invalid mount path: 'rel' mount path must be absolute"),
        ("type=bind,source=/no/where,target=/x", '"bind": bind source path does not exist: /no/where'),
        ("type=tmpfs,source=x,target=/x", '"tmpfs": field Source must not be specified'),
        ("target=/x,readonly", '"volume": must not set ReadOnly mode when using anonymous volumes'),
        ("source=v,target=/a/..", "\"volume\": invalid specification: destination can't be '/'"),
    ],
)
def test_mounts_that_the_daemon_refuses(text, why):
    with pytest.raises(LabError) as error:
        named_mount(text)
    assert str(error.value) == f"invalid mount config for type {why}"


def test_tmpfs():
    one = read_tmpfs("/run:size=64m,mode=700,noexec")
    assert (one.target, one.tmpfs_size, one.tmpfs_mode, one.readonly) == ("/run", 64 << 20, 0o700, False)
    assert read_tmpfs("/run").tmpfs_mode == 0o1777
    assert read_tmpfs("/run:ro").readonly
    for text, why in (
        ("/a:bogus", 'invalid tmpfs option ["bogus"]'),
        ("/a:size=x", 'invalid tmpfs option ["size=x"]'),
        ("rel", "invalid mount path: 'rel' mount path must be absolute"),
        ("/", "invalid specification: destination can't be '/'"),
    ):
        with pytest.raises(LabError) as error:
            read_tmpfs(text)
        assert str(error.value) == why


def test_one_mount_for_each_target():
    inherited = [Mount("volume", "/a", "old", flag="from"), Mount("volume", "/b", "old", flag="from")]
    given = [read_volume("new:/a"), read_volume("/c"), read_volume("/a")]
    mounts = collected(inherited, given, ["/c", "/b", "/d/"])
    assert [(one.target, one.source, one.flag) for one in mounts] == [
        ("/a", "new", "-v"),
        ("/b", "old", "from"),
        ("/c", "", "-v"),
        ("/d", "", "VOLUME"),
    ]
    with pytest.raises(LabError, match=r"^Duplicate mount point: /x$"):
        collected([], [read_volume("one:/x"), read_tmpfs("/x/")], [])
