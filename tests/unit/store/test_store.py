"""A store is an OCI image layout whose tags are the only thing that moves."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from imagelab import Lab, LabError
from imagelab.errors import Conflict, Invalid, InvalidReference, NotFound
from imagelab.oci.digest import Digest
from imagelab.oci.image import Image

NAMES = ["a:1", "a:2", "b:1"]
CONTENTS = ["x", "y", "z"]


class StoreModel(RuleBasedStateMachine):
    """Random operations, beside a dictionary of names, a list of moves and a set of images that does the same."""

    def __init__(self) -> None:
        super().__init__()
        self.owner = Lab.temporary()  # the folder lives as long as this lab's store
        self.lab = self.owner
        self.tags: dict[str, str] = {}
        self.images: set[str] = set()
        self.been: dict[str, list[str]] = {name: [""] for name in NAMES}

    @rule(content=st.sampled_from(CONTENTS), name=st.sampled_from(NAMES))
    def make(self, content: str, name: str) -> None:
        self._moved(name, self.lab.append(None, {"file": content}, tag=name).id)

    @rule(source=st.sampled_from(NAMES), name=st.sampled_from(NAMES))
    def tag(self, source: str, name: str) -> None:
        if source in self.tags:
            self.lab.tag(source, name)
            self._moved(name, self.tags[source])
        else:
            with pytest.raises(NotFound, match=f"No such image: {source}"):
                self.lab.tag(source, name)

    @rule(name=st.sampled_from(NAMES))
    def rmi(self, name: str) -> None:
        if name not in self.tags:
            with pytest.raises(NotFound):
                self.lab.rmi(name)
            return
        id_ = self.tags.pop(name)
        self.been[name].append("")
        lines = self.lab.rmi(name)
        assert lines[0] == f"Untagged: {name}"
        assert (f"Deleted: {id_}" in lines) == (id_ not in self.tags.values())
        if id_ not in self.tags.values():
            self.images.discard(id_)

    @rule(name=st.sampled_from(NAMES))
    def undo(self, name: str) -> None:
        been = self.been[name]
        if len(been) < 2:
            with pytest.raises(Conflict, match="no move to undo"):
                self.lab.tag_undo(name)
        elif been[-2] and been[-2] not in self.images:
            with pytest.raises(NotFound, match="has been removed"):
                self.lab.tag_undo(name)
        else:
            self.lab.tag_undo(name)
            been.pop()
            self.tags.pop(name, None)
            if been[-1]:
                self.tags[name] = been[-1]

    @rule()
    def prune(self) -> None:
        self.lab.prune()
        self.images = set(self.tags.values())

    @rule()
    def gc(self) -> None:
        self.lab.gc()

    @rule()
    def reopen(self) -> None:
        self.lab = Lab(self.owner.home, epoch=0)

    def _moved(self, name: str, id_: str) -> None:
        self.images.add(id_)
        if self.tags.get(name) != id_:
            self.been[name].append(id_)
        self.tags[name] = id_

    @invariant()
    def agrees(self) -> None:
        assert {n.familiar: self.lab.image(n.canonical).id for n in self.lab.store.tags()} == self.tags
        assert {image.id for image in self.lab.images()} == self.images
        assert self.lab.verify() == []
        blobs = {image.digest for image in self.lab.store.images()} | self.images
        blobs |= {layer.digest for image in self.lab.store.images() for layer in image.layers}
        assert set(self.lab.store.blobs) == blobs
        assert not list((self.lab.home / "tmp").iterdir())


TestStoreModel = StoreModel.TestCase
TestStoreModel.settings = settings(max_examples=25, stateful_step_count=20, deadline=None)


def test_a_store_is_an_oci_layout(lab: Lab) -> None:
    image = lab.append(None, {"a": "x"}, tag="myapp:1.0")
    assert json.loads((lab.home / "oci-layout").read_text()) == {"imageLayoutVersion": "1.0.0"}
    [item] = json.loads((lab.home / "index.json").read_text())["manifests"]
    assert item["digest"] == image.digest and item["size"] == len(image.manifest_bytes)
    assert item["annotations"]["org.opencontainers.image.ref.name"] == "myapp:1.0"
    assert item["annotations"]["io.containerd.image.name"] == "docker.io/library/myapp:1.0"
    for blob in (lab.home / "blobs" / "sha256").iterdir():
        assert Digest.of(blob.read_bytes()).hex == blob.name


def test_an_image_is_found_by_every_name_docker_would_find_it_by(lab: Lab) -> None:
    image = lab.append(None, {"a": "x"}, tag="myapp")
    for text in ("myapp", "myapp:latest", "docker.io/library/myapp", image.id, image.id.hex, image.id.short,
                 image.id[:12], f"myapp@{image.digest}", image.digest):  # fmt: skip
        assert lab.image(text) == image, text
    with pytest.raises(NotFound, match="No such image: nowhere"):
        lab.image("nowhere")
    with pytest.raises(NotFound):
        lab.image(f"other@{image.digest}")
    with pytest.raises(InvalidReference, match="must be lowercase"):
        lab.image("MyApp")


def test_a_start_that_fits_several_ids_is_refused(lab: Lab) -> None:
    ids = [lab.append(None, {"a": str(n)}).id for n in range(17)]
    starts = [id_.hex[0] for id_ in ids]
    with pytest.raises(Conflict, match="write more of it"):
        lab.image(next(s for s in starts if starts.count(s) > 1))


def test_a_name_wins_over_the_start_of_an_id(lab: Lab) -> None:
    first = lab.append(None, {"a": "1"})
    second = lab.append(None, {"a": "2"}, tag=first.id.hex[:6])
    assert lab.image(first.id.hex[:6]) == second


def test_a_digest_stays_good_after_its_tag_has_moved(lab: Lab) -> None:
    old = lab.append(None, {"a": "1"}, tag="myapp:1.0")
    pinned = lab.pinned("myapp:1.0")
    lab.append(None, {"a": "2"}, tag="myapp:1.0")
    assert lab.image(pinned) == old and lab.image("myapp:1.0") != old


def test_a_tag_move_that_another_tool_made_is_told_as_such(lab: Lab) -> None:
    lab.append(None, {"a": "1"}, tag="a:1")
    lab.append(None, {"a": "2"}, tag="b:1")
    index = json.loads((lab.home / "index.json").read_text())
    names = [item["annotations"] for item in index["manifests"]]
    index["manifests"][0]["annotations"], index["manifests"][1]["annotations"] = names[1], names[0]
    (lab.home / "index.json").write_text(json.dumps(index))
    assert [move.name.canonical[-3:] + move.verb for move in lab.tag_log()] == [
        "a:1append", "b:1append", "a:1elsewhere", "b:1elsewhere",
    ]  # fmt: skip
    log = lab.tag_log("a:1")
    assert [move.verb for move in log] == ["append", "elsewhere"]
    assert log[-1].new == lab.image("a:1").digest
    lab.tag_undo("a:1")
    assert lab.image("a:1").read("a") == b"1"


def test_a_torn_line_in_the_log_does_not_break_it(lab: Lab) -> None:
    lab.append(None, {"a": "1"}, tag="a:1")
    with open(lab.home / "tag-log.jsonl", "ab") as file:
        file.write(b'{"time": "20')
    lab.append(None, {"a": "2"}, tag="a:1")
    assert [move.verb for move in lab.tag_log("a:1")] == ["append", "append"]


def test_a_tag_cannot_be_made_of_a_digest_reference(lab: Lab) -> None:
    image = lab.append(None, {"a": "1"})
    with pytest.raises(InvalidReference, match="refusing to create a tag with a digest"):
        lab.tag(image, f"a@{image.digest}")


@pytest.mark.parametrize("name", ["notes.txt", "node_modules"])
def test_a_folder_that_holds_other_things_is_not_taken_over(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    with pytest.raises(LabError, match="is not an image store: it contains"):
        Lab(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == [name]


def test_a_file_is_no_store(tmp_path: Path) -> None:
    (tmp_path / "f").touch()
    with pytest.raises(LabError, match="is a file"):
        Lab(tmp_path / "f")


@pytest.mark.parametrize("text", ["", "[]", '{"manifests": 7}', '{"manifests": [{}]}', "{" * 3000])
def test_a_damaged_index_is_said_and_left(lab: Lab, text: str) -> None:
    (lab.home / "index.json").write_text(text)
    with pytest.raises(Invalid, match=r"index\.json"):
        lab.images()
    with pytest.raises(Invalid):
        lab.append(None, {"a": "x"}, tag="a")
    assert (lab.home / "index.json").read_text() == text


def test_the_epoch_is_taken_from_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "86400")
    assert Lab(tmp_path / "s").append(None, {"a": "x"}).created == "1970-01-02T00:00:00Z"
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "soon")
    with pytest.raises(LabError, match="SOURCE_DATE_EPOCH is 'soon'"):
        Lab(tmp_path / "s")


def test_what_another_tool_put_into_the_index_stays(lab: Lab) -> None:
    index = json.loads((lab.home / "index.json").read_text())
    foreign = {"mediaType": "application/vnd.oci.image.index.v1+json", "digest": "sha256:" + "a" * 64, "size": 3}
    index["manifests"].append(foreign)
    (lab.home / "index.json").write_text(json.dumps(index))
    lab.append(None, {"a": "x"}, tag="a")
    lab.rmi("a")
    assert json.loads((lab.home / "index.json").read_text())["manifests"] == [foreign]


def test_the_newest_comes_first_whatever_the_way_its_time_is_written(lab: Lab) -> None:
    times = [
        "2026-01-01T12:00:00Z",
        "2026-01-01T12:00:00.5Z",
        "2026-01-01T14:30:00+02:00",
        "2026-01-01T12:45:00.1234567Z",
    ]
    base = lab.append(None, {"a": "x"})
    for number, created in enumerate(times):
        config = json.dumps({**base.config, "created": created, "author": str(number)}).encode()
        manifest = {
            **base.manifest,
            "config": {**base.manifest["config"], "digest": Digest.of(config), "size": len(config)},
        }
        lab.store.add(Image(json.dumps(manifest).encode(), lab.store, config))
    assert [image.config.get("author") for image in lab.images()] == ["3", "2", "1", "0", None]


def test_a_store_that_another_process_finishes_meanwhile_is_a_store(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """Found by eight processes at once: the marker was not there at the first look, and was at the second."""
    image = lab.append(None, {"a": "x"}, tag="a:1")
    looks = iter([False])
    exists = Path.exists
    monkeypatch.setattr(Path, "exists", lambda path: next(looks, True) if path.name == "oci-layout" else exists(path))
    assert Lab(lab.home, epoch=0).image("a:1") == image
