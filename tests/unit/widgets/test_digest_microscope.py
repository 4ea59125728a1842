"""The digest microscope: what it shows is what the engine makes, at once, in words, and with errors told."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from imagelab import Changes, Entry, Lab, LabError
from imagelab.analysis import docker_stores
from imagelab.oci import mutate
from imagelab.widgets import DigestMicroscope
from imagelab.widgets.base import SEEN_WITH
from imagelab.widgets.digest_changes import KINDS, byte_text, parse_byte


@pytest.fixture
def image(lab):
    image = lab.append(None, {"etc/motd": "hi\n"}, created_by="COPY rootfs /")
    image = lab.append(image, {"app/prices.csv": "tea,3\nsoup,4\n"}, created_by="COPY . /app")
    image = lab.append(image, {"notes.txt": "x"}, created_by="COPY notes.txt /")
    lab.tag(image.with_config("ENV PORT=8080", Env=["PATH=/bin", "PORT=8080"]), "shop:1.0")
    return lab.image("shop:1.0")


@pytest.fixture
def microscope(image):
    return DigestMicroscope(image, "app/prices.csv", 11)


def tables(html):
    page = ElementTree.fromstring(f"<div>{html}</div>")
    found = []
    for table in page.iter("table"):
        rows = [["".join(cell.itertext()) for cell in row.iter("td")] for row in table.iter("tr")]
        found.append([row for row in rows if row])
    return found


def names(microscope):
    """What the page says of each name: (sign and word, before, after)."""
    return {row[0]: tuple(row[1:4]) for row in tables(microscope.page.value)[0]}


def moved(microscope):
    return [name for name, row in names(microscope).items() if row[0] == "≠ changed"]


def test_it_begins_with_the_byte_it_is_given(image, microscope):
    other = mutate.byte(image, mutate.find(image, "app/prices.csv"), 11, ord("5"))
    shown = names(microscope)
    assert shown["image ID"] == ("≠ changed", image.id.short, other.id.short)
    assert shown["layer 2 diffID"] == ("≠ changed", image.diff_ids[1].short, other.diff_ids[1].short)
    assert shown["layer 3 diffID"] == ("= same", image.diff_ids[2].short, "")
    assert moved(microscope) == [
        "digest of app/prices.csv", "layer 2 diffID", "layer 2 digest", "layer 2 chainID", "layer 3 chainID",
        "image ID", "image digest",
    ]  # fmt: skip
    assert "Byte 11 of app/prices.csv, in layer 2: '4' becomes '5'." in microscope.page.value.replace("&#x27;", "'")
    assert "7 of 12 names changed, 5 stayed." in microscope.page.value


def test_every_value_on_the_page_is_one_the_engine_computed(image, microscope):
    """Whatever is changed to whatever, each name shown is that of the image made so."""
    place = mutate.find(image, "app/prices.csv")
    for at, text in ((0, "T"), (12, "\\x00"), (5, "\\n"), (4, " ")):
        microscope.at.value, microscope.becomes.value = at, text
        other = mutate.byte(image, place, at, parse_byte(text))
        expected = {row.name: row.new.short for row in mutate.compare(image, other, place)}
        assert {name: row[2] or row[1] for name, row in names(microscope).items()} == expected


def test_each_kind_of_change_reaches_its_own_names(microscope):
    microscope.kind.value = "mode"
    assert microscope.becomes.value == "0755"
    assert names(microscope)["digest of app/prices.csv"][0] == "= same" and "layer 2 diffID" in moved(microscope)
    microscope.kind.value = "field"
    assert (microscope.what.value, microscope.becomes.value) == ("config.Env[1]", "PORT=8081")
    assert moved(microscope) == ["image ID", "image digest"]
    microscope.kind.value = "gzip"
    assert moved(microscope) == ["layer 1 digest", "layer 2 digest", "layer 3 digest", "image digest"]
    microscope.kind.value = "tag"
    assert moved(microscope) == [] and "No name changed." in microscope.page.value
    microscope.kind.value = "byte"
    assert microscope.what.value.path == "app/prices.csv" and "layer 2 diffID" in moved(microscope)


def test_only_the_controls_that_mean_something_are_there(microscope):
    seen = {}
    for kind in KINDS:
        microscope.kind.value = kind
        controls = (microscope.what, microscope.at, microscope.becomes)
        seen[kind] = [control.description for control in controls if control.layout.display != "none"]
    assert seen == {
        "byte": ["Which", "Byte no.", "Becomes"], "mode": ["Which", "Becomes"], "field": ["Which", "Becomes"],
        "gzip": [], "tag": [],
    }  # fmt: skip


def test_another_file_has_other_bytes_to_choose_from(microscope):
    microscope.what.value = next(place for _, place in microscope.what.options if place.path == "etc/motd")
    assert (microscope.at.max, microscope.at.value) == (2, 2)
    assert microscope.becomes.value == "\\x0b" and "layer 1 diffID" in moved(microscope)
    microscope.at.value = 0
    assert microscope.becomes.value == "i"


def test_a_byte_that_stays_what_it_was_is_the_same_image(microscope):
    microscope.becomes.value = "4"
    assert moved(microscope) == [] and "it is the same image" in microscope.page.value


def test_the_store_switch_shows_another_id_and_size(image, microscope):
    assert list(SEEN_WITH) == list(docker_stores.STORES) == [value for _, value in microscope.store.options]
    _, store = tables(microscope.page.value)
    assert store[0][:4] == ["before", "", image.id.short, "17B"]
    microscope.store.value = "29"
    _, store = tables(microscope.page.value)
    assert store[0][2] == image.digest.short and f"{docker_stores.content_size(image):,} bytes of blobs" in store[0][4]
    microscope.kind.value = "gzip"
    assert tables(microscope.page.value)[1][1][1] == "≠ changed"
    microscope.store.value = "20-28"
    assert tables(microscope.page.value)[1][1][1] == "= same", "the classic store does not see the compression"


@pytest.mark.parametrize(
    ("kind", "text", "words"),
    [
        ("byte", "57", "is not one byte"), ("byte", "", "is not one byte"), ("byte", "é", "is not one byte"),
        ("byte", "\\xz1", "is not one byte"), ("mode", "0999", "is not a mode"), ("mode", "rwx", "is not a mode"),
        ("field", "\udcff", "not valid Unicode"),
    ],
)  # fmt: skip
def test_an_error_is_told_in_words_and_the_next_change_works(microscope, kind, text, words):
    microscope.kind.value = kind
    good = microscope.becomes.value
    microscope.becomes.value = text
    assert 'role="alert"' in microscope.page.value and words in microscope.page.value
    microscope.becomes.value = good
    assert "names changed" in microscope.page.value


@pytest.mark.parametrize(
    ("path", "at", "words"), [("nothing", 0, "no such file"), ("app/prices.csv", 13, "no byte 13")]
)
def test_a_place_that_is_not_there_is_refused(image, path, at, words):
    with pytest.raises(LabError, match=words):
        DigestMicroscope(image, path, at)


def test_it_writes_nothing_into_the_lab_and_moves_no_other(lab, image, microscope):
    before = sorted(lab.store.blobs), len(lab.images(True))
    other = DigestMicroscope(image)
    for kind in KINDS:
        microscope.kind.value = kind
    assert (sorted(lab.store.blobs), len(lab.images(True))) == before
    assert other.kind.value == "byte"


def test_a_large_image_stays_short(lab):
    """2,000 files and 30 layers: a list that says what it leaves out, a page that does too."""
    image = lab.append(None, {f"usr/f{number:04}": f"{number}" * 50 for number in range(2000)})
    for number in range(29):
        image = image.append({f"new{number}": "x"})
    microscope = DigestMicroscope(image)
    microscope.at.value = 1
    assert len(microscope.what.options) == 500 and "leaves out 1,529 more files" in microscope.page.value
    assert len(microscope.page.value) < 40_000
    changed, all_names = 1 + 3 + 29 + 2, 1 + 30 * 3 + 2
    assert f"{changed} of {all_names} names changed" in microscope.page.value
    left_out = re.search(r"Left out: (\d+) names, (\d+) of them changed", microscope.page.value)
    assert int(left_out[1]) + len(names(microscope)) == all_names
    assert int(left_out[2]) + len(moved(microscope)) == changed
    assert len(DigestMicroscope(image, "new28").what.options) == 501, "the file asked for is on the list"


def test_colour_is_never_alone(microscope):
    for row in re.findall(r"<tr>.*?</tr>", microscope.page.value, flags=re.S):
        assert ("background:#" in row) == ("≠ changed" in row)
        assert row.count("background:#") == row.count(";color:#")


def test_without_a_kernel_every_kind_of_change_can_be_read(microscope):
    bundle = microscope._repr_mimebundle_()
    assert bundle["text/html"].count("<summary>Change ") == len(KINDS) and "<img alt=" in bundle["text/html"]
    assert bundle["text/html"].count("<details open") == 1
    assert bundle["text/html"].count("docker images, with Docker 29 (containerd store)") == len(KINDS)
    assert "Change the mode of a file. The mode of app/prices.csv, in layer 2: '0644' becomes '0755'." in (
        bundle["text/plain"]
    )
    assert "application/vnd.jupyter.widget-view+json" in bundle


def test_an_image_with_no_layer_still_has_a_config(lab):
    microscope = DigestMicroscope(lab.scratch)
    assert "No layer of this image has a file" in microscope.page.value
    assert microscope.what.disabled and microscope.at.disabled
    microscope.kind.value = "field"
    assert moved(microscope) == ["image ID", "image digest"]
    microscope.kind.value = "gzip"
    assert "No name changed." in microscope.page.value


def test_damage_is_told_in_words(lab, image):
    lab.store.blobs.path(image.diff_ids[1]).unlink()
    microscope = DigestMicroscope(Lab(lab.home).image("shop:1.0"))
    assert "cannot be read" in microscope.page.value and "not in the store" in microscope.page.value
    assert "not in the store" in repr(microscope) and "not in the store" in microscope._repr_mimebundle_()["text/html"]


def test_names_from_an_image_are_only_shown(lab):
    files = {"<img src=x>": Entry.file(b"<b>\x1b"), "\x1b[1m\udcff": Entry.file(b"1")}
    image = lab.append(None, Changes(files)).with_config(None, Labels={"<i>": "<script>"})
    microscope = DigestMicroscope(image)
    for kind in KINDS:
        microscope.kind.value = kind
        page = ElementTree.fromstring(f"<div>{microscope.page.value}</div>")
        assert not [tag for tag in ("img", "script", "i") if list(page.iter(tag))]
        microscope.page.value.encode()
    microscope._repr_mimebundle_()["text/html"].encode()


def test_a_byte_is_written_and_read_back():
    for value in range(256):
        assert parse_byte(byte_text(value)) == value
