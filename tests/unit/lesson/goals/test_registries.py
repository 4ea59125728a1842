"""Conditions on a registry: each looks at what the registry has, whatever the lab has, and says what it saw."""

from __future__ import annotations

from random import Random

import pytest

from imagelab.lesson.goals import picture
from imagelab.lesson.goals.builds import InNoLayer
from imagelab.lesson.goals.files import FileText
from imagelab.lesson.goals.goal import PointsTo
from imagelab.lesson.goals.registries import Fetches, Published, published

ONE, TWO = "registry.test/shop:1.0", "registry.test/shop:2.0"


@pytest.fixture
def registry(lab):
    with lab.registry(name="registry.test") as running:
        lab.append(None, {"photo": Random(7).randbytes(10_000), "key.txt": "k"}, ONE)
        lab.push(ONE)
        yield running


def test_it_is_the_image_that_was_pushed(lab, registry):
    image, here = published(registry.images, ONE), lab.image(ONE)
    assert (image.id, image.diff_ids) == (here.id, here.diff_ids)
    assert image.digest == registry.tags()["shop"]["1.0"] and image.read("key.txt") == b"k"


def test_what_the_lab_has_does_not_count(lab, registry):
    condition = Published.of(FileText(ONE, "menu.txt", "soup", "the menu"), registry.images)
    assert not condition.check(lab).holds
    lab.append(None, {"menu.txt": "soup\n"}, ONE)
    assert not condition.check(lab).holds, "not pushed yet"
    lab.push(ONE)
    assert condition.check(lab).holds and condition.sentence.startswith("in the registry shows a file `menu.txt`")
    lab.rmi(ONE)
    assert condition.check(lab).holds


def test_a_tag_that_is_not_there_is_said_so(lab, registry):
    condition = Published.of(InNoLayer(TWO, "key.txt", b"k"), registry.images)
    assert condition.look(lab).actual == f"the registry has no {TWO}"
    lab.tag(ONE, TWO)
    lab.push(TWO)
    assert condition.look(lab).actual == "layer 1 holds it"


def test_a_damaged_registry_is_said_so(lab, registry):
    condition = Published.of(PointsTo(ONE, registry.tags()["shop"]["1.0"], "the first image"), registry.images)
    assert condition.check(lab).holds
    registry.images.blob(lab.image(ONE).id).unlink()
    assert condition.look(lab).lines == ("cannot be read",)


def test_fetches_counts_what_the_other_has_not(lab, registry):
    condition = Fetches.of(TWO, ONE, registry.images, 2_000)
    lab.append(ONE, {"menu.txt": "soup"}, TWO)
    transfer = lab.push(TWO)
    sent = sum(blob.size for blob in transfer.blobs if blob.verdict == "sent")
    assert condition.check(lab).holds
    assert condition.look(lab).actual == f"it costs {sent:,} bytes: 1 of its 2 layers are new"
    lab.tag(lab.image(TWO).flatten(), TWO)
    lab.push(TWO)
    assert not condition.check(lab).holds


def test_its_picture_says_where_the_tag_is(lab, registry):
    conditions = [Published.of(FileText(TWO, "menu.txt", "soup", "the menu"), registry.images)]
    assert "tag in the registry" in picture.draw(conditions).svg
    assert "not in the registry" in picture.draw(conditions, lab).svg
    lab.append(None, {"menu.txt": "soup"}, TWO)
    lab.push(TWO)
    assert lab.image(TWO).id.short in picture.draw(conditions, lab).svg
