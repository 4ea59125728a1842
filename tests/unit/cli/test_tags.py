"""`tag`, `rmi`, `prune`, `gc`, `tag-log`, `tag-undo`: the lines docker prints, and what is left in the store."""

from __future__ import annotations

import io
import re

import pytest

from imagelab import Digest


@pytest.fixture
def app(lab):
    return lab.append(None, {"f": "x" * 10}, tag="app:1")


def names(cli):
    return cli("images", "-a", "--format", "{{.Repository}}:{{.Tag}}").ok.split()


def test_tag(cli, app, lab):
    assert cli("tag", "app:1", "localhost:5000/team/app").ok == cli("image", "tag", app.id.short, "app:2").ok == ""
    assert [name.familiar for name in lab.image(app.id).names] == ["app:1", "app:2", "localhost:5000/team/app:latest"]


@pytest.mark.parametrize(
    "source, target, error",
    [
        ("nosuch", "x", "Error: No such image: nosuch\n"),
        ("app:1", "BAD", 'Error parsing reference: "BAD" is not a valid repository/tag: invalid reference format'),
        ("app:1", "a:b:c", 'Error parsing reference: "a:b:c" is not a valid repository/tag: invalid reference format'),
        ("app:1", f"a@{Digest.of(b'')}", "refusing to create a tag with a digest reference\n"),
    ],
)
def test_tag_refuses(cli, app, source, target, error):
    result = cli("tag", source, target)
    assert (result.code, result.out) == (1, "")
    assert result.err.startswith(error) and result.err.count("\n") == 1
    assert names(cli) == ["app:1"]


def test_rmi_untags_and_deletes_with_the_last_name(cli, app):
    cli("tag", "app:1", "app:2")
    assert cli("rmi", "app:1").ok == "Untagged: app:1\n"
    assert cli("image", "rm", "app:2").ok == f"Untagged: app:2\nDeleted: {app.id}\nDeleted: {app.chain_ids[0]}\n"
    assert names(cli) == []


def test_rmi_goes_on_after_what_is_not_there(cli, app, lab):
    lab.append(None, {"o": ""}, tag="other")
    result = cli("rmi", "app:1", "nosuch", "other", "BAD")
    assert result.code == 1
    assert "Untagged: app:1\n" in result.out and "Untagged: other:latest\n" in result.out
    errors = result.err.splitlines()
    assert errors[0] == "Error: No such image: nosuch"
    assert errors[1].startswith("Error: invalid reference format: 'BAD'") and len(errors) == 2


def test_rmi_force_takes_what_is_not_there_as_done(cli, lab):
    result = cli("rmi", "-f", "nosuch")
    assert (result.code, result.err) == (0, "Error: No such image: nosuch\n")


def test_rmi_conflicts_in_docker_s_words(cli, app, lab):
    cli("tag", "app:1", "other")
    result = cli("rmi", app.id.short)
    assert (result.code, result.out) == (1, "")
    assert result.err == (
        f"Error: conflict: unable to delete {app.id.short} (must be forced) - "
        "image is referenced in multiple repositories\n"
    )
    lab.append("app:1", {"g": ""}, tag="child")
    assert "(cannot be forced) - image has dependent child images" in cli("rmi", "-f", app.id).err
    assert names(cli) != []


def test_prune_asks_first(cli, app, lab, monkeypatch):
    lab.append(None, {"d": "12345"})
    warning = "WARNING! This will remove all dangling images.\nAre you sure you want to continue? [y/N] "
    for answer in ("", "n\n", "no\n", "\n"):
        monkeypatch.setattr("sys.stdin", io.StringIO(answer))
        assert cli("image", "prune").ok == warning + "Total reclaimed space: 0B\n"
    assert len(names(cli)) == 2
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    printed = cli("image", "prune").ok
    assert printed.startswith(warning + "Deleted Images:\ndeleted: sha256:")
    assert printed.endswith("\n\nTotal reclaimed space: 5B\n")
    assert names(cli) == ["app:1"]


def test_prune_all(cli, app):
    assert cli("image", "prune", "-f").ok == "Total reclaimed space: 0B\n"
    assert cli("image", "prune", "-a", "-f").ok == (
        f"Deleted Images:\nuntagged: app:1\ndeleted: {app.id}\ndeleted: {app.chain_ids[0]}\n\n"
        "Total reclaimed space: 10B\n"
    )
    assert "all images without at least one container" in cli("image", "prune", "--all").out


def test_a_notebook_cannot_be_asked(cli, app):
    result = cli("image", "prune", notebook=True)
    assert (result.code, result.out) == (1, "")
    assert result.err == "Error: a notebook cell cannot answer a question: add -f if you are sure\n"


def test_gc_sweeps_what_no_image_holds(cli, app, lab):
    assert cli("gc").ok == "Deleted blobs: 0\n\nTotal reclaimed space: 0B\n"
    lab.store.blobs.put(b"forgotten")
    assert cli("gc", "-f").ok == "Deleted blobs: 1\n\nTotal reclaimed space: 9B\n"
    assert cli("verify").code == 0


def test_tag_log_and_undo(cli, app, lab):
    other = lab.append(None, {"o": ""}, tag="other")
    cli("tag", "other", "app:1")
    old, new = app.id.short, other.id.short
    assert [row[1:] for row in cli("tag-log", "app:1").rows] == [
        ["app:1", old, new, "tag"], ["app:1", "<none>", old, "append"],
    ]  # fmt: skip
    when = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
    said = cli("tag-log", "--no-trunc", "--format", "{{.Time}} {{.New}} {{.NewDigest}}", "app:1").ok.splitlines()
    assert re.fullmatch(rf"{when} {other.id} {other.digest}", said[0])
    assert [row[1] for row in cli("tag-log").rows] == ["app:1", "other:latest", "app:1"], "all tags, newest first"
    assert cli("tag-undo", "app:1").ok == f"app:1: {new} -> {old}\n"
    assert cli("images", "-q", "app:1").ok == f"{app.id.short}\n"
    assert cli("tag-undo", "app:1").ok == f"app:1: {old} -> <none>\n"
    assert cli("images", "-q", "app").ok == ""
    said = cli("tag-undo", "app:1")
    assert (said.code, said.out) == (1, "") and said.err.startswith("Error: ")
    assert cli("tag-log", "nosuch").code == 1
    cli("rmi", app.id, other.id)
    assert [row[2:] for row in cli("tag-log", "other").rows] == [
        ["<removed>", "<none>", "rmi"], ["<none>", "<removed>", "append"],
    ]  # fmt: skip
