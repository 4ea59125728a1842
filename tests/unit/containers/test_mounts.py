"""What is mounted is one and the same for every runtime, for exec and for cp, and in no layer; no link leads out."""

from __future__ import annotations

import io
import os
import tarfile

import pytest

from imagelab import Entry
from imagelab.errors import Conflict, LabError, NotFound
from imagelab.runtime.program import CannotStart

from .conftest import started

RUNTIMES = ["base", "linux"]
HOLD = "echo up; while true; do sleep 1; done"


@pytest.fixture(params=RUNTIMES)
def image(request, lab):
    """An image whose shell is ours, and one with Linux programs; both with files at /srv and a link that leads out."""
    made = request.getfixturevalue(request.param)
    return lab.append(
        made,
        {
            "srv": Entry.dir(0o751), "srv/f": "of the image\n", "out": Entry.symlink("../../../../tmp"),
            "one": "a file\n",
        },
        "mounted:1",
    )  # fmt: skip


def printed(lab, image, script, **settings):
    """The lines that a script prints, and after them its errors: which of them come first is left to chance."""
    lines = list(lab.run(image, "sh", "-c", script, **settings).log())
    return [line.text.rstrip("\n") for stream in ("stdout", "stderr") for line in lines if line.stream == stream]


def test_a_volume_outlives_its_containers_and_begins_with_the_images_files(lab, image):
    assert printed(lab, image, "cat /srv/f; echo kept > /srv/g", volumes=["data:/srv"]) == ["of the image"]
    lab.prune_containers()
    assert printed(lab, image, "cat /x/f /x/g", volumes=["data:/x"]) == ["of the image", "kept"]
    assert lab.volume("data").mountpoint.stat().st_mode & 0o777 == 0o751
    assert printed(lab, image, "ls /srv", mounts=["source=other,target=/srv,volume-nocopy"]) == []


def test_nothing_of_a_mount_is_in_a_layer(lab, image, tmp_path):
    (tmp_path / "host").write_text("host")
    mounts = {"volumes": ["data:/srv", f"{tmp_path}:/new/deep"], "tmpfs": ["/t"]}
    made = lab.run(image, "sh", "-c", "echo a > /srv/a; echo b > /new/deep/b; echo c > /t/c; echo d > /d", **mounts)
    assert (made.exit_code, made.logs()) == (0, "")
    assert made.diff() == [("A", "/d"), ("A", "/new"), ("A", "/new/deep"), ("A", "/t")]
    tree = made.commit().tree()
    assert {"srv/a", "new/deep/b", "t/c"}.isdisjoint(tree)
    assert tree["srv/f"].read() == b"of the image\n"
    out = io.BytesIO()
    made.export(out)
    out.seek(0)
    with tarfile.open(fileobj=out) as tar:
        assert {"srv/a", "new/deep/b"}.isdisjoint(tar.getnames())
    assert (tmp_path / "b").read_text() == "b\n"


def test_a_single_file_is_mounted_and_cannot_be_removed(lab, image, tmp_path):
    (tmp_path / "f").write_text("host\n")
    mounts = {"volumes": [f"{tmp_path}/f:/etc/conf", f"{tmp_path}/f:/one:ro"]}
    script = "cat /etc/conf /one; rm /etc/conf; echo new > /etc/conf; echo no > /one; cat /one"
    lines = printed(lab, image, script, **mounts)
    assert lines[:3] == ["host", "host", "new"]
    assert "busy" in lines[3]
    assert "Read-only" in lines[4]
    assert (tmp_path / "f").read_text() == "new\n"


def test_read_only(lab, image, tmp_path):
    (tmp_path / "f").write_text("host\n")
    tries = ("echo x > DIR/f", "echo x >> DIR/f", "mkdir DIR/d", "rm DIR/f", "touch DIR/n", "chown 1 DIR/f")
    for place, settings in (("/m", {"volumes": [f"{tmp_path}:/m:ro"]}), ("/srv", {"read_only": True})):
        lines = printed(lab, image, "; ".join(tries).replace("DIR", place), **settings)
        assert len(lines) == len(tries)
        assert all("Read-only file system" in line for line in lines)
    assert (tmp_path / "f").read_text() == "host\n"
    assert sorted(os.listdir(tmp_path)) == ["f", "home"]
    mounts = {"volumes": ["data:/srv"], "tmpfs": ["/tmp"], "read_only": True}
    lines = printed(lab, image, "echo a > /srv/a; echo b > /tmp/b; cat /srv/a /tmp/b; cat > /x", **mounts)
    assert lines[:2] == ["a", "b"]


def test_no_target_follows_a_link_out(lab, image, tmp_path):
    made = lab.run(image, "sh", "-c", "echo x > /out/sub/f", volumes=["data:/out/sub"])
    assert (made.exit_code, made.logs()) == (0, "")
    assert (lab.volume("data").mountpoint / "f").read_text() == "x\n"
    assert not os.path.exists("/tmp/sub")
    lab.append(image, {"root-link": Entry.symlink("/")}, "rooted:1")
    with pytest.raises(CannotStart, match='cannot be mounted because it is inside "/"'):
        lab.run("rooted:1", "true", volumes=["data:/root-link"])
    with pytest.raises(CannotStart, match='cannot be mounted because it is inside "/proc"'):
        lab.run(image, "true", volumes=["data:/proc/x"])


def test_a_link_in_a_volume_leads_nowhere_outside(lab, image, tmp_path):
    (tmp_path / "secret").write_text("of the host")
    volume = lab.create_volume("data")
    (volume.mountpoint / "link").symlink_to(tmp_path)
    (volume.mountpoint / "up").symlink_to("../" * 12 + str(tmp_path).lstrip("/"))
    lines = printed(lab, image, "cat /m/link/secret; cat /m/up/secret; ls /m/..; cat /m/../one", volumes=["data:/m"])
    assert "of the host" not in "".join(lines)
    assert "m" in lines
    assert "a file" in lines
    made = lab.run(image, "true", volumes=["data:/m"])
    with pytest.raises(NotFound):
        made.copy_out("/m/link/secret", tmp_path / "copy")


def test_a_mount_in_a_mount(lab, image, tmp_path):
    (tmp_path / "app").mkdir()
    (tmp_path / "app/main").write_text("main\n")
    mounts = {"volumes": ["/app/modules", f"{tmp_path}/app:/app"]}
    assert printed(lab, image, "ls /app; touch /app/modules/x; ls /app/modules", **mounts) == ["main", "modules", "x"]
    assert os.listdir(tmp_path / "app/modules") == []


def test_exec_sees_the_same_and_a_tmpfs_ends_with_the_program(lab, image):
    made = started(lab, image, "sh", "-c", f"echo main > /t/f; {HOLD}", volumes=["data:/srv"], tmpfs=["/t:mode=700"])
    pieces = []
    script = "cat /t/f /srv/f; ls -ld /t; echo e > /t/e"
    code = made.exec("sh", "-c", script, output=lambda _, data: pieces.append(data))
    lines = b"".join(pieces).decode().splitlines()
    assert (code, lines[:2], lines[2][:10]) == (0, ["main", "of the image"], "drwx------")
    made.kill()
    assert printed(lab, image, "ls /t", tmpfs=["/t"]) == []
    assert not (made.root.parent / "tmpfs").exists()


def test_exec_refuses_where_a_link_is_in_a_mounts_way_now(lab, image):
    made = lab.run(
        image, "sh", "-c", f"mv /new /old && ln -s /tmp /new; {HOLD}", volumes=["data:/new/deep"], detach=True
    )
    assert next(iter(made.log(follow=True))).text == "up\n"
    with pytest.raises(CannotStart, match=r"^/new/deep: the container has moved the directory"):
        made.exec("true")


def test_anonymous_volumes_go_with_their_last_container(lab, image):
    declared = image.with_config(Volumes={"/srv": {}})
    one = lab.run(declared, "true", name="one", volumes=["/anon", "named:/n"])
    two = lab.create(lab.base(), "true", volumes_from=["one:ro"])
    assert [(mount.target, mount.readonly) for mount in two.spec.mounts] == [
        ("/n", True), ("/anon", True), ("/srv", True),
    ]  # fmt: skip
    assert len(lab.volumes()) == 3
    one.remove(volumes=True)
    assert len(lab.volumes()) == 3
    two.remove(volumes=True)
    assert [volume.name for volume in lab.volumes()] == ["named"]
    lab.run(declared, "true", volumes=["/anon", "named:/n"], remove=True)
    assert [volume.name for volume in lab.volumes()] == ["named"]
    lab.run(declared, "true").remove()
    assert len(lab.volumes()) == 2
    assert lab.prune_volumes()[1] == len("of the image\n")
    assert lab.prune_volumes(all=True)[0] == ["named"]


def test_a_volume_in_use_is_not_removed(lab, image):
    made = lab.create(image, "true", volumes=["data:/srv"])
    with pytest.raises(Conflict, match=rf"^remove data: volume is in use - \[{made.id}\]$"):
        lab.remove_volume("data", force=True)
    made.remove()
    assert lab.remove_volume("data") == ["data"]
    assert lab.remove_volume("data", force=True) == ["data"]


def test_a_container_that_could_not_be_made_leaves_no_anonymous_volume(lab, image):
    with pytest.raises(LabError, match=r"^cannot mount volume over existing file, file exists /one$"):
        lab.create(image, "true", volumes=["/anon", "data:/one"])
    assert [volume.name for volume in lab.volumes() if not volume.anonymous] == []
    assert lab.containers() == []


def test_copies_to_and_from_what_is_mounted(lab, image, tmp_path):
    made = lab.run(image, "sh", "-c", "mkdir -p /srv/a/b; echo x > /srv/a/b/c", volumes=["data:/srv", "in:/srv/a/in"])
    made.copy_out("/srv/a", tmp_path / "a")
    assert (tmp_path / "a/b/c").read_text() == "x\n"
    assert (tmp_path / "a/in").is_dir()
    made.copy_out("/srv/a/b/c", tmp_path / "c")
    made.copy_out("/srv", tmp_path / "srv")
    assert (tmp_path / "srv/a/b/c").read_text() == "x\n"
    assert (made.read("/srv/a/b/c"), made.read("/one")) == (b"x\n", b"a file\n")
    made.copy_in(tmp_path / "c", "/srv/a/in/d")
    assert (lab.volume("in").mountpoint / "d").read_text() == "x\n"
    locked = lab.create(image, "true", volumes=["data:/m:ro", "in:/in"], read_only=True)
    with pytest.raises(Conflict, match=r"^mounted volume is marked read-only$"):
        locked.copy_in(tmp_path / "c", "/m/c")
    with pytest.raises(Conflict, match=r"^container rootfs is marked read-only$"):
        locked.copy_in(tmp_path / "c", "/c")
    locked.copy_in(tmp_path / "c", "/in/e")
    assert (lab.volume("in").mountpoint / "e").exists()


def test_a_file_where_a_directory_should_be(lab, image, tmp_path):
    (tmp_path / "f").write_text("")
    for source, target in ((tmp_path / "f", "/srv"), (tmp_path, "/one")):
        with pytest.raises(CannotStart, match="Are you trying to mount a directory onto a file") as error:
            lab.run(image, "true", volumes=[f"{source}:{target}"])
        assert error.value.code == 125


def test_a_folder_that_v_names_is_made_and_one_of_mount_must_be_there(lab, image, tmp_path):
    lab.run(image, "true", volumes=[f"{tmp_path}/new/deep:/m"])
    assert (tmp_path / "new/deep").is_dir()
    made = lab.create(image, "true", mounts=[f"type=bind,source={tmp_path}/new,target=/m"])
    (tmp_path / "new/deep").rmdir()
    (tmp_path / "new").rmdir()
    with pytest.raises(CannotStart, match="bind source path does not exist"):
        made.start()


def test_moves_between_volumes(lab, image):
    script = "echo x > /a/f; mkdir /a/d; echo y > /a/d/g; mv /a/f /b/f; mv /a/d /b; ls /a; cat /b/f /b/d/g"
    if "bin/mv" not in image.tree() and "bin/busybox" in image.tree():
        script = script.replace("mv", "busybox mv")
    assert printed(lab, image, script, volumes=["one:/a", "two:/b"]) == ["x", "y"]


def test_who_shares_an_outer_mount_is_still_while_one_in_it_is_mounted(lab, linux, monkeypatch):
    """What shares it could put a link there, where bubblewrap would make a directory for the inner mount."""
    from imagelab.containers import container, pause

    other = started(lab, linux, volumes=["outer:/srv"])
    alone = started(lab, linux, volumes=["alone:/srv"])
    seen = []

    def states():
        return [next(iter(pause._threads(one.pid))) in pause.STANDING for one in (other, alone)]

    launch = container.launch
    monkeypatch.setattr(container, "launch", lambda *args: [seen.append(states()), launch(*args)][1])
    assert lab.run(linux, "true", volumes=["outer:/app", "/app/inner"]).exit_code == 0
    assert lab.run(linux, "true", volumes=["outer:/app", "/inner"]).exit_code == 0
    assert seen == [[True, False], [False, False]]
    assert states() == [False, False]
