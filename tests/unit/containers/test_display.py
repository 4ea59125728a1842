"""The notebook face of containers: tables with docker's columns, and a page that says the same each time."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from imagelab import Lab
from imagelab.containers.record import State
from unit.containers.conftest import LOOP, started


@pytest.fixture
def lab(tmp_path):
    made = Lab(tmp_path / "home", epoch=0)
    yield made
    for one in made.containers():
        one.remove(force=True)


@pytest.fixture
def shop(lab):
    image = lab.append(lab.base(), {"srv/menu": "soup 4\n", "srv/old": "x"}).with_config(Cmd=["sh", "-c", LOOP])
    lab.tag(image, "shop:1.0")
    return image


def test_the_table_has_docker_s_columns_and_whole_values(lab, shop):
    one, two = started(lab, "shop:1.0", name="one"), lab.create("shop:1.0", name="two")
    one.exec("sh", "-c", "echo more >> /srv/menu")
    table = lab.containers().table()
    assert list(table.columns) == ["CONTAINER ID", "IMAGE", "COMMAND", "STATE", "EXIT CODE", "SIZE", "NAMES"]
    assert list(table["CONTAINER ID"]) == [two.id, one.id]
    assert list(table["SIZE"]) == [0, 12]
    assert list(table["STATE"]) == ["created", "running"]
    assert re.search(rf"^{one.short}   shop:1.0   \"sh -c 'echo up; whi…\"   running .* 12B    one$", repr(table), re.M)
    assert list(lab.containers(all=False).table()["NAMES"]) == ["one"]
    one.kill()
    assert lab.containers().table()["EXIT CODE"][1] == 137


def test_times_are_shown_when_asked_for(lab, shop):
    started(lab, "shop:1.0", name="one").kill()
    [row] = lab.containers().table(times=True).to_dict("records")
    assert row["CREATED"].timestamp() == 0 and row["STARTED"] <= row["ENDED"]
    assert not re.search(r"20\d\d-", repr(lab.containers().table()))


def test_the_image_is_its_name_until_that_leads_elsewhere(lab, shop):
    one = lab.create("shop:1.0", name="one")
    assert one.image_called() == "shop:1.0"
    lab.append("shop:1.0", {"x": "1"}, "shop:1.0")
    assert lab.containers().table()["IMAGE"][0] == one.image_called() == shop.id.short


def test_diff_is_a_table(lab, shop):
    one = started(lab, "shop:1.0", name="one")
    one.exec("sh", "-c", "echo more >> /srv/menu; rm /srv/old; mkdir /new; echo hi > /new/file")
    assert one.diff().table().values.tolist() == [
        ["A", "/new", "dir", 0], ["A", "/new/file", "file", 3], ["C", "/srv", "dir", 0],
        ["C", "/srv/menu", "file", 12], ["D", "/srv/old", "file", 0],
    ]  # fmt: skip
    assert [tuple(row[:2]) for row in one.diff().table().values.tolist()] == one.diff()


def test_the_page_says_the_same_each_time(lab, shop):
    one = started(lab, "shop:1.0", name="one")
    printed = one._repr_html_()
    for words in (one.id, "shop:1.0", shop.id.short, "running", "0 paths"):
        assert words in printed
    assert str(one.pid) not in re.sub(r"[0-9a-f]{64}", "", printed) and not re.search(r"20\d\d-", printed)
    one.kill()
    assert "its program ended with exit code 137" in one._repr_html_()
    one.remove()
    assert "removed" in one._repr_html_()


def test_a_damaged_one_is_told_in_words(lab, shop):
    one = lab.create("shop:1.0", name="one")
    (one.root.parent / "state.json").write_text("{")
    assert "is damaged" in one._repr_html_() and "dead" in one._repr_html_()


def test_names_in_it_are_only_text(lab, shop):
    one = lab.create("shop:1.0", "<b>bold</b>", name="one")
    assert "<b>bold" not in one._repr_html_() + lab.containers().table()._repr_html_()


def test_a_lab_shows_its_containers_and_a_state_its_fields(lab, shop):
    assert "Containers" not in lab._repr_html_()
    lab.create("shop:1.0", name="one")
    assert "Containers" in lab._repr_html_() and "created" in lab._repr_html_()
    assert "exit_code" in State()._repr_html_()


def test_no_container_is_imported_before_one_is_asked_for():
    code = "import imagelab, sys; imagelab.Lab; print('imagelab.containers.container' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "False\n", done.stderr


def test_the_image_is_called_as_docker_ps_calls_it(lab, shop):
    """As Docker 20.10 prints it for `docker create NAME`, without and with --no-trunc."""
    pinned = f"shop@{shop.digest}"
    forms = {
        "shop:1.0": ("shop:1.0", "shop:1.0"),
        "docker.io/library/shop:1.0": ("shop:1.0", "docker.io/library/shop:1.0"),
        shop.id: (shop.id.short, shop.id),
        shop.id.hex[:30]: (shop.id.short, shop.id.hex[:30]),
        shop.id.hex[:5]: (shop.id.hex[:5], shop.id.hex[:5]),
        pinned: ("shop", pinned),
    }
    for asked, shown in forms.items():
        one = lab.create(asked, "true")
        assert (one.image_called(), one.image_called(trunc=False)) == shown


def test_mounts_and_volumes_show_what_they_are(lab, shop):
    one = lab.create(shop, volumes=["data:/d:ro"], tmpfs=["/t"])
    assert all(text in one._repr_html_() for text in ("/d", "volume data", "/t", "tmpfs"))
    assert "/d" in one.spec.mounts[0]._repr_html_()
    assert "data" in lab.volume("data")._repr_html_()
    assert list(lab.volumes().table().columns) == ["DRIVER", "VOLUME NAME"]
    (row,) = lab.volumes().table(sizes=True).itertuples(index=False, name=None)
    assert row == ("local", "data", 1, 0)
