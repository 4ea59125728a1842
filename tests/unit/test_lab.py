"""A lab is one learner's workbench: names are looked up, defaults set, and nothing half-done is left."""

from __future__ import annotations

import gc
import io
import tarfile
from pathlib import Path

import pytest

from imagelab import Lab
from imagelab.errors import Invalid, NotFound


def test_a_folder_becomes_a_layer(lab: Lab, tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "f").write_text("x")
    (tmp_path / "sub" / "f").chmod(0o600)
    image = lab.append(None, tmp_path, tag="a", to="/srv/data")
    assert list(image.tree()) == ["", "srv", "srv/data", "srv/data/sub", "srv/data/sub/f"]
    assert image.tree()["srv/data/sub/f"].mode == 0o644
    assert image.steps[-1].created_by == f"append {tmp_path.name}"
    with pytest.raises(Invalid, match="inside the image"):
        lab.append(None, tmp_path, to="../up")


def test_a_tar_becomes_a_layer_byte_for_byte(lab: Lab, tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        info = tarfile.TarInfo("./hello")
        info.size = 2
        archive.addfile(info, io.BytesIO(b"hi"))
    (tmp_path / "layer.tar").write_bytes(buffer.getvalue())
    image = lab.append(None, tmp_path / "layer.tar")
    assert image.layers[0].blob().read() == buffer.getvalue() and image.read("hello") == b"hi"
    (tmp_path / "not.tar").write_bytes(b"no tar" * 200)
    before = list(lab.store.blobs)
    with pytest.raises(Invalid, match=r"not\.tar is not a tar"):
        lab.append(None, tmp_path / "not.tar")
    assert list(lab.store.blobs) == before


def test_an_image_goes_out_and_comes_in_unchanged(lab: Lab, tmp_path: Path) -> None:
    image = lab.append(None, {"a": "x"}, tag="a:1").with_config(Cmd=["sh"])
    lab.tag(image, "a:2")
    lab.tag(image, "reg.io:5000/b/c:3")
    lab.save(["a:2", "reg.io:5000/b/c:3"], tmp_path / "out.tar")
    [loaded] = Lab.temporary().load(tmp_path / "out.tar")
    assert (loaded.image.id, loaded.image.digest) == (image.id, image.digest)
    assert sorted(name.familiar for name in loaded.names) == ["a:2", "reg.io:5000/b/c:3"]


def test_a_repository_without_a_tag_saves_all_its_tags(lab: Lab, tmp_path: Path) -> None:
    lab.append(None, {"a": "1"}, tag="a:1")
    lab.append(None, {"a": "2"}, tag="a:latest")
    lab.save("a", tmp_path / "out.tar")
    assert len(Lab.temporary().load(tmp_path / "out.tar")) == 2
    lab.save(lab.image("a:1").id, tmp_path / "id.tar")
    assert Lab.temporary().load(tmp_path / "id.tar")[0].names == ()


def test_a_store_is_loaded_as_the_folder_it_is(lab: Lab) -> None:
    image = lab.append(None, {"a": "1"}, tag="a:1")
    other = Lab.temporary()
    other.load(lab.home)
    assert other.image("a:1") == image


def test_a_save_that_fails_leaves_nothing(lab: Lab, tmp_path: Path) -> None:
    image = lab.append(None, {"a": "1"}, tag="a:1")
    lab.store.blobs.path(image.layers[0].digest).unlink()
    with pytest.raises(NotFound, match="imagelab verify"):
        lab.save("a:1", tmp_path / "out.tar")
    assert list(tmp_path.iterdir()) == []


def test_loading_over_a_name_says_whose_it_was(lab: Lab, tmp_path: Path) -> None:
    lab.append(None, {"a": "1"}, tag="a:1")
    lab.save("a:1", tmp_path / "out.tar")
    other = Lab.temporary()
    mine = other.append(None, {"a": "mine"}, tag="a:1")
    [loaded] = other.load(tmp_path / "out.tar")
    assert [(name.familiar, id_) for name, id_ in loaded.renamed] == [("a:1", mine.id)]
    assert other.tag_log("a:1")[-1].verb == "load"


def test_import_makes_one_layer_and_a_config(lab: Lab, tmp_path: Path) -> None:
    buffer = io.BytesIO()
    tarfile.open(fileobj=buffer, mode="w").close()
    image = lab.import_(io.BytesIO(buffer.getvalue()), "root:1", message="mine", config={"Cmd": ["sh"]})
    assert image.steps[0].comment == "mine" and image.config["config"] == {"Cmd": ["sh"]} and len(image.layers) == 1


def test_the_difference_of_two_images(lab: Lab) -> None:
    a = lab.append(None, {"same": "s", "old": "o", "changed": "1"})
    b = a.append({"old": None, "changed": "2", "new": "n"})
    changes = lab.diff(a, b)
    assert list(changes.entries) == ["changed", "new"] and changes.removed == {"old"}


def test_unpacking_writes_what_a_container_would_see(lab: Lab, tmp_path: Path) -> None:
    image = lab.append(None, {"a": "x", "gone": "y"}).append({"gone": None})
    lab.unpack(image, tmp_path / "root")
    assert [p.name for p in (tmp_path / "root").iterdir()] == ["a"]


def test_the_newest_lab_is_the_current_one_while_it_lives() -> None:
    first = Lab.temporary()
    second = Lab.temporary()
    assert Lab.current() is second
    home = second.home
    image = second.append(None, {"a": "x"})
    del second
    gc.collect()
    assert Lab.current() is None and image.read("a") == b"x"
    del image
    gc.collect()
    assert not home.exists() and first.home.exists()


def test_a_name_that_never_was_has_no_log(lab: Lab) -> None:
    with pytest.raises(NotFound, match="never pointed"):
        lab.tag_log("nothing:here")
