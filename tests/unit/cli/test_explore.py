"""`layers`, `tree`, `waste`, `cat`, `diff-images`, `verify` and `system df`."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from imagelab import Changes, Entry
from imagelab.oci.image import Image


@pytest.fixture
def two(lab):
    """one: a/x and b; two: one with a/x changed, a/y added, b removed, and a link."""
    one = lab.append(None, {"a/x": "1", "b": "bb"}, tag="one", created_by="COPY . /")
    changes = {"a/x": Entry.file(b"22", 0o4755, uid=5, gid=6), "a/y": "", "b": None, "link": Entry.symlink("a/x")}
    return one, lab.append(one, changes, tag="two", created_by="RUN a\tb\nc")


def test_layers(cli, two):
    image = two[1]
    printed = cli("layers", "two").ok
    lines = printed.splitlines()
    assert lines[0] == "LAYER     DIFF ID        DIGEST         CHAIN ID       BLOB SIZE   SIZE      CREATED BY"
    for number, layer in enumerate(image.layers):
        shown = lines[1 + number].split()
        assert shown[:4] == [str(number + 1), layer.diff_id.short, layer.digest.short, image.chain_ids[number].short]
    assert lines[2].endswith("2B        RUN a b c")
    assert printed.endswith(f"\n\nimage ID:      {image.id}\nimage digest:  {image.digest}\n")
    whole = cli("layers", "--no-trunc", "two").ok
    assert all(str(i) in whole for i in (*image.diff_ids, *image.chain_ids, image.layers[1].media_type))
    printed = cli("layers", "two", "--format", "{{.Layer}} {{.ChainID}}").ok
    assert printed.splitlines()[1] == f"2 {image.chain_ids[1].short}"


def test_layers_of_an_image_without_history(cli, lab):
    from imagelab.oci.manifest import dump, manifest_for

    layer = lab.append(None, {"a": "b"}).layers[0]
    config = dump({"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": [layer.diff_id]}})
    lab.tag(lab.add(Image(manifest_for(config, [layer.descriptor]), lab.store, config)), "mute")
    assert cli("layers", "mute").ok.splitlines()[1].split()[0] == "1"
    assert cli("history", "mute").rows == [], "docker lists records of the history, and there is none"


def test_tree(cli, two):
    assert cli("tree", "two").ok == (
        "LAYER     MODE         OWNER     SIZE      PATH\n"
        f"{two[1].origin()['a'] + 1}         drwxr-xr-x   0:0       0B        a\n"
        "2         -rwsr-xr-x   5:6       2B        a/x\n"
        "2         -rw-r--r--   0:0       0B        a/y\n"
        "2         lrwxrwxrwx   0:0       0B        link -> a/x\n"
    )
    assert cli("tree", "one").ok.splitlines()[3] == "1         -rw-r--r--   0:0       2B        b"


def test_tree_for_programs(cli, two):
    found = json.loads(cli("tree", "--json", "two").ok)
    assert found[1:] == [
        {"path": "a/x", "kind": "file", "mode": 0o4755, "uid": 5, "gid": 6, "size": 2, "link": "", "layer": 1},
        {"path": "a/y", "kind": "file", "mode": 0o644, "uid": 0, "gid": 0, "size": 0, "link": "", "layer": 1},
        {"path": "link", "kind": "symlink", "mode": 0o777, "uid": 0, "gid": 0, "size": 0, "link": "a/x", "layer": 1},
    ]
    assert [entry["layer"] for entry in json.loads(cli("tree", "--json", "one").ok)] == [0, 0, 0]


def test_a_name_cannot_look_like_another_line(cli, lab):
    lab.append(None, {"a\n1         -rw-r--r--   0:0       2B        b": "", "t\tab": ""}, tag="sly")
    assert cli("tree", "sly").ok.count("\n") == 3
    assert "t\\x09ab" in cli("tree", "sly").ok
    assert len(json.loads(cli("tree", "--json", "sly").ok)) == 2


def test_waste(cli, two, lab):
    assert cli("waste", "two").ok == (
        "WASTED    BYTES IN ALL   SMALLEST   LAYERS    PATH\n"
        "2B        3B             1B         1,2       a/x\n"
        "2B        2B             0B         1,2       b\n"
        "\n"
        "image size:   5B\nmerged size:  2B\nwasted:       4B\nefficiency:   20.0%\n"
    )
    lab.append(two[1], {"b": "3"}, tag="three")
    assert cli("waste", "three").ok.splitlines()[1] == "3B        3B             0B         1,2,3     b"
    assert cli("waste", "one").ok == "image size:   3B\nmerged size:  3B\nwasted:       0B\nefficiency:   100.0%\n"
    result = cli("waste", "nosuch")
    assert result.code == 1 and result.err.startswith("Error: ") and result.err.count("\n") == 1


def test_waste_for_programs(cli, two):
    assert json.loads(cli("waste", "two", "--json").ok) == {
        "size": 5, "visible": 2, "hidden": 3, "wasted": 4, "efficiency": 0.2,
        "paths": [
            {"path": "a/x", "layers": [0, 1], "sizes": [1, 2], "visible": 2, "wasted": 2},
            {"path": "b", "layers": [0, 1], "sizes": [2, 0], "visible": 0, "wasted": 2},
        ],
    }  # fmt: skip


def test_cat(home, cli, two, lab):
    lab.append(None, {"bin": b"\0\xff\x1b"}, tag="binary")
    program = [sys.executable, "-m", "imagelab", "--home", str(home), "cat"]
    assert subprocess.run([*program, "binary", "/bin"], capture_output=True, check=True).stdout == b"\0\xff\x1b"
    assert cli("cat", "two", "link", notebook=True).ok == "22"
    result = cli("cat", "binary", "bin", notebook=True)
    assert (result.code, result.out) == (1, "")
    assert result.err == "Error: 'bin' is not text: redirect its 3 bytes to a file\n"
    for path in ("nosuch", "a", "../../etc/passwd"):
        result = cli("cat", "two", path)
        assert result.code == 1 and result.err.startswith("Error: ") and result.err.count("\n") == 1


def test_diff_images(cli, two):
    assert cli("diff-images", "one", "two").ok == "C /a\nC /a/x\nA /a/y\nD /b\nA /link\n"
    assert cli("diff-images", "two", "one").ok == "C /a\nC /a/x\nD /a/y\nA /b\nD /link\n"
    assert cli("diff-images", "one", "one").ok == ""
    assert cli("diff-images", "one", "nosuch").code == 1


def test_diff_images_tells_a_deleted_folder_once(cli, lab):
    before = lab.append(None, {"d/e/f": "", "d/g": ""}, tag="before")
    lab.append(before, Changes(removed=frozenset(["d"])), tag="after")
    assert cli("diff-images", "before", "after").ok == "D /d\n"


def test_verify(cli, two, home):
    count = len(list((home / "blobs" / "sha256").iterdir()))
    assert cli("verify").ok == f"All {count} blobs hold what their names say\n"
    path = home / "blobs" / "sha256" / two[0].layers[0].digest.hex
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    result = cli("verify")
    assert result.code == 1
    assert result.out.startswith(f"{two[0].layers[0].digest}: ")
    assert "one:latest" in result.out and result.err == "Error: 1 of the store's blobs are damaged or missing\n"


def test_df(cli, two):
    assert cli("system", "df").ok == (
        "TYPE            TOTAL     ACTIVE    SIZE      RECLAIMABLE\n"
        "Images          2         0         5B        5B (100%)\n"
        "Containers      0         0         0B        0B\n"
        "Local Volumes   0         0         0B        0B\n"
        "Build Cache     0         0         0B        0B\n"
    )
    printed = cli("system", "df", "--format", "{{.Type}} {{.TotalCount}} {{.Active}} {{.Size}} {{.Reclaimable}}").ok
    assert printed.splitlines()[0] == "Images 2 0 5B 5B (100%)"
    assert json.loads(cli("system", "df", "--format", "json").ok.splitlines()[0]) == {
        "Active": "0", "Reclaimable": "5B (100%)", "Size": "5B", "TotalCount": "2", "Type": "Images",
    }  # fmt: skip


def test_df_of_nothing(cli, lab):
    assert cli("system", "df").rows[0] == ["Images", "0", "0", "0B", "0B"]


def test_df_verbose(cli, two):
    said = cli("system", "df", "-v").ok
    one, both = (image.id.short for image in two)
    assert said.startswith(
        "Images space usage:\n\n"
        "REPOSITORY   TAG       IMAGE ID       CREATED      SIZE      SHARED SIZE   UNIQUE SIZE   CONTAINERS\n"
    )
    assert f"one          latest    {one}   3 days ago   3B        3B            0B            0\n" in said
    assert f"two          latest    {both}   3 days ago   5B        3B            2B            0\n" in said
    assert said.endswith("CACHE ID   CACHE TYPE   SIZE      CREATED   LAST USED   USAGE     SHARED\n")
    found = json.loads(cli("system", "df", "-v", "--format", "{{json .Images}}").ok)
    assert {image["ID"]: image["UniqueSize"] for image in found} == {str(two[0].id): "0B", str(two[1].id): "2B"}
