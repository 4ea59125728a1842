"""`--as 29`: listings as Docker 29 prints them.

No Engine 29 runs here. The table of `docker images` is compared with the text that docker/cli's own test expects
(v29.7.2, cli/command/image/testdata/tree-command-success.width-calculation-untagged.golden); the IDs and sizes with
docker_stores, which tests/judges/test_two_stores.py compares with containerd; the rest follows moby's sources
(docker-v29.7.2).
"""

from __future__ import annotations

import io
import os

import pytest

from imagelab import units
from imagelab.analysis import docker_stores
from imagelab.cli import docker29
from imagelab.cli.command import DOCKERS, docker_version
from imagelab.oci import mutate

GOLDEN = """\
IMAGE        ID             DISK USAGE   CONTENT SIZE   EXTRA
a:1          111111111111       5.5 MB         2.5 MB        
<untagged>   222222222222       3.2 MB         1.6 MB        
short:v1     333333333333       7.1 MB         3.5 MB   U    
"""  # noqa: W291


@pytest.fixture
def shop(lab):
    """Two tags on one image, a container of it, a second image, and one that no tag points to any more."""
    image = lab.append(None, {"menu.txt": "soup 4\n"}, "shop:1.0", created_by="COPY menu.txt /")
    lab.tag(image, "shop:latest")
    lab.create("shop:1.0", "sh")
    lab.append(None, {"a": "1"}, "album:1.0")
    lab.append(None, {"a": "2"}, "album:1.0")
    return image


def test_the_table_is_docker_s():
    rows = [
        ("a:1", "1" * 12, "5.5 MB", "2.5 MB", ""),
        ("", "2" * 12, "3.2 MB", "1.6 MB", ""),
        ("short:v1", "3" * 12, "7.1 MB", "3.5 MB", "U"),
    ]
    assert docker29.images_table(rows) == GOLDEN
    assert docker29.images_table([]) == "IMAGE   ID             DISK USAGE   CONTENT SIZE   EXTRA\n"


def test_images_by_name_with_the_digests_of_their_manifests(cli, lab, shop):
    album = lab.image("album:1.0")
    rows = cli("--as", "29", "images").rows
    assert [row[:2] for row in rows] == [
        ["album:1.0", album.digest.short], ["shop:1.0", shop.digest.short], ["shop:latest", shop.digest.short],
    ]  # fmt: skip
    assert [row[4:] for row in rows] == [[], ["U"], ["U"]]
    content = len(shop.manifest_bytes) + len(shop.config_bytes) + 2048
    assert rows[1][2:4] == [units.size(content + 8192, 3), units.size(content, 3)], "two blocks: a folder and a file"
    assert cli("--as", "29", "image", "ls").ok == cli("--as", "29", "images").ok


def test_an_image_without_a_tag_is_hidden(cli, lab, shop):
    hidden = next(image for image in lab.images() if not image.names)
    assert hidden.id.short in cli("images").ok
    line = ["<untagged>", hidden.digest.short]
    assert line not in [row[:2] for row in cli("--as", "29", "images").rows]
    assert cli("--as", "29", "images", "-a").rows[-1][:2] == line
    assert [row[:2] for row in cli("--as", "29", "images", "-f", "dangling=true").rows] == [line]
    assert hidden.digest not in cli("--as", "29", "images", "--no-trunc").ok
    assert hidden.digest.short not in cli("--as", "29", "images", "-q").ok.split()


@pytest.mark.parametrize("flags", [["--no-trunc"], ["--digests"], ["--format", "table {{.Repository}}\t{{.ID}}"]])
def test_other_formats_keep_the_old_columns_with_the_new_ids(cli, shop, flags):
    head, *rows = cli("--as", "29", "images", *flags).ok.splitlines()
    assert head.startswith("REPOSITORY") and "IMAGE ID" in head
    assert all(shop.digest.short in row for row in rows if row.startswith("shop"))


def test_two_manifests_with_one_config_are_two_images(cli, lab, shop):
    packed = lab.add(mutate.compressed(shop))
    lab.tag(packed, "shop:packed")
    assert packed.id == shop.id and packed.digest != shop.digest
    assert len({row[2] for row in cli("images", "shop").rows}) == 1
    assert {row[1] for row in cli("--as", "29", "images", "shop").rows} == {shop.digest.short, packed.digest.short}


def test_history_knows_the_id_of_the_last_step_alone(cli, lab, shop):
    image = shop.append({"menu.txt": None}, "RUN rm /menu.txt").with_config("CMD sh", Cmd=["sh"])
    lab.tag(image, "shop:2.0")
    rows = cli("--as", "29", "history", "shop:2.0").rows
    assert [row[0] for row in rows] == [image.digest.short, "<missing>", "<missing>"]
    assert [row[3] for row in rows] == ["0B", "4.1kB", "8.19kB"], "the blocks that each layer takes on a disk"
    assert [row[0] for row in cli("history", "shop:2.0").rows] == [image.id.short, image.parent.id.short, shop.id.short]


def test_inspect_gives_the_digest_as_id(cli, shop):
    template = "{{.Id}} {{.Size}} {{index .RepoDigests 0}}"
    shown = cli("--as", "29", "inspect", "--format", template, "shop:1.0").ok.split()
    assert shown == [shop.digest, str(docker_stores.content_size(shop)), f"shop@{shop.digest}"]
    assert cli("inspect", "--format", "{{.Id}}", "shop:1.0").ok.strip() == shop.id


def test_what_it_shows_as_an_id_names_the_image(cli, lab, shop):
    cli("tag", shop.digest.short, "shop:found")
    assert lab.image("shop:found") == shop
    assert cli("inspect", shop.digest.short[:11]).code == 1


def test_rmi_prints_one_digest(cli, lab, shop):
    image = shop.append({"menu.txt": "soup 5\n"}, "COPY menu.txt /")
    lab.tag(image, "shop:2.0")
    lab.tag(image, "shop:two")
    assert cli("--as", "29", "rmi", "shop:two").ok == "Untagged: shop:two\n"
    assert cli("--as", "29", "rmi", "shop:2.0").ok == f"Untagged: shop:2.0\nDeleted: {image.digest}\n"
    assert cli("--as", "29", "rmi", "shop:2.0").err == "Error: No such image: shop:2.0\n"


def test_rmi_refuses_with_the_id_that_it_lists(cli, lab, shop):
    cli("--as", "29", "rmi", "shop:latest")
    refused = cli("--as", "29", "rmi", "shop:1.0")
    container = lab.containers()[0].short
    why = f"container {container} is using its referenced image {shop.digest.short}"
    assert refused.err == f"Error: conflict: unable to delete shop:1.0 (must be forced) - {why}\n"
    assert "(must force)" in cli("rmi", "shop:1.0").err, "the classic store's words"


def test_prune_names_the_digest_that_goes_and_counts_blobs_and_files(cli, lab, shop):
    hidden = next(image for image in lab.images() if not image.names)
    freed = docker_stores.content_size(hidden) + 2 * 4096
    refused = cli("--as", "29", "image", "prune", notebook=True)
    assert (refused.code, "add -f" in refused.err) == (1, True)
    assert cli("--as", "29", "image", "prune", "-f").ok == (
        f"Deleted Images:\nuntagged: {hidden.digest}\ndeleted: {hidden.digest}\n\n"
        f"Total reclaimed space: {units.size(freed)}\n"
    )
    assert cli("--as", "29", "image", "prune", "-f").ok == "Total reclaimed space: 0B\n"


def test_prune_all_lists_each_name_and_one_digest_for_each_image(cli, lab, shop):
    two = lab.append(shop, {"two": "2"}, "shop:2.0")
    lab.tag(two, "shop:two")
    lab.append(shop, {"three": "3"}, "shop:3.0")
    lab.create("shop:3.0", "sh")
    before = docker_stores.containerd_usage(lab.images()).size
    head, *lines, empty, last = cli("--as", "29", "image", "prune", "-a", "-f").ok.splitlines()
    assert (head, empty) == ("Deleted Images:", "")
    at = lines.index("untagged: shop:2.0")
    assert lines[at : at + 3] == ["untagged: shop:2.0", "untagged: shop:two", f"deleted: {two.digest}"]
    assert sum(line.startswith("deleted: ") for line in lines) == 3, "the two albums and shop:2.0"
    assert not any(shop.digest in line for line in lines), "a container was made from it"
    freed = before - docker_stores.containerd_usage(lab.images()).size
    assert last == f"Total reclaimed space: {units.size(freed)}" and freed > 0


def test_a_prune_that_is_not_agreed_to_says_nothing(cli, lab, shop, monkeypatch):
    for command in (["image", "prune"], ["container", "prune"]):
        monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
        assert cli("--as", "29", *command).ok.endswith("[y/N] ")
    assert len(lab.images()) == 3 and len(lab.containers()) == 1


def test_ps_gives_the_digest_once_the_name_has_moved(cli, lab, shop):
    format = ("--no-trunc", "--format", "{{.Image}}")
    assert cli("--as", "29", "ps", "-a", *format).ok == "shop:1.0\n"
    lab.tag("album:1.0", "shop:1.0")
    assert cli("--as", "29", "ps", "-a", *format).ok == f"{shop.digest}\n"
    assert cli("--as", "29", "ps", "-a").rows[0][1] == shop.digest.short
    assert cli("ps", "-a").rows[0][1] == shop.id.short
    template = "{{.Image}} {{.SizeRw}} {{.SizeRootFs}}"
    container = lab.containers()[0].short
    shown = cli("--as", "29", "container", "inspect", "--size", "--format", template, container).ok.split()
    assert shown == [shop.digest, "4096", str(4096 + 8192)]


def test_ps_names_the_digest_after_the_same_config_came_under_another_manifest(cli, lab, shop):
    lab.tag(lab.add(mutate.compressed(shop)), "shop:1.0")
    assert cli("ps", "-a").rows[0][1] == "shop:1.0", "the classic store sees the same image"
    assert cli("--as", "29", "ps", "-a").rows[0][1] == shop.digest.short


def test_a_writable_layer_takes_blocks(cli, lab, shop):
    size = ("ps", "-a", "--format", "{{.Size}}")
    assert cli(*size).ok == "0B (virtual 7B)\n"
    assert cli("--as", "29", *size).ok == "4.1kB (virtual 12.3kB)\n", "its root folder; the image's, and a file"


def test_system_df_counts_blobs_and_unpacked_files(cli, lab, shop):
    usage = docker_stores.containerd_usage(lab.images(), frozenset({shop.digest}))
    rows = cli("--as", "29", "system", "df").rows
    percent = usage.reclaimable * 100 // usage.size
    part = f"{units.size(usage.reclaimable)} ({percent}%)"
    assert rows[0] == ["Images", "3", "1", units.size(usage.size), part]
    assert rows[1] == ["Containers", "1", "0", "4.096kB", "4.096kB (100%)"]
    images = cli("--as", "29", "system", "df", "-v").ok.split("\n\n")[1].splitlines()[1:]
    line = next(line for line in images if line.startswith("shop"))
    assert [shop.digest.short in line, line.split()[-1]] == [True, "1"]
    assert units.size(docker_stores.containerd(shop).size) in line
    assert any(line.startswith("<none>") for line in images)


def test_rm_refuses_in_the_words_of_29(cli, web):
    refused = cli("--as", "29", "rm", "web")
    why = "container is running: stop the container before removing or force remove"
    assert (refused.code, refused.err) == (1, f'Error: cannot remove container "web": {why}\n')
    assert "You cannot remove a running container" in cli("rm", "web").err
    assert cli("--as", "29", "rm", "nosuch").err == "Error: No such container: nosuch\n"


def test_what_makes_an_image_prints_the_id_that_is_listed(cli, lab, shop, tmp_path):
    def listed(name):
        return cli("--as", "29", "images", "--no-trunc", "-q", name).ok.strip()

    folder = tmp_path / "context"
    folder.mkdir()
    (folder / "Dockerfile").write_text("FROM scratch\nCOPY Dockerfile /\n")
    assert cli("--as", "29", "build", "-q", "-t", "made:1", folder).ok.strip() == listed("made:1")
    assert cli("--as", "29", "build", "-t", "made:1", folder).out.splitlines()[0].split()[-1] in listed("made:1")
    assert cli("--as", "29", "commit", lab.containers()[0].short, "made:2").ok.strip() == listed("made:2")
    cli("save", "-o", tmp_path / "shop.tar", "shop:1.0")
    cli("export", "-o", tmp_path / "files.tar", lab.containers()[0].short)
    assert cli("--as", "29", "import", tmp_path / "files.tar", "made:3").ok.strip() == listed("made:3")
    assert cli("--as", "29", "append", "-t", "made:4", "shop:1.0", folder).ok.strip() == listed("made:4")


def test_the_tag_log_has_the_ids_that_are_listed(cli, lab, shop):
    lab.tag("album:1.0", "shop:1.0")
    album = lab.image("album:1.0")
    assert cli("--as", "29", "tag-log", "shop:1.0").rows[0][2:4] == [shop.digest.short, album.digest.short]
    assert cli("--as", "29", "tag-undo", "shop:1.0").ok == f"shop:1.0: {album.digest.short} -> {shop.digest.short}\n"
    assert cli("tag-log", "shop:1.0").rows[0][3] == shop.id.short


def test_a_notebook_stays_with_the_version_that_is_chosen(cli, shop, monkeypatch):
    monkeypatch.delenv("IMAGELAB_DOCKER", raising=False)
    monkeypatch.setenv("IMAGELAB_DOCKER", "")  # so that it is put back
    old, new = cli("images").ok, cli("--as", "29", "images").ok
    assert old != new
    assert cli("--as", "29", notebook=True).ok == (
        "%docker prints as Docker 29 (containerd store) from here on. Back: %docker --as 20-28\n"
    )
    assert cli("images", notebook=True).ok == cli("images").ok == new
    assert cli("--as", "20-28", "images").ok == old
    assert cli("--as", "28", notebook=True).ok == (
        "%docker prints as Docker 20-28 (classic store) from here on. Back: %docker --as 29\n"
    )
    assert cli("images").ok == old


def test_a_shell_is_told_how(cli, monkeypatch):
    monkeypatch.setenv("IMAGELAB_DOCKER", "20-28")
    assert "export IMAGELAB_DOCKER=29" in cli("--as", "29").ok
    assert os.environ["IMAGELAB_DOCKER"] == "20-28"


def test_another_version_is_refused(cli, monkeypatch):
    refused = cli("--as", "30", "images")
    assert (refused.code, refused.out) == (125, "")
    assert refused.err == "--as: expected 20-28 or 29, the version of Docker to print as, not '30'\n"
    assert cli("--as", "", "images").code == 125
    monkeypatch.setenv("IMAGELAB_DOCKER", "new")
    assert cli("images").err.startswith("$IMAGELAB_DOCKER: expected 20-28 or 29")


def test_versions():
    assert set(DOCKERS) == set(docker_stores.STORES)
    assert [docker_version(text) for text in ("20-28", "20.10", "28", "29.7.2", "19", "30", "x")] == [
        "20-28", "20-28", "20-28", "29", None, None, None,
    ]  # fmt: skip
