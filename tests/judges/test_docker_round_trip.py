"""Docker's own images: they load here as they are, go back unchanged, and run."""

from __future__ import annotations

import gzip
import io
import json
import subprocess
import tarfile
from pathlib import Path

import pytest

from imagelab import Lab
from imagelab.oci.layer import pack
from judges.trees import differences, of_image, of_tar, without_directory_times

DOCKERFILE = """\
FROM scratch
COPY busybox /bin/busybox
RUN ["/bin/busybox", "--install", "-s", "/bin"]
ENV PATH=/bin GREETING="hello <you> & me"
LABEL org.example.note="a b"
RUN mkdir -p /srv/app/data && cd /srv/app && echo one > one && ln one two && ln -s one three && chmod 4755 one
RUN rm /srv/app/two && echo more > /srv/app/four && adduser -D -u 1000 -h /home/me me 2>/dev/null || true
WORKDIR /srv/app
USER 1000
EXPOSE 80
VOLUME /srv/app/data
ENTRYPOINT ["/bin/sh", "-c"]
CMD ["cat one"]
"""


@pytest.fixture(scope="module")
def docker_image(docker, busybox, tmp_path_factory) -> str:
    """An image that Docker built from a Dockerfile (its classic builder, which needs no network)."""
    context = tmp_path_factory.mktemp("context")
    (context / "busybox").write_bytes(busybox.read_bytes())
    (context / "busybox").chmod(0o755)
    (context / "Dockerfile").write_text(DOCKERFILE)
    subprocess.run(
        [*docker.command, "build", "--quiet", "--network", "none", "--tag", "built:1", context],
        env={"DOCKER_BUILDKIT": "0", "PATH": "/usr/bin:/bin"}, check=True, capture_output=True, timeout=300,
    )  # fmt: skip
    return "built:1"


@pytest.fixture
def loaded(docker, docker_image, tmp_path):
    """The archive that `docker save` wrote, and what a Lab made of it."""
    archive = tmp_path / "docker.tar"
    docker("save", "--output", archive, docker_image)
    lab = Lab(tmp_path / "home")
    lab.load(archive)
    return archive, lab, lab.image(docker_image)


def inspected(docker, name: str) -> dict:
    return json.loads(docker("image", "inspect", name))[0]


def test_the_same_id_layers_and_size(docker, docker_image, loaded):
    _, _, image = loaded
    found = inspected(docker, docker_image)
    assert image.id == found["Id"]
    assert list(image.diff_ids) == found["RootFS"]["Layers"]
    assert image.size == found["Size"]


def test_the_same_files(docker, docker_image, loaded, tmp_path):
    _, _, image = loaded
    container = docker("create", "--network", "none", docker_image).strip()
    docker("export", "--output", tmp_path / "root.tar", container)
    docker("rm", "--volumes", container)
    ours = of_image(image.tree())
    theirs = of_tar(tmp_path / "root.tar")
    added = {
        path
        for path in theirs
        if path not in ours and path.split("/")[0] in {"dev", "etc", "proc", "sys", ".dockerenv"}
    }
    theirs = {path: entry for path, entry in theirs.items() if path not in added}
    assert not differences(without_directory_times(theirs), without_directory_times(ours))


def test_our_tar_of_dockers_changes_is_dockers_tar(loaded):
    """Packing the same changes again gives the bytes Go's tar writer gave, wherever both sort alike.

    Docker's classic store puts whiteouts among their siblings, so the layer that removes is not compared.
    """
    _, _, image = loaded
    compared = 0
    for layer in image.layers:
        changes = layer.changes()
        if changes.removed or changes.opaque:
            continue
        pieces: list[bytes] = []
        pack(changes, pieces.append)
        with layer.open() as source:
            assert b"".join(pieces) == as_newer_dockers_write(source.read())
        compared += 1
    assert compared >= 3


def as_newer_dockers_write(data: bytes) -> bytes:
    """Clear what Docker 20.10 writes and newer ones do not: the file's type in its mode, and the owners' names."""
    plain = bytearray(data)
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        for info in archive:
            header = plain[(at := info.offset_data - 512) : info.offset_data]
            header[100:108] = b"%07o\0" % (info.mode & 0o7777)
            header[265:329] = bytes(64)
            header[148:156] = b" " * 8
            header[148:156] = b"%06o\0 " % sum(header)
            plain[at : info.offset_data] = header
    return bytes(plain)


def test_it_goes_back(docker, docker_image, loaded, tmp_path):
    _, lab, image = loaded
    lab.save([docker_image], tmp_path / "ours.tar")
    docker("tag", docker_image, "kept:1")  # so that removing the name deletes nothing the other tests need
    docker("rmi", docker_image)
    docker("load", "--input", tmp_path / "ours.tar")
    assert inspected(docker, docker_image)["Id"] == image.id
    docker("rmi", "kept:1")


def test_it_goes_back_to_an_engine_that_never_saw_it(docker, busybox, tmp_path):
    """Every byte comes from our archive: the image is gone from Docker before it is loaded again."""
    (tmp_path / "root.tar").write_bytes(_tar_of(tmp_path, busybox))
    docker("import", tmp_path / "root.tar", "once:1")
    wanted = inspected(docker, "once:1")
    docker("save", "--output", tmp_path / "theirs.tar", "once:1")
    docker("rmi", "once:1")
    lab = Lab(tmp_path / "home")
    lab.load(tmp_path / "theirs.tar")
    lab.save(["once:1"], tmp_path / "ours.tar")
    docker("load", "--input", tmp_path / "ours.tar")
    assert inspected(docker, "once:1")["Id"] == wanted["Id"]
    docker("rmi", "once:1")


@pytest.mark.parametrize("wrap", [gzip.compress, None], ids=["gzip", "zstd"])
def test_a_compressed_archive_is_the_same_archive(loaded, wrap, zstd, tmp_path):
    archive, _, image = loaded
    data = archive.read_bytes()
    (tmp_path / "wrapped").write_bytes(wrap(data) if wrap else zstd.run("--stdout", archive).stdout)
    lab = Lab(tmp_path / "other")
    assert [one.image.id for one in lab.load(tmp_path / "wrapped")] == [image.id]


def test_skopeo_and_podman_write_archives_that_load_here(docker, podman, skopeo, loaded, tmp_path):
    """OCI archive and folder (layers compressed by the tool), podman's docker-archive and oci-archive."""
    archive, _, image = loaded
    skopeo("copy", f"docker-archive:{archive}", f"oci-archive:{tmp_path / 'oci.tar'}:built:1")
    skopeo("copy", f"docker-archive:{archive}", f"oci:{tmp_path / 'layout'}:built:1")
    skopeo(
        "copy",
        "--dest-compress-format",
        "zstd",
        f"docker-archive:{archive}",
        f"oci:{tmp_path / 'zstd'}:built:1",
    )
    podman("load", "--input", archive)
    podman("save", "--format", "docker-archive", "--output", tmp_path / "podman.tar", "built:1")
    podman("save", "--format", "oci-archive", "--output", tmp_path / "podman-oci.tar", "built:1")
    for name in ("oci.tar", "layout", "zstd", "podman.tar", "podman-oci.tar"):
        lab = Lab(tmp_path / f"home-{name}")
        (found,) = lab.load(tmp_path / name)
        assert found.image.diff_ids == image.diff_ids, name
        if name == "podman.tar":
            assert found.image.id == image.id
        assert not differences(of_image(found.image.tree()), of_image(image.tree())), name
        assert not lab.verify()


def test_an_image_made_here_runs(docker, busybox, tmp_path):
    """A program of ours, in layers of ours, with a config of ours, run by Docker."""
    lab = Lab(tmp_path / "home", epoch=0)
    from imagelab.filesystem.entry import Entry

    image = lab.append(lab.scratch, {"bin/busybox": Entry.file(busybox.read_bytes(), 0o755)})
    image = lab.append(image, {"bin/sh": Entry.symlink("busybox"), "srv/a": "one\n", "srv/b": "two\n"})
    image = lab.append(image, {"srv/a": None, "srv/ü": "three\n"})
    image = image.with_config(
        Env=["WHO=you & me"],
        Cmd=["sh", "-c", 'busybox cat *; echo "$WHO"'],
        WorkingDir="/srv",
        User="7:8",
        Entrypoint=["/bin/busybox"],
    )
    lab.tag(image, "ours:1")
    lab.save(["ours:1"], tmp_path / "ours.tar")
    docker("load", "--input", tmp_path / "ours.tar")
    assert docker("run", "--rm", "--network", "none", "ours:1") == "two\nthree\nyou & me\n"
    who = ["sh", "-c", "echo $(busybox id -u):$(busybox id -g)"]
    assert docker("run", "--rm", "--network", "none", "ours:1", *who) == "7:8\n"


def test_what_docker_commits_on_our_image_loads_here(docker, busybox, tmp_path):
    """A container of our image is changed and committed by Docker; our lab sees exactly that change."""
    from imagelab.filesystem.entry import Entry

    lab = Lab(tmp_path / "home", epoch=0)
    files = {
        "bin/busybox": Entry.file(busybox.read_bytes(), 0o755),
        "srv/a": "1",
        "srv/b": "2",
        "srv/d/e": "3",
    }
    image = lab.append(lab.scratch, files, tag="start:1")
    lab.save(["start:1"], tmp_path / "start.tar")
    docker("load", "--input", tmp_path / "start.tar")
    script = "cd srv; busybox rm a; busybox rm -r d; echo new > b; echo x > x"
    docker("run", "--network", "none", "--name", "committed", "start:1", "/bin/busybox", "sh", "-c", script)
    docker("commit", "committed", "end:1")
    shown = docker("diff", "committed")
    docker("rm", "committed")
    docker("save", "--output", tmp_path / "end.tar", "end:1")
    (end,) = lab.load(tmp_path / "end.tar")
    assert end.image.layers[0] == image.layers[0]
    changes = end.image.layers[1].changes()
    assert {path for path in changes.removed if path.startswith("srv")} == {"srv/a", "srv/d"}
    assert end.image.read("srv/b") == b"new\n"
    assert end.image.read("srv/x") == b"x\n"
    assert sorted(line for line in shown.splitlines() if " /srv" in line) == [
        "A /srv/x",
        "C /srv",
        "C /srv/b",
        "D /srv/a",
        "D /srv/d",
    ]


def _tar_of(folder: Path, busybox: Path) -> bytes:
    (folder / "root" / "bin").mkdir(parents=True)
    (folder / "root" / "bin" / "busybox").write_bytes(busybox.read_bytes())
    made = subprocess.run(["tar", "-C", folder / "root", "-c", "."], check=True, capture_output=True)
    return made.stdout
