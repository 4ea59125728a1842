"""Conditions on names: each tells true from false and says what it saw."""

from __future__ import annotations

import pytest

from imagelab.lesson.goals.digests import Differs, Intact, SameBytes
from imagelab.oci import mutate


@pytest.fixture
def shop(lab):
    image = lab.append(None, {"menu.txt": "soup 4\n"}, "menu:1")
    lab.tag(image.with_config(Labels={"a": "b"}), "label:1")
    lab.tag(lab.add(mutate.mode(image, mutate.find(image, "menu.txt"), 0o600)), "mode:1")
    lab.tag(lab.add(mutate.byte(image, mutate.find(image, "menu.txt"), 0, 0)), "byte:1")
    lab.tag(lab.add(lab.scratch), "empty:1")
    return lab


def holds(condition, lab):
    return condition.check(lab).holds


def test_differs(shop):
    assert holds(Differs.of("label:1", "menu:1", "image ID", shop), shop)
    assert not holds(Differs.of("label:1", "menu:1", "diffID of its first layer", shop), shop)
    assert holds(Differs.of("mode:1", "menu:1", "diffID of its first layer", shop), shop)
    assert holds(Differs.of("empty:1", "menu:1", "diffID of its first layer", shop), shop)
    assert not holds(Differs.of("menu:1", "menu:1", "image ID", shop), shop)
    seen = Differs.of("label:1", "menu:1", "image ID", shop).check(shop)
    assert shop.image("menu:1").id.short in seen.actual and shop.image("label:1").id.short in seen.actual


def test_same_bytes(shop):
    def same(name):
        return SameBytes.of(name, "menu:1", "menu.txt", shop)

    assert holds(same("mode:1"), shop)
    assert not holds(same("byte:1"), shop)
    assert same("empty:1").check(shop).actual == "it shows no file `menu.txt`"
    assert same("none:1").check(shop).actual == "there is no image called none:1"
    condition = same("mode:1")
    shop.tag("byte:1", "menu:1")
    assert holds(condition, shop), "the bytes are those that menu:1 had when the condition was made"


def test_whole(shop):
    assert holds(Intact("menu:1"), shop)
    layer = shop.image("menu:1").layers[0]
    path = shop.store.blobs.path(layer.digest)
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    seen = Intact("label:1").check(shop)
    assert not seen.holds and layer.digest.short in seen.actual
    assert holds(Intact("mode:1"), shop), "another image's damage is not its own"
