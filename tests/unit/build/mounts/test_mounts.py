"""RUN --mount, in the shell made here and in Linux programs: seen by one RUN, and in no layer, config or record."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys

import pytest

from imagelab import Entry, Lab
from imagelab.build.dockerfile import DockerfileError

SHELL = "lab/shell:1.0"
AS_USER = """
import json, os, sys
from imagelab import Lab
from imagelab.host import snapshot
home, archive, text = sys.argv[1:]
warm = Lab.temporary()  # so that all modules are loaded: Python itself may lie where only root can read
warm.load(archive)
warm.build({"Dockerfile": text, "a": "a"}, secrets={"s": b"s"})
os.setgroups([])
os.setgid(1234)
os.setuid(1234)
snapshot.PRIVILEGED = False
os.umask(0o077)
lab = Lab(home, epoch=0)
lab.load(archive)
image = lab.build({"Dockerfile": text, "a": "a"}, secrets={"s": b"s"}).image
tree, changed = image.tree(), sorted(image.layers[-1].changes().entries)
print(json.dumps([tree["out"].read().decode(), oct(tree["locked"].mode), changed, len(lab.build_cache())]))
os._exit(0)  # the warm lab is root's
"""
SECRET = b"hunter2-is-the-secret"


@pytest.fixture
def lab(tmp_path):
    return Lab(tmp_path / "home", epoch=0)


@pytest.fixture(params=["shell", "linux"])
def base(request, lab):
    """A base image whose programs run in the shell runtime, and one whose programs run under bubblewrap."""
    if request.param == "shell":
        return SHELL
    busybox = request.getfixturevalue("busybox")
    request.getfixturevalue("bwrap")
    applets = ("sh", "cat", "ls", "mkdir", "rm", "mv", "test", "touch", "id", "wc", "stat", "chmod", "rmdir", "env")
    files = {f"bin/{name}": Entry.symlink("busybox") for name in applets}
    files |= {"bin/busybox": Entry.file(busybox.read_bytes(), 0o755), "tmp": Entry.dir(0o1777)}
    files["etc/passwd"] = "root:x:0:0::/root:/bin/sh\nme:x:1000:1000::/:/bin/sh\n"
    lab.tag(lab.append(None, files).with_config(Env=["PATH=/bin"]), "linux:1")
    return "linux:1"


def build(lab, base, text, context=None, **settings):
    return lab.build({**(context or {}), "Dockerfile": f"FROM {base}\n{text}\n"}, **settings)


def read(built, path):
    return built.image.tree().find(path).read().decode()


def stored(lab) -> bytes:
    """All bytes of the store's folder, blobs both as they are and expanded, and all names."""
    texts = []
    for folder, folders, names in os.walk(lab.home):
        texts += [os.fsencode(name) for name in (*folders, *names)]
        for name in names:
            with open(os.path.join(folder, name), "rb") as file:
                data = file.read()
            texts.append(data)
            if data[:2] == b"\x1f\x8b":
                texts.append(gzip.decompress(data))
    return b"\n".join(texts)


def test_a_secret_is_seen_by_its_run_and_is_nowhere_in_the_store(lab, base):
    text = "RUN --mount=type=secret,id=token test -s /run/secrets/token && cat /run/secrets/token | wc -c > /size"
    built = build(lab, base, text, secrets={"token": SECRET})
    assert read(built, "/size").strip() == str(len(SECRET))
    assert not built.image.tree().keys() & {"run", "run/secrets", "run/secrets/token"}
    assert SECRET not in stored(lab)
    assert b"token" in stored(lab)  # the search finds what is there: the history of the cache names the id


def test_the_search_for_a_secret_would_find_one(lab, base):
    build(lab, base, "RUN --mount=type=secret,id=token cat /run/secrets/token > /leaked", secrets={"token": SECRET})
    assert SECRET in stored(lab)


def test_a_secret_as_a_variable(lab, base):
    text = "RUN --mount=type=secret,id=token,env=TOKEN echo ${#TOKEN} > /size"
    built = build(lab, base, text, secrets={"token": SECRET})
    assert read(built, "/size").strip() == str(len(SECRET))
    assert "run" not in built.image.tree()
    assert SECRET not in stored(lab)


def test_where_a_secret_goes_and_who_may_read_it(lab, base):
    text = (
        "RUN --mount=type=secret,id=a --mount=type=secret,id=b,target=/root/.netrc,mode=0644 "
        "--mount=type=secret,id=c,dst=rel stat -c '%a' /run/secrets/a /root/.netrc /w/rel > /modes"
    )
    built = build(lab, base, f"WORKDIR /w\n{text}", secrets=dict.fromkeys("abc", SECRET))
    assert read(built, "/modes").split() == ["400", "644", "400"]
    assert "w/rel" not in built.image.tree()


def test_a_secret_that_is_not_given(lab, base):
    built = build(lab, base, "RUN --mount=type=secret,id=x test ! -e /run/secrets/x && echo none > /said")
    assert read(built, "/said") == "none\n"
    with pytest.raises(DockerfileError, match="Dockerfile:2: RUN: secret x: not found: give it with --secret id=x"):
        build(lab, base, "RUN --mount=type=secret,id=x,required cat /run/secrets/x")


def test_another_secret_is_no_reason_to_run_again(lab, base):
    text = "RUN --mount=type=secret,id=x cat /run/secrets/x | wc -c > /size"
    first = build(lab, base, text, secrets={"x": b"1"})
    second = build(lab, base, text, secrets={"x": b"22"})
    assert second.steps[1].hit
    assert second.image == first.image


def test_a_cache_stays_between_builds_and_is_in_no_layer(lab, base):
    text = "RUN --mount=type=cache,target=/var/cache/x cd /var/cache/x && echo {0} >> log && wc -l < log > /lines"
    assert read(build(lab, base, text.format(1)), "/lines").strip() == "1"
    second = build(lab, base, text.format(2))
    assert read(second, "/lines").strip() == "2"
    assert "var" not in second.image.tree() or "var/cache/x" not in second.image.tree()
    assert [(one.id, one.size) for one in lab.build_cache()] == [("/var/cache/x", 4)]


def test_a_cache_is_found_by_its_id_and_stays_after_a_failure(lab, base):
    with pytest.raises(DockerfileError, match="exit code: 3"):
        build(lab, base, "RUN --mount=type=cache,id=shared,target=/a echo 1 > /a/x && exit 3")
    assert read(build(lab, base, "RUN --mount=type=cache,id=shared,target=/b cat /b/x > /x"), "/x") == "1\n"
    with pytest.raises(DockerfileError, match="two cache mounts have the id 's': give one another id"):
        build(lab, base, "RUN --mount=type=cache,id=s,target=/a --mount=type=cache,id=s,target=/b true")


def test_a_cache_that_begins_with_files(lab, base):
    text = (
        f"FROM {base} AS first\nRUN mkdir /d && echo 1 > /d/x\nFROM {base}\n"
        "RUN --mount=type=cache,target=/c,from=first,source=d cat /c/x > /x && echo 2 > /c/x\n"
    )
    assert read(lab.build({"Dockerfile": text}), "/x") == "1\n"
    assert read(lab.build({"Dockerfile": text}, no_cache=True), "/x") == "2\n"


def test_files_of_the_context_and_of_a_stage(lab, base):
    text = f"""
FROM {base} AS first
RUN mkdir -p /out/d && echo made > /out/d/x
FROM {base}
WORKDIR /src
RUN --mount=type=bind,target=. --mount=from=first,source=/out,target=/from cat a d/b /from/d/x > /all
RUN --mount=source=d/b,target=/one cat /one > /two && test ! -e /src/a
"""
    built = lab.build({"Dockerfile": text, "a": "a\n", "d/b": "b\n"})
    assert read(built, "/all") == "a\nb\nmade\n"
    assert read(built, "/two") == "b\n"
    assert {path for path in built.image.tree() if path.startswith(("src", "from", "one"))} == {"src"}


def test_a_changed_file_that_is_mounted_is_named(lab, base):
    text = "RUN --mount=target=/src cat /src/a > /a"
    build(lab, base, text, {"a": "1", "b": "1"})
    assert build(lab, base, text, {"a": "1", "b": "1"}).steps[1].hit
    step = build(lab, base, text, {"a": "2", "b": "1"}).steps[1]
    assert (step.hit, step.reason) == (False, "a changed")
    text = "RUN --mount=target=/a,source=a cat /a > /x"
    build(lab, base, text, {"a": "1", "b": "1"})
    assert build(lab, base, text, {"a": "1", "b": "2"}).steps[1].hit


def test_what_is_written_to_a_mount_of_files_or_memory_is_thrown_away(lab, base):
    text = (
        "RUN --mount=target=/src,rw --mount=type=tmpfs,target=/t "
        "echo 2 > /src/a && echo 3 > /t/x && cat /src/a /t/x > /x\n"
        "RUN --mount=target=/src cat /src/a >> /x"
    )
    built = build(lab, base, text, {"a": "1\n"})
    assert read(built, "/x") == "2\n3\n1\n"
    assert not {"src", "t"} & built.image.tree().keys()


def test_what_a_mount_covers_comes_back(lab, base):
    text = (
        "RUN mkdir /d && echo below > /d/x && echo f > /f\n"
        "RUN --mount=type=cache,target=/d --mount=type=secret,id=f,target=/f test ! -e /d/x && cat /f > /size"
    )
    built = build(lab, base, text, secrets={"f": b"s"})
    assert (read(built, "/d/x"), read(built, "/f")) == ("below\n", "f\n")
    assert sorted(built.image.layers[-1].changes().entries) == ["size"]


def test_a_mount_in_a_mount(lab, base):
    text = "RUN --mount=target=/src,rw --mount=type=cache,target=/src/d/cache echo 1 > /src/d/cache/x && ls /src/d > /x"
    assert read(build(lab, base, text, {"d/b": "b"}), "/x").split() == ["b", "cache"]
    assert [(one.id, one.size) for one in lab.build_cache()] == [("/src/d/cache", 2)]


def test_a_run_with_mounts_makes_the_same_layer_as_one_without(lab, base):
    plain = build(lab, base, "RUN echo 1 > /tmp/x")
    text = "RUN --mount=type=cache,target=/tmp/a/b --mount=type=tmpfs,target=/bin/t --mount=target=/c/d echo 1 > /tmp/x"
    assert build(lab, base, text, {"a": "1"}).image.diff_ids == plain.image.diff_ids


def test_what_a_program_leaves_beside_a_mount_is_kept(lab, base):
    built = build(lab, base, "RUN --mount=type=cache,target=/a/b/c echo 1 > /a/x && echo 2 > /a/b/c/y")
    assert {path for path in built.image.tree() if path.startswith("a")} == {"a", "a/x"}


def test_a_mount_through_a_link_of_the_image_stays_in_it(lab, base, tmp_path):
    (tmp_path / "outside").mkdir()
    links = {"out": Entry.symlink(str(tmp_path / "outside")), "in": Entry.symlink("tmp")}
    lab.tag(lab.append(lab.base() if base == SHELL else base, links), "links:1")
    text = (
        "RUN --mount=type=cache,target=/in/c,id=i --mount=type=cache,target=/out/c,id=o "
        "ls -d /tmp/c /in/c > /x && echo > /out/c/y"
    )
    built = build(lab, "links:1", text)
    assert sorted(read(built, "/x").split()) == ["/in/c", "/tmp/c"]
    assert os.listdir(tmp_path / "outside") == []
    with pytest.raises(DockerfileError, match=r"cannot mount on /src/l/x: 'l' is not a directory"):
        link = {"l": Entry.symlink("/tmp")}
        build(lab, base, "RUN --mount=target=/src --mount=type=tmpfs,target=/src/l/x true", link)


@pytest.mark.parametrize(
    "flags, why",
    [
        ("type=tmpfs,target=/", 'invalid mount target "/": a mount cannot cover the root'),
        ("target=/x,source=nothing", "'nothing' is not in the context: nothing can be mounted"),
        ("type=tmpfs,target=/etc/passwd", "cannot mount on /etc/passwd: it is not a directory"),
        ("target=/x,from=nothing:1", "nothing:1"),
    ],
)
def test_what_cannot_be_mounted(lab, base, flags, why):
    with pytest.raises(DockerfileError) as error:
        build(lab, base, f"RUN --mount={flags} true")
    assert str(error.value).startswith("Dockerfile:2: RUN: ")
    assert why in str(error.value)


def test_a_mount_that_a_program_moves_away_is_an_error(lab):
    with pytest.raises(DockerfileError, match="/d: device or resource busy: the program moved or removed a mount"):
        build(lab, SHELL, "RUN --mount=type=cache,target=/d mv /d /e")


def test_for_a_linux_program_a_mount_is_one_of_the_kernel(lab, busybox, bwrap):
    files = {f"bin/{name}": Entry.symlink("busybox") for name in ("sh", "touch", "mv", "rm")}
    files |= {"bin/busybox": Entry.file(busybox.read_bytes(), 0o755)}
    lab.tag(lab.append(None, files).with_config(Env=["PATH=/bin"]), "linux:1")
    text = (
        "RUN --mount=target=/src --mount=type=secret,id=s,target=/s --mount=type=cache,target=/c,ro "
        "--mount=type=cache,target=/d touch /src/x 2>> /said; touch /c/x 2>> /said; mv /d /e 2>> /said; "
        "rm /s 2>> /said; echo > /s 2>> /said; touch /d/x && mv /d/x /d/y; true"
    )
    built = build(lab, "linux:1", text, {"a": "1"}, secrets={"s": b"s"})
    assert read(built, "/said").splitlines() == [
        "touch: /src/x: Read-only file system", "touch: /c/x: Read-only file system",
        "mv: can't rename '/d': Device or resource busy", "rm: can't remove '/s': Device or resource busy",
    ]  # fmt: skip
    assert [one.id for one in lab.build_cache()] == ["/c", "/d"]


def test_a_stage_that_only_a_mount_needs_is_built(lab, base):
    text = (
        f"FROM {base} AS a\nRUN echo 1 > /x\nFROM {base} AS b\nFROM {base}\n"
        "RUN --mount=from=a,target=/a cat /a/x > /y\n"
    )
    built = lab.build({"Dockerfile": text})
    assert [stage.built for stage in built.stages] == [True, False, True]
    with pytest.raises(DockerfileError, match=r"from=b is a later stage \(line 3\)"):
        lab.build({"Dockerfile": f"FROM {base}\nRUN --mount=from=b,target=/b true\nFROM {base} AS b\n"})


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can become another user")
def test_mounts_for_an_ordinary_user_in_directories_that_are_not_writable(busybox, bwrap, tmp_path):
    lab = Lab(tmp_path / "root", epoch=0)
    files = {f"bin/{name}": Entry.symlink("busybox") for name in ("sh", "cat", "mkdir", "chmod")}
    files |= {"bin/busybox": Entry.file(busybox.read_bytes(), 0o755), "tmp": Entry.dir(0o1777)}
    lab.tag(lab.append(None, files).with_config(Env=["PATH=/bin"]), "linux:1")
    lab.save("linux:1", tmp_path / "linux.tar")
    text = (
        "FROM linux:1\nRUN mkdir -p /locked/d && echo o > /locked/x && chmod 555 /locked/d /locked\n"
        "RUN --mount=type=cache,target=/locked/d --mount=type=secret,id=s,target=/locked/s --mount=target=/locked/src "
        "cat /locked/s /locked/src/a > /out && echo 1 > /locked/d/y\n"
    )
    home = tmp_path / "home"
    home.mkdir()
    os.chown(home, 1234, 1234)
    for folder in (tmp_path, *tmp_path.parents[:3]):
        folder.chmod(folder.stat().st_mode | 0o055)
    done = subprocess.run(
        [sys.executable, "-c", AS_USER, home, tmp_path / "linux.tar", text], capture_output=True, cwd="/",
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "HOME": str(home)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()
    assert json.loads(done.stdout) == ["sa", "0o555", ["out"], 1]
