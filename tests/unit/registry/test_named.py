"""A registry of a notebook by a name of its own: every lab of the process reaches it, whatever its port is."""

from __future__ import annotations

import pytest

from imagelab import Lab, LabError
from imagelab.errors import Conflict, Invalid
from imagelab.registry.connection import hosts


@pytest.fixture
def shop(lab):
    with lab.registry(name="registry.test") as registry:
        lab.append(None, {"menu.txt": "soup 4\n"}, "registry.test/shop:1.0")
        lab.push("registry.test/shop:1.0")
        yield registry


def test_a_name_leads_to_the_port_that_is_free(lab, shop):
    assert (shop.name, shop.address) == ("registry.test", f"127.0.0.1:{shop.port}")
    other = Lab.temporary(epoch=0, current=False)
    assert other.pull("registry.test/shop:1.0").image.id == lab.image("registry.test/shop:1.0").id
    assert other.pull(f"{shop.address}/shop:1.0").image.id == other.image("registry.test/shop:1.0").id


def test_it_says_what_it_holds(lab, shop):
    digest = shop.tags()["shop"]["1.0"]
    assert shop.tags() == {"shop": {"1.0": digest}}
    assert digest in shop.blobs() and lab.image("registry.test/shop:1.0").id in shop.blobs()
    assert shop.blobs()[digest] == len(shop.images.repository("shop").read(digest))
    assert len(shop.blobs()) == 3
    assert repr(shop) == "<Registry registry.test>"


def test_the_same_one_is_given_again_and_another_name_is_refused(lab, shop):
    assert lab.registry() is lab.registry(name="registry.test") is shop
    with pytest.raises(Conflict, match=r"runs already on 127\.0\.0\.1"):
        lab.registry(name="other.test")


def test_closed_it_has_its_name_no_longer(lab, shop):
    shop.close()
    assert hosts.name_of(shop.folder) == ""
    with pytest.raises(LabError, match=r"registry\.test"):
        lab.pull("registry.test/shop:1.0")


def test_of_two_with_one_name_a_lab_means_its_own_and_others_the_newer_one(lab, shop):
    second, third = (Lab.temporary(epoch=0, current=False) for _ in range(2))
    with second.registry(name="registry.test") as newer:
        second.append(None, {"menu.txt": "soup 5\n"}, "registry.test/shop:1.0")
        second.push("registry.test/shop:1.0")
        assert lab.pull("registry.test/shop:1.0").image.read("menu.txt") == b"soup 4\n"
        assert second.pull("registry.test/shop:1.0").image.read("menu.txt") == b"soup 5\n"
        assert third.pull("registry.test/shop:1.0").image.read("menu.txt") == b"soup 5\n"
        assert newer.address != shop.address
    assert third.pull("registry.test/shop:1.0").image.read("menu.txt") == b"soup 4\n"


@pytest.mark.parametrize("name", ["registry", "Registry.test", "a_b.test", "reg.test:5000", f"{'a' * 70}.test", "."])
def test_a_name_that_no_image_could_have_is_refused(lab, name):
    with pytest.raises(Invalid, match="expected a host name with a dot"):
        lab.registry(name=name)
    assert lab.registry(name="registry.test").running, "and the folder is free again"
