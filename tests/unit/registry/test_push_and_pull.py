"""`lab.push` and `lab.pull` between two labs, through a registry of imagelab's: what travels, and what is kept."""

from __future__ import annotations

import gzip
import json
import os
import threading
import zlib

import pytest

from imagelab import Lab
from imagelab.errors import Conflict, InvalidReference, LabError, NotFound
from imagelab.oci.digest import Digest
from imagelab.registry.compress import BLOCK, compress

from .conftest import BIG


def verdicts(transfer):
    return [(blob.kind, blob.verdict) for blob in transfer.blobs]


def test_what_was_pushed_comes_back_byte_for_byte(lab, other, app):
    sent = lab.push(app)
    image = lab.image(app)
    assert verdicts(sent) == [("layer", "sent")] * 3 + [("config", "sent"), ("manifest", "sent")]
    assert [blob.diff_id for blob in sent.blobs[:3]] == list(image.diff_ids)
    received = other.pull(app)
    assert verdicts(received) == [("layer", "received")] * 3 + [("config", "received"), ("manifest", "received")]
    assert received.digest == sent.digest == received.image.digest
    assert (received.image.id, received.image.config_bytes) == (image.id, image.config_bytes)
    assert received.image.tree() == image.tree()
    assert [blob.digest for blob in received.blobs] == [blob.digest for blob in sent.blobs]
    assert other.verify() == [] and other.image(app) == received.image and received.newer


def test_the_totals_are_those_of_the_registrys_log(lab, other, app, registry):
    for verb in (lab.push, lab.push, other.pull, other.pull):
        transfer = verb(app)
        log = registry.log()[-len(transfer.requests) :]
        assert sorted((one.method, one.path, one.status, one.received, one.sent) for one in log) == sorted(
            (one.method, one.path, one.status, one.sent, one.received) for one in transfer.requests
        )
        assert transfer.bytes == sum(one.sent + one.received for one in log)
    assert len(registry.log()) == len([one for one in registry.log() if one.caption])


def test_a_second_push_asks_and_sends_the_manifest_alone(lab, app):
    first, second = lab.push(app), lab.push(app)
    assert second.digest == first.digest
    assert verdicts(second) == [("layer", "exists")] * 3 + [("config", "exists"), ("manifest", "sent")]
    assert [one.method for one in second.requests] == ["GET", "HEAD", "HEAD", "HEAD", "HEAD", "PUT"]
    assert sum(one.sent for one in second.requests) == second.blobs[-1].size
    assert (second.moved, second.skipped, second.mounted) == (1, 4, 0)


def test_of_a_changed_image_the_changed_layer_travels(lab, app, registry):
    lab.push(app)
    lab.tag(lab.append(lab.image(app), {"d": "new"}), f"{registry.address}/team/app:2")
    second = lab.push(f"{registry.address}/team/app:2")
    assert [blob.verdict for blob in second.blobs] == ["exists"] * 3 + ["sent"] * 3
    assert sum(one.sent for one in second.requests) < 5000


def test_another_repository_takes_the_layers_over(lab, app, registry):
    lab.push(app)
    lab.tag(app, f"{registry.address}/other/copy:1")
    copied = lab.push(f"{registry.address}/other/copy:1")
    assert [(blob.verdict, blob.mounted_from) for blob in copied.blobs[:3]] == [("mounted", "team/app")] * 3
    assert copied.mounted == 3 and sum(one.sent for one in copied.requests) < 3000


def test_a_blob_that_is_remembered_and_gone_is_sent_again(lab, app, registry):
    first = lab.push(app)
    for blob in first.blobs[:3]:
        (registry.folder / "blobs" / "sha256" / blob.digest.hex).unlink()
    again = lab.push(app)
    assert [blob.verdict for blob in again.blobs[:3]] == ["sent"] * 3
    assert again.digest == first.digest


def test_one_image_has_three_digests_there_and_one_id(lab, other, app, registry):
    digests, ids = set(), set()
    for how in ("none", "gzip", "zstd"):
        name = f"{registry.address}/team/app:{how}"
        lab.tag(app, name)
        sent = lab.push(name, compression=how)
        digests.add(sent.digest)
        received = Lab.temporary(current=False).pull(name)
        assert received.digest == sent.digest
        ids.add(received.image.id)
    assert len(digests) == 3 and ids == {lab.image(app).id}
    with pytest.raises(LabError, match="expected one of gzip, zstd, none"):
        lab.push(app, compression="lz4")


def test_what_came_compressed_goes_on_as_it_came(lab, other, app, registry):
    sent = lab.push(app, compression="zstd")
    received = other.pull(app)
    name = f"{registry.address}/again:1"
    other.tag(received.image, name)
    again = other.push(name)
    assert again.digest == sent.digest
    assert [blob.verdict for blob in again.blobs] == ["mounted"] * 3 + ["sent"] * 2
    third = Lab.temporary(current=False)
    third.pull(name)
    child = third.append(name, {"new": "layer"})
    third.tag(child, f"{registry.address}/child:1")
    pushed = third.push(f"{registry.address}/child:1", compression="gzip")
    assert [blob.digest for blob in pushed.blobs[:3]] == [blob.digest for blob in sent.blobs[:3]]


def test_pulling_what_is_here_already_asks_once(lab, other, app):
    sent = lab.push(app)
    other.pull(app)
    again = other.pull(app)
    assert [one.method for one in again.requests] == ["GET", "HEAD"] and not again.newer
    assert verdicts(again) == [("manifest", "exists")] and again.blobs[0].size == sent.blobs[-1].size
    mine = lab.pull(app)  # the lab that pushed it keeps its own, uncompressed
    assert mine.image.digest != sent.digest and not mine.newer and mine.digest == sent.digest


def test_an_image_with_the_same_config_is_not_fetched_twice(lab, other, app, registry):
    lab.push(app)
    other.pull(app)
    name = f"{registry.address}/team/app:plain"
    lab.tag(app, name)
    lab.push(name, compression="none")
    received = other.pull(name)
    assert verdicts(received) == [("layer", "exists")] * 3 + [("config", "exists"), ("manifest", "received")]
    assert received.newer and other.image(name) == other.image(app)


def test_layers_of_another_image_are_not_fetched_again(lab, other, app, registry):
    lab.push(app)
    other.pull(app)
    lab.tag(lab.append(lab.image(app), {"d": "new"}), f"{registry.address}/team/app:2")
    lab.push(f"{registry.address}/team/app:2")
    received = other.pull(f"{registry.address}/team/app:2")
    assert [blob.verdict for blob in received.blobs] == ["exists"] * 3 + ["received"] * 3
    assert other.verify() == []


def test_layers_that_this_lab_compressed_are_not_fetched_by_it(lab, other, app, registry):
    """Their blobs are made again from the same layers, and proved; only the new one travels."""
    lab.push(app)
    other.pull(app)
    child = other.append(other.image(app), {"d": "new"})
    other.tag(child, f"{registry.address}/team/app:2")
    other.push(f"{registry.address}/team/app:2")
    received = lab.pull(f"{registry.address}/team/app:2")
    assert [blob.verdict for blob in received.blobs] == ["exists"] * 3 + ["received"] * 3
    assert received.image.id == child.id and lab.verify() == []


def test_a_tag_that_moved(lab, other, app):
    first = lab.push(app)
    other.pull(app)
    lab.tag(lab.append(lab.image(app), {"d": "new"}), app)
    second = lab.push(app)
    moved = other.pull(app)
    assert moved.newer and moved.digest == second.digest != first.digest
    old = other.pull(f"{app.rpartition(':')[0]}@{first.digest}")
    assert old.image.id != moved.image.id and not old.newer
    assert other.image(app) == moved.image  # a pull by digest moves no tag
    assert other.image(f"{app.rpartition(':')[0]}@{first.digest}") == old.image


def test_tag_and_digest_together_set_no_tag(lab, other, app):
    digest = lab.push(app).digest
    received = other.pull(f"{app}@{digest}")
    assert received.name == f"{app}@{digest}" and not other.tags() and received.newer


def test_the_digests_of_an_image(lab, other, app):
    assert lab.repo_digests(app) == []
    digests = {how: lab.push(app, compression=how).digest for how in ("gzip", "zstd")}
    names = [name.familiar for name in lab.repo_digests(app)]
    assert names == sorted(f"{app.rpartition(':')[0]}@{digest}" for digest in digests.values())
    assert all(lab.image(name) == lab.image(app) for name in names)
    lab.rmi(app)
    with pytest.raises(NotFound):
        lab.image(names[0])


def test_all_tags(lab, other, app, registry):
    repository = app.rpartition(":")[0]
    lab.tag(lab.append(app, {"d": "new"}), f"{repository}:2")
    sent = lab.push(repository, all_tags=True)
    assert [blob.verdict for blob in sent.blobs if blob.kind == "manifest"] == ["sent", "sent"]
    received = other.pull(repository, all_tags=True)
    assert {name.familiar for name in other.tags()} == {f"{repository}:1", f"{repository}:2"}
    assert received.name == repository
    for verb in (lab.push, other.pull):
        with pytest.raises(LabError, match="tag can't be used with --all-tags/-a"):
            verb(app, all_tags=True)


def test_names_that_cannot_be_pushed_or_pulled(lab, app, registry):
    repository = app.rpartition(":")[0]
    with pytest.raises(NotFound, match=f"^tag does not exist: {repository}:nope$"):
        lab.push(f"{repository}:nope")
    with pytest.raises(NotFound, match=f"^An image does not exist locally with the tag: {registry.address}/nope$"):
        lab.push(f"{registry.address}/nope")
    with pytest.raises(InvalidReference, match="cannot push a digest reference"):
        lab.push(f"{repository}@{lab.image(app).digest}")
    unknown = "not found: name unknown: repository name not known to registry"
    with pytest.raises(NotFound, match=f"^repository {registry.address}/nope/x {unknown}$"):
        lab.pull(f"{registry.address}/nope/x:1")
    lab.push(app)
    for name in (f"{repository}:nope", f"{repository}@sha256:{'a' * 64}"):
        with pytest.raises(NotFound, match=f"^manifest for {name} not found: manifest unknown: manifest unknown$"):
            lab.pull(name)
    with pytest.raises(NotFound, match="not found"):
        lab.pull(f"{registry.address}/nope", all_tags=True)


def test_an_index(lab, other, app, registry):
    """The digest is the index's; one platform is kept; another one that is asked for takes the tag."""
    images = {platform: Lab.temporary(platform=f"linux/{platform}") for platform in ("amd64", "arm64", "s390x")}
    listed = []
    for platform, its_lab in images.items():
        image = its_lab.append(None, {"arch": platform})
        its_lab.tag(image, f"{registry.address}/multi:{platform}")
        sent = its_lab.push(f"{registry.address}/multi:{platform}")
        listed.append({
            "mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": sent.digest,
            "size": sent.blobs[-1].size, "platform": {"os": "linux", "architecture": platform},
        })  # fmt: skip
    listed.append({**listed[0], "platform": {"os": "unknown", "architecture": "unknown"}})
    index = put_index(registry, "multi", "1", listed)
    for platform in images:
        received = other.pull(f"{registry.address}/multi:1", platform=f"linux/{platform}")
        assert received.image.architecture == platform
        assert received.digest == index != received.image.digest
        manifests = {one["platform"]["architecture"]: one["digest"] for one in listed}
        assert received.image.digest == manifests[platform]
        assert [blob.kind for blob in received.blobs] == ["layer", "config", "index", *["manifest"] * 3]
        assert other.image(f"{registry.address}/multi:1") == received.image
        assert other.image(f"{registry.address}/multi@{index}") == received.image
    with pytest.raises(NotFound, match=r"^no matching manifest for linux/mips in the manifest list entries: there is "):
        other.pull(f"{registry.address}/multi:1", platform="linux/mips")
    with pytest.raises(NotFound, match="no matching manifest"):
        other.pull(f"{registry.address}/multi@{index}", platform="windows/amd64")
    one = other.pull(f"{registry.address}/multi:arm64", platform="linux/s390x")  # as docker: no index, no choice
    assert one.image.architecture == "arm64"


def put_index(registry, repository, tag, listed):
    import urllib.request

    media_type = "application/vnd.oci.image.index.v1+json"
    data = json.dumps({"schemaVersion": 2, "mediaType": media_type, "manifests": listed}).encode()
    request = urllib.request.Request(f"{registry.url}/v2/{repository}/manifests/{tag}", data, method="PUT")
    request.add_header("Content-Type", media_type)
    with urllib.request.urlopen(request) as answer:
        assert answer.status == 201
    return Digest.of(data)


def test_progress_is_told(lab, other, app):
    for verb, last in ((lab.push, "kept"), (other.pull, "kept"), (lab.push, "exists")):
        states: dict[str, list[str]] = {}
        transfer = verb(app, report=lambda progress, states=states: states.setdefault(
            progress.diff_id or progress.kind, []).append(progress.state))  # fmt: skip
        for blob in transfer.blobs[:3]:
            assert states[blob.diff_id][0] == "waiting" and states[blob.diff_id][-1] == last


def test_a_report_that_raises_stops_the_pull(lab, other, app):
    lab.push(app)

    def refuse(progress):
        if progress.state == "moved":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        other.pull(app, report=refuse)
    assert not other.images() and not other.tags()
    assert other.pull(app).image.id == lab.image(app).id


def test_two_pulls_at_once_into_one_store(lab, other, app):
    lab.push(app)
    errors = []

    def work():
        try:
            Lab(other.home, current=False).pull(app)
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors and other.verify() == [] and other.image(app).id == lab.image(app).id


def test_the_registry_of_a_lab(lab):
    registry = lab.registry()
    assert lab.registry() is registry and registry.running
    with pytest.raises(Conflict, match="other settings"):
        lab.registry(accounts={"alice": "x"})
    registry.close()
    assert not registry.running
    registry.close()
    with lab.registry() as again:
        assert again is not registry
    neighbour = Lab.temporary(current=False)
    with neighbour.registry() as occupied:
        why = f"^the port {occupied.port} of 127.0.0.1 cannot be had: address already in use"
        with pytest.raises(LabError, match=why):
            lab.registry(port=occupied.port)
        with lab.registry():  # the folder is free again
            pass


@pytest.mark.parametrize("size", [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK + 7])
@pytest.mark.parametrize("step", [7919, 1 << 20])
def test_gzip_in_blocks_is_one_gzip_stream(size, step):
    data = (BIG * (size // len(BIG) + 1))[:size]
    packed = b"".join(compress((data[at : at + step] for at in range(0, size, step)), "gzip"))
    assert gzip.decompress(packed) == data
    inflate = zlib.decompressobj(31)
    assert inflate.decompress(packed) == data and inflate.eof and not inflate.unused_data


def test_blocks_know_what_came_before():
    """Their dictionary: a repetition of 20 kB across the blocks' edge costs next to nothing."""
    data = (BIG * 4)[: BLOCK - 20_000] + BIG[:20_000] + BIG[:20_000]
    packed = b"".join(compress([data], "gzip"))
    alone = sum(len(zlib.compress(data[at : at + BLOCK])) for at in range(0, len(data), BLOCK))
    assert len(packed) < alone - 15_000


def test_blocks_that_do_not_shrink_are_stored_as_they_are():
    """It takes a twentieth of the time; a layer of less than a block is compressed in any case."""
    noise, text = os.urandom(BLOCK), b"some text, and more of it\n" * BLOCK

    def packed(data: bytes) -> bytes:
        return b"".join(compress([data], "gzip"))

    assert noise[:60_000] in packed(noise) and gzip.decompress(packed(noise)) == noise
    assert len(packed(text[:BLOCK])) < BLOCK / 50
    assert len(packed(noise + text[:BLOCK])) < 1.03 * BLOCK, "each block for itself"
    mixed = noise[: BLOCK * 7 // 8] + text[: BLOCK // 8]
    assert len(packed(mixed)) < 0.9 * BLOCK
    deflate = zlib.compressobj(6, zlib.DEFLATED, -15)
    assert deflate.compress(noise[1:]) + deflate.flush() in packed(noise[1:])


def test_the_number_of_threads_does_not_matter(monkeypatch):
    data = BIG * 12
    packed = set()
    for count in (1, 2, 7):
        monkeypatch.setattr("os.cpu_count", lambda count=count: count)
        packed.add(b"".join(compress([data], "gzip")))
    assert len(packed) == 1
