"""What lesson 05 prints and says of Docker's names, asked of Docker: IDs, digests, pinned names, damaged bytes."""

from __future__ import annotations

import hashlib
import json
import shlex
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import nbformat
import pytest

from imagelab.lesson.scene import prepared
from imagelab.oci import mutate
from imagelab.registry.server.repositories import Registry
from imagelab.registry.server.server import Server
from judges.tools import emptied
from lessons.test_notebooks import ROOT

LESSON = ROOT / "notebooks" / "05-digests.ipynb"


def cells():
    return [cell for cell in nbformat.read(LESSON, as_version=4).cells if cell.cell_type == "code"]


@pytest.fixture(scope="module")
def lesson():
    """The lab of the lesson once its images are made, and two of them by name."""
    lab = prepared("05.11")
    return {"lab": lab, "image": lab.image("shop:1.0"), "packed": lab.image("shop:packed")}


@pytest.fixture(scope="module")
def index():
    """What section 4 of the lesson makes: two images of two platforms, and the bytes of their index."""
    names: dict[str, object] = {}
    first, *rest = cells()
    exec(first.source, names)
    start = next(number for number, cell in enumerate(rest) if 'scene("05.4")' in cell.source)
    for cell in rest[start : start + 2]:
        exec(cell.source, names)
    return names


@pytest.fixture(scope="module")
def loaded(docker, lesson, tmp_path_factory):
    """Docker with the lesson's images, and with no other."""
    docker("image", "prune", "--all", "--force")
    archive = tmp_path_factory.mktemp("lesson") / "shop.tar"
    for name in ("shop:1.0", "shop:1.1"):
        lesson["lab"].save(name, archive)
        docker("load", "--input", archive)
    return docker


def test_docker_prints_the_names_that_the_lesson_prints(loaded):
    asked = [cell for cell in cells() if cell.source.startswith('%docker inspect --format "{{')]
    assert len(asked) == 2
    for cell in asked:
        command = shlex.split(cell.source.removeprefix("%docker "))
        assert loaded(*command).strip() == cell.outputs[0].text.strip()


def test_the_classic_store_knows_no_digest_of_what_was_only_loaded(loaded, lesson):
    image = lesson["image"]
    row = next(row for row in loaded("images", "--digests").splitlines() if image.id.short in row)
    assert row.split()[:4] == ["shop", "1.0", "<none>", image.id.short]
    asked = loaded.run("inspect", lesson["lab"].pinned(image.names[0].familiar))
    assert asked.returncode == 1 and b"No such object" in asked.stderr
    assert "io.containerd.snapshotter" not in loaded("info", "--format", "{{.DriverStatus}}")


def test_compressed_it_is_the_same_image_to_the_classic_store(loaded, lesson, tmp_path):
    image, packed = lesson["image"], lesson["packed"]
    assert packed.digest != image.digest and packed.layers[0].compressed
    lesson["lab"].save("shop:packed", tmp_path / "packed.tar")
    loaded("load", "--input", tmp_path / "packed.tar")
    assert loaded("inspect", "--format", "{{.Id}}", "shop:packed").strip() == image.id
    assert loaded("inspect", "--format", "{{.Id}}", "shop:1.0").strip() == image.id


def test_docker_hashes_what_it_loads(docker, lesson, tmp_path):
    """One byte of a layer in an archive is flipped; the image is new to Docker, so it has to be read."""
    lab, path = lesson["lab"], tmp_path / "damaged.tar"
    lab.append(lesson["image"], {"new.txt": "nobody has seen this layer yet\n"}, "shop:new")
    lab.save("shop:new", path)
    data = path.read_bytes()
    assert data.count(b"nobody has seen") == 1
    path.write_bytes(data.replace(b"nobody has seen", b"nobody had seen"))
    done = docker.run("load", "--input", path)
    assert done.returncode != 0 and b"invalid diffID" in done.stderr


def test_docker_pulls_one_image_of_an_index_and_shows_the_index_s_digest(docker, index, tmp_path):
    """The classic store: IMAGE ID is the config's of this machine's image, DIGEST the index's."""
    images = {one.architecture: one for one in (index["amd"], index["arm"])}
    digest = f"sha256:{hashlib.sha256(index['index']).hexdigest()}"
    emptied(docker)  # what it has already it does not fetch
    with Server(Registry(tmp_path)).in_thread() as server:
        shop = server.registry.repository("shop")
        for one in images.values():
            blobs = {one.id: one.config_bytes, **{layer.digest: layer.open().read() for layer in one.layers}}
            for blob, data in blobs.items():
                server.registry.write(blob, data)
                shop.own(blob)
            shop.put(one.manifest_bytes, one.manifest["mediaType"], one.digest, [])
        shop.put(index["index"], json.loads(index["index"])["mediaType"], digest, ["1.1"])
        server.registry.remember(shop)
        repository = f"127.0.0.1:{server.port}/shop"
        docker("pull", f"{repository}:1.1")
    here = images[docker("info", "--format", "{{.Architecture}}").strip().replace("x86_64", "amd64")]
    shown = docker("images", "--digests", "--no-trunc", "--format", "{{.ID}} {{.Digest}}", repository).split()
    assert shown == [here.id, digest]
    fetched = {request.path.rpartition("/")[2] for request in server.log}
    assert fetched & {one.id for one in images.values()} == {here.id}, "the other image's config did not travel"
    docker("rmi", f"{repository}:1.1")


def test_docker_refuses_what_a_lying_registry_sends(docker, lesson):
    """Asked for one digest, it sends another manifest, in perfect health."""
    wanted = lesson["image"].digest
    other = mutate.compressed(lesson["image"])

    class Liar(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = b"{}" if self.path == "/v2/" else other.manifest_bytes
            self.send_response(200)
            self.send_header("Content-Type", other.manifest["mediaType"])
            self.send_header("Docker-Content-Digest", wanted)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        do_HEAD = do_GET

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Liar) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        done = docker.run("pull", f"127.0.0.1:{server.server_port}/shop@{wanted}")
        server.shutdown()
    assert done.returncode != 0 and b"verification failed" in done.stderr, done.stderr
