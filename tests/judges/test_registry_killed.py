"""`kill -9` of our registry at random moments while clients push: what it answered 201 for is there, and whole."""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import random
import threading
from contextlib import suppress
from dataclasses import dataclass, field

from imagelab.oci.manifest import CONFIG, MANIFEST
from imagelab.registry.server.repositories import Registry
from judges.registries import running
from judges.tools import CommandLine

ROUNDS = int(os.environ.get("IMAGELAB_KILLS", "6"))
PUSHERS = 3


def sha256(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


@dataclass
class Pusher:
    """A client that pushes one image after another to its own repository, and the same tag of a shared one."""

    address: str
    name: str
    acknowledged: dict[str, bytes] = field(default_factory=dict)  # tag → manifest

    def push_until_it_breaks(self) -> None:
        with suppress(OSError, http.client.HTTPException):
            for number in range(10_000):
                connection = http.client.HTTPConnection(self.address, timeout=30)
                layer = os.urandom(random.choice([10, 5_000, 700_000]))
                manifest = _manifest(layer)
                for repository, tag in ((self.name, str(number)), ("shared", "latest")):
                    for blob in (b"{}", layer):
                        _upload(connection, repository, blob)
                    path = f"/v2/{repository}/manifests/{tag}"
                    _ask(connection, "PUT", path, manifest, {"Content-Type": MANIFEST})
                    if repository == self.name:
                        self.acknowledged[tag] = manifest
                connection.close()


def _manifest(layer: bytes) -> bytes:
    row = {"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": sha256(layer), "size": len(layer)}
    config = {"mediaType": CONFIG, "digest": sha256(b"{}"), "size": 2}
    return json.dumps({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [row]}).encode()


def _upload(connection: http.client.HTTPConnection, repository: str, blob: bytes) -> None:
    location = _ask(connection, "POST", f"/v2/{repository}/blobs/uploads/", b"", {}).headers["Location"]
    location = _ask(connection, "PATCH", location, blob, {}).headers["Location"]
    _ask(connection, "PUT", f"{location}?digest={sha256(blob)}", b"", {})


def _ask(
    connection: http.client.HTTPConnection, method: str, path: str, body: bytes, headers: dict[str, str]
) -> http.client.HTTPResponse:
    connection.request(method, path, body, headers)
    answer = connection.getresponse()
    answer.read()
    assert answer.status in (201, 202), f"{method} {path}: {answer.status}"
    return answer


def test_a_killed_registry_has_all_that_it_acknowledged(tmp_path):
    check = CommandLine("imagelab", "--home", tmp_path / "home")
    acknowledged: dict[tuple[str, str], bytes] = {}
    for number in range(ROUNDS):
        with running("ours", tmp_path) as place:
            pushers = [Pusher(place.address, f"round{number}/pusher{one}") for one in range(PUSHERS)]
            threads = [threading.Thread(target=one.push_until_it_breaks) for one in pushers]
            for thread in threads:
                thread.start()
            threads[0].join(random.uniform(0.02, 0.5))  # a random moment
            place.process.kill()
            place.process.wait()
            for thread in threads:
                thread.join(60)
        for pusher in pushers:
            acknowledged |= {(pusher.name, tag): data for tag, data in pusher.acknowledged.items()}
        done = check.run("registry", "prune", "--check", tmp_path / "data")
        assert (done.returncode, done.stdout) == (0, b"Every blob is whole.\n"), done.stdout + done.stderr
    assert len(acknowledged) > ROUNDS, "something was pushed before each kill"
    registry = Registry(tmp_path / "data")
    assert list((tmp_path / "data" / "uploads").iterdir()) == [], "a new start removes what was under way"
    for (name, tag), manifest in acknowledged.items():
        repository = registry.repository(name)
        assert repository.read(repository.tags[tag]) == manifest
    registry.close()
