"""Tables and faces: docker's columns, whole values inside, short ones shown; every public class has a face."""

from __future__ import annotations

import re
import subprocess
import sys
from xml.etree import ElementTree

import pandas as pd
import pytest

import imagelab
from imagelab import Changes, Digest, Entry, LabError, Reference, tables
from imagelab.oci.image import Image
from imagelab.tables import of


@pytest.fixture
def image(lab):
    image = lab.append(None, {"etc/motd": "hi\n", "a b": b"x" * 2500}, created_by="COPY rootfs /")
    image = lab.append(image, {"etc/motd": None}, created_by="RUN rm /etc/motd")
    lab.tag(image.with_config("ENV A=1", Env=["A=1"]), "shop:1.0")
    return lab.image("shop:1.0")


def html_of(value):
    """The face as parsed HTML."""
    return ElementTree.fromstring(f"<div>{value._repr_html_()}</div>")


def cells(value):
    return ["".join(cell.itertext()) for cell in html_of(value).iter("td")]


def test_images_has_docker_s_columns_and_whole_values(lab, image):
    lab.append(None, {"b": "2"})
    table = lab.images().table()
    assert list(table.columns) == ["REPOSITORY", "TAG", "IMAGE ID", "CREATED", "SIZE"]
    row = table[table["REPOSITORY"] == "shop"].iloc[0]
    assert (row["TAG"], row["IMAGE ID"], row["SIZE"]) == ("1.0", image.id, image.size)
    assert row["CREATED"] == pd.Timestamp(0, tz="UTC")
    assert isinstance(row["IMAGE ID"], Digest)
    assert ("<none>", "<none>") in set(zip(table["REPOSITORY"], table["TAG"], strict=True))
    assert len(lab.images(all=True)) > len(lab.images())


def test_a_slice_of_a_list_shows_as_a_table_too(lab, image):
    lab.tag("shop:1.0", "shop:2.0")
    two = lab.images()[:2]
    assert isinstance(two, list) and list(two) == list(lab.images())[:2] and isinstance(lab.images()[0], Image)
    assert two.table().equals(lab.images().table()[:2]) and "IMAGE ID" in two._repr_html_()
    moves = lab.tag_log("shop:2.0")[-1:]
    assert moves[0].name == Reference.parse("shop:2.0")
    assert moves.table().equals(lab.tag_log("shop:2.0").table()), "the number of a move is that in the whole log"
    steps = lab.build({"Dockerfile": "FROM scratch\nCOPY a /\nCOPY a /b\n", "a": "a"}).steps
    assert steps[::-1].table().equals(steps.table()[::-1]) and list(steps[1:].table().index) == [2, 3]


def test_waste_names_what_is_out_of_sight(lab, image):
    table = lab.waste(image).table()
    assert list(table.columns) == ["PATH", "LAYERS", "BYTES IN ALL", "SMALLEST", "WASTED"]
    assert table.values.tolist() == [["etc/motd", "1, 2", 3, 0, 3]]
    every = lab.waste(image).table(all=True)
    assert every.values.tolist() == [["a b", "1", 2500, 2500, 0], ["etc/motd", "1, 2", 3, 0, 3]]
    found = lab.waste("shop:1.0")
    assert repr(found) == "<Waste: 3 of 2,503 bytes, efficiency 0.999>"
    assert "Waste: 3 bytes, efficiency 99.8%" in "".join(html_of(found).itertext())
    assert cells(found)[:9:3] == ["image size", "merged size", "hidden"] and "etc/motd" in cells(found)
    assert "etc/motd" in cells(found.worst[0])
    assert "WASTED" not in lab.waste(lab.scratch)._repr_html_()


def test_images_is_shown_as_docker_prints_it(lab, image):
    title, row = repr(lab.images()).splitlines()
    assert title.split() == ["REPOSITORY", "TAG", "IMAGE", "ID", "CREATED", "SIZE"]
    assert re.split(r" {3,}", row) == ["shop", "1.0", image.id.short, "1970-01-01 00:00:00", "2.5kB"]


def test_history_is_newest_first_with_missing_for_what_is_not_here(lab, image, tmp_path):
    table = image.history().table()
    assert list(table.columns) == ["IMAGE", "CREATED", "CREATED BY", "SIZE", "COMMENT"]
    assert list(table["CREATED BY"]) == ["ENV A=1", "RUN rm /etc/motd", "COPY rootfs /"]
    assert list(table["SIZE"]) == [0, 0, 2503]
    assert table["IMAGE"][0] == image.id
    lab.save("shop:1.0", tmp_path / "shop.tar")
    elsewhere = imagelab.Lab.temporary()
    loaded = elsewhere.load(tmp_path / "shop.tar")[0].image
    assert list(loaded.history().table()["IMAGE"]) == [image.id, "<missing>", "<missing>"]


def test_history_cuts_a_long_command_as_docker_does(lab):
    image = lab.append(None, {"a": "1"}, created_by="RUN " + "x" * 100)
    assert "RUN " + "x" * 40 + "…" in repr(image.history())
    assert image.history().table()["CREATED BY"][0] == "RUN " + "x" * 100


def test_layers_table_has_every_identifier_of_every_layer(image):
    table = tables.layers(image)
    assert table.index.name == "LAYER" and list(table.index) == [1, 2]
    assert tuple(table["DIFF ID"]) == image.diff_ids
    assert tuple(table["CHAIN ID"]) == image.chain_ids
    assert tuple(table["DIGEST"]) == tuple(layer.digest for layer in image.layers)
    assert list(table["BYTES AS STORED"]) == [layer.size for layer in image.layers]
    assert list(table["BYTES IN FILES"]) == [2503, 0]


def test_layers_table_without_a_history(lab):
    """A config need not tell how its layers came about."""
    from imagelab.oci.manifest import dump, manifest_for

    image = lab.append(None, {"a": "1"})
    config = dump({key: value for key, value in image.config.items() if key != "history"})
    bare = lab.add(Image(manifest_for(config, image.manifest["layers"]), lab.store, config))
    assert list(tables.layers(bare)["CREATED BY"]) == [""]


def test_changes_and_files_tell_what_comes_from_where(lab, image):
    changes = lab.changes(image).table()
    assert list(zip(changes.index, changes["CHANGE"], changes["PATH"], strict=True)) == [
        (1, "A", "a b"), (1, "A", "etc"), (1, "A", "etc/motd"), (2, "D", "etc/motd"),
    ]  # fmt: skip
    files = image.files().table()
    found = zip(files["PATH"], files["FROM LAYER"], files["BYTES"], strict=True)
    assert list(found) == [("a b", 1, 2500), ("etc", 1, 0)]


def test_identifiers_explain_themselves(image):
    table = image.identifiers().table()
    assert set(table["VALUE"]) == {image.id, image.digest, *image.diff_ids, *image.chain_ids}
    assert all(table["THE SHA-256 OF"])


def test_a_table_is_a_data_frame_that_computes(lab, image):
    table = tables.layers(image)
    assert isinstance(table, pd.DataFrame)
    assert table["BYTES IN FILES"].sum() == image.size
    assert "LAYER" in repr(table[table["BYTES IN FILES"] > 0])
    assert repr(table.head(1)).count("\n") == 1


def test_a_long_table_says_what_it_leaves_out():
    table = of([(number,) for number in range(100)], ["N"])
    assert repr(table).splitlines()[-1] == "and 40 more rows"
    assert "and 40 more rows" in table._repr_html_()
    assert len(table) == 100


def test_cells_are_only_text():
    table = of([("<script>alert(1)</script>", "\x1b[31m", "\udcff")], ["A&B", "C", "D"])
    assert cells(table) == ["<script>alert(1)</script>", "\\x1b[31m", "\\xff"]
    assert "\x1b" not in repr(table)
    table._repr_html_().encode()


def test_an_empty_table_still_has_its_titles(lab):
    assert repr(lab.images()).split() == ["REPOSITORY", "TAG", "IMAGE", "ID", "CREATED", "SIZE"]
    assert not cells(lab.images())


def test_a_heading_is_a_heading(lab):
    assert {cell.get("scope") for cell in html_of(lab.images()).iter("th")} == {"col"}


def test_every_public_class_has_a_face(lab, image):
    lab.append(None, {"c": "3"}, "c:1")
    faces = [
        lab, image, image.layers[0], image.layers[0].changes(), image.tree(), image.tree()["a b"], image.steps[0],
        image.identifiers()[0], image.names[0], lab.store, lab.tag_log("shop:1.0")[0], lab.df(), lab.gc(),
        Reference.parse("a"), Entry.dir(), Changes.of({"x": None}),
    ]  # fmt: skip
    for noun in faces:
        assert cells(noun), type(noun)
        assert not re.search(r"0x[0-9a-f]{6,}", repr(noun) + noun._repr_html_()), type(noun)


def test_the_face_of_an_image_names_it_and_its_ids(image):
    shown = cells(image)
    assert f"sha256:{image.id.short}…" in shown and f"sha256:{image.digest.short}…" in shown
    assert "A=1" in shown
    assert "Image shop:1.0" in html_of(image).find("p").find("b").text


def test_names_from_an_image_cannot_break_out_of_a_face(lab):
    image = lab.append(None, Changes({"<img src=x>": Entry.file(b"1")})).with_config(Env=["A=<script>"])
    for noun in (image, image.tree(), image.layers[0].changes()):
        assert not list(html_of(noun).iter("script")) and not list(html_of(noun).iter("img"))


def test_a_damaged_layer_is_told_in_words(lab, image):
    lab.store.blobs.path(image.diff_ids[0]).unlink()
    fresh = imagelab.Lab(lab.home).image("shop:1.0")
    with pytest.raises(LabError, match="not in the store"):
        fresh.files()


def test_no_view_is_loaded_before_something_is_shown():
    code = (
        "import sys; from imagelab import Image, Lab; assert callable(Lab.images) and callable(Image.history);"
        "assert not {'pandas', 'graphviz', 'ipywidgets', 'IPython'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_steps_of_a_build_are_a_table_and_so_are_their_times(lab):
    files = {"Dockerfile": "FROM scratch AS one\nCOPY a /a\nLABEL a=b\n", "a": "12345"}
    lab.build(files, "x:1")
    built = lab.build({**files, "Dockerfile": files["Dockerfile"].replace("a=b", "a=c")}, "x:1")
    assert [step.cache for step in built.steps] == ["", "HIT", "MISS"]
    table = built.steps.table()
    assert isinstance(table, pd.DataFrame) and repr(built.steps) == repr(table)
    assert list(table.columns) == ["STAGE", "LINE", "INSTRUCTION", "CACHE", "REASON", "SIZE", "IMAGE ID"]
    assert list(table.index) == [1, 2, 3] and list(table["CACHE"]) == ["", "HIT", "MISS"]
    assert table["REASON"][3] == "instruction changed: it was 'LABEL a=b'"
    assert table["SIZE"][2] == 5 and table["IMAGE ID"][3] == built.image.id
    times = built.steps.table(times=True)
    assert set(times.columns) - set(table.columns) == {"SECONDS"}
    assert (times["SECONDS"] >= 0).all()
    assert "2 steps after FROM, 1 from the cache" in repr(built) and "x:1" in repr(built)
    assert "2 steps after FROM" in "".join(html_of(built).itertext())
