"""`images` and `history`: docker's columns, titles, order and what is cut off."""

from __future__ import annotations

import io
import json
import re

import pytest

from imagelab import Lab
from imagelab.oci.image import Image
from imagelab.oci.manifest import manifest_for
from unit import archives

from .conftest import THREE_DAYS_AGO


@pytest.fixture
def family(lab, home):
    """base (two days older) ← middle (untagged) ← app:1.0, app:latest; and other, which has lost its name."""
    Lab(home, epoch=THREE_DAYS_AGO - 2 * 86400).append(
        None, {"f": "x" * 1999}, tag="localhost:5000/team/base:1", created_by="COPY\tf /" + "é" * 60, comment="first"
    )
    base = lab.image("localhost:5000/team/base:1")
    middle = lab.append(base, {"g": "y"}, created_by="RUN touch g")
    app = middle.with_config(Cmd=["/app"], created_by='CMD ["/app"]')
    lab.tag(app, "app:1.0")
    lab.tag(app, "app")
    other = lab.append(None, {"o": "o"}, tag="other")
    lab.tag(base, "other")
    return {"base": base, "middle": middle, "app": app, "other": other}


def test_images(cli, family):
    app, other, base = (family[name].id.short for name in ("app", "other", "base"))
    lines = cli("images").ok.splitlines()
    assert lines[0] == "REPOSITORY                 TAG       IMAGE ID       CREATED      SIZE"
    assert set(lines[1:]) == {
        f"app                        1.0       {app}   3 days ago   2kB",
        f"app                        latest    {app}   3 days ago   2kB",
        f"<none>                     <none>    {other}   3 days ago   1B",
        f"localhost:5000/team/base   1         {base}   5 days ago   2kB",
        f"other                      latest    {base}   5 days ago   2kB",
    }
    assert base in lines[4] and base in lines[5], "the oldest come last"


def test_images_all_shows_intermediate_ones(cli, family):
    assert family["middle"].id.short not in cli("images").ok
    assert family["middle"].id.short in cli("images", "-a").ok


def test_quiet_and_whole_ids(cli, family):
    assert set(cli("images", "-q").ok.split()) == {family[name].id.short for name in ("app", "other", "base")}
    assert cli("images", "-q", "--no-trunc", "app:1.0").ok == f"{family['app'].id}\n"
    assert f"{family['app'].id}   3 days ago" in cli("images", "--no-trunc").ok


def test_the_digest_is_known_from_a_push_or_with_docker_29_from_the_start(cli, family):
    (row,) = cli("images", "--digests", "app:1.0").rows
    assert row[:4] == ["app", "1.0", "<none>", family["app"].id.short]
    said = cli("images", "--digests", "--format", "table {{.Tag}}", "app:1.0").ok
    assert said.split() == ["TAG", "DIGEST", "1.0", "<none>"]
    (row,) = cli("--as", "29", "images", "--digests", "app:1.0").rows
    assert row[:3] == ["app", "1.0", family["app"].digest]
    assert cli("inspect", "--format", "{{.Id}}", f"app@{row[2]}").ok.strip() == family["app"].id


def test_an_image_that_does_not_say_when_it_was_made(cli, lab):
    lab.add(_without_created(lab))
    assert cli("images").rows == [["<none>", "<none>", cli("images", "-q").ok.strip(), "N/A", "0B"]]
    assert cli("images", "--format", "{{.CreatedSince}}|{{.CreatedAt}}").ok.startswith("|0001-01-01 00:00:00 ")


def _without_created(lab):
    config = b'{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}'
    return Image(manifest_for(config, []), lab.store, config)


def test_no_images_is_a_line_of_titles(cli):
    assert cli("images").ok == "REPOSITORY   TAG       IMAGE ID   CREATED   SIZE\n"
    assert cli("images", "-q").ok == cli("images", "--format", "{{.ID}}").ok == ""


def test_one_config_in_two_manifests_is_one_image_to_docker(cli, lab, tmp_path):
    layer = archives.tar(archives.file("x", b"1"))
    for tag, stored in (("plain", layer), ("zipped", archives.gzip.compress(layer))):
        files = archives.oci_layout(stored, name=f"docker.io/library/app:{tag}")
        (tmp_path / "a.tar").write_bytes(archives.packed(files))
        lab.load(tmp_path / "a.tar")
    assert [row[:2] for row in cli("images").rows] == [["app", "plain"], ["app", "zipped"]]
    assert cli("inspect", "-f", "{{.RepoTags}}", "app:plain").ok == "[app:plain app:zipped]\n"
    cli("rmi", "app:plain")
    assert [row[:2] for row in cli("images", "-a").rows] == [["app", "zipped"]]


def test_raw_is_refused_by_name(cli, family):
    result = cli("images", "--format", "raw")
    assert (result.code, result.out) == (1, "") and "raw is not supported" in result.err


def test_images_fields(cli, family):
    fields = json.loads(cli("images", "app:1.0", "--format", "json").ok)
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d{4} \S+", fields.pop("CreatedAt"))
    assert fields == {
        "Containers": "N/A", "CreatedSince": "3 days ago", "Digest": "<none>", "ID": family["app"].id.short,
        "Repository": "app", "SharedSize": "N/A", "Size": "2kB", "Tag": "1.0", "UniqueSize": "N/A",
        "VirtualSize": "2kB",
    }  # fmt: skip
    assert list(fields) == sorted(fields)


@pytest.mark.parametrize(
    "name, found", [("app", 2), ("app:1.0", 1), ("*", 3), ("*/*/base", 1), ("APP", 0), ("nosuch", 0)]
)
def test_images_of_a_name(cli, family, name, found):
    assert len(cli("images", name).rows) == found


def test_history(cli, family):
    base, middle, app = (family[name].id.short for name in ("base", "middle", "app"))
    assert cli("history", "app").ok == (
        "IMAGE          CREATED      CREATED BY                                      SIZE      COMMENT\n"
        f'{app}   3 days ago   CMD ["/app"]                                    0B        \n'
        f"{middle}   3 days ago   RUN touch g                                     1B        \n"
        f"{base}   5 days ago   COPY f /{'é' * 36}…   2kB       first\n"
    )


def test_history_of_what_came_from_elsewhere_knows_no_images_below(cli, family, lab, tmp_path, home):
    lab.save(["app"], tmp_path / "app.tar")
    away = tmp_path / "away"
    Lab(away).load(tmp_path / "app.tar")
    ids = cli("--home", away, "history", "-q", "app").ok.split()
    assert ids == [family["app"].id.short, "<missing>", "<missing>"]
    assert cli("--home", away, "history", "-q", "--no-trunc", "app").ok.split()[:2] == [family["app"].id, "<missing>"]


def test_history_of_what_has_no_times(cli, lab):
    """Bazel, jib and ko write none. docker's client prints N/A (20.10 still counted 292 years)."""
    layer = archives.tar(archives.file("a"))
    made = archives.config(archives.digest(layer), created=None)
    lab.load(io.BytesIO(archives.packed(archives.docker_archive(layer, config_bytes=made))))
    short = lab.image("app:1").id.short
    assert cli("history", "app:1").rows == [[short, "N/A", "step 0", "4B"]]
    assert cli("images", "app").rows == [["app", "1", short, "N/A", "4B"]]
    assert cli("history", "--format", "{{.CreatedSince}} {{.CreatedAt}}", "app:1").ok == "N/A 0001-01-01T00:00:00Z\n"
    assert cli("images", "--format", "{{.CreatedSince}}", "app").ok == "\n"


@pytest.mark.parametrize("history", [None, []])
def test_history_of_what_has_none(cli, lab, history):
    """docker lists the config's records, and no layer without one."""
    layer = archives.tar(archives.file("a"))
    made = archives.config(archives.digest(layer), history=history)
    lab.load(io.BytesIO(archives.packed(archives.docker_archive(layer, config_bytes=made))))
    assert cli("history", "app:1").rows == []


def test_history_of_fewer_layers_than_there_are(cli, lab):
    """The last record is the image's, whatever is on top of it."""
    layers = [archives.tar(archives.file(name)) for name in "ab"]
    made = archives.config(
        *map(archives.digest, layers), history=[{"created_by": "one", "created": "2001-01-01T00:00:00Z"}]
    )
    lab.load(io.BytesIO(archives.packed(archives.docker_archive(*layers, config_bytes=made))))
    assert cli("history", "--format", "{{.ID}} {{.CreatedBy}} {{.Size}}", "app:1").ok == (
        f"{lab.image('app:1').id.short} one 4B\n"
    )


def test_history_in_plain_numbers(cli, family):
    lines = cli("history", "--human=false", "--no-trunc", "app").ok.splitlines()
    assert re.split(r" {3,}", lines[0]) == ["IMAGE", "CREATED AT", "CREATED BY", "SIZE", "COMMENT"]
    when = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\S+"
    assert re.fullmatch(rf"{family['base'].id}   {when}   COPY f /é{{60}}   1999      first", lines[3])
    said = cli("history", "-H=false", "--format", "{{.Size}} {{.CreatedSince}} {{.CreatedAt}}", "app").ok
    size, since, at = said.splitlines()[2].split()
    assert size == "1999" and since == at


def test_history_fields(cli, family):
    printed = cli("history", "--format", "{{.ID}}|{{.CreatedBy}}|{{.Size}}|{{.Comment}}", "app").ok.splitlines()
    assert printed[1] == f"{family['middle'].id.short}|RUN touch g|1B|"
    assert list(json.loads(cli("history", "--format", "{{json .}}", "app").ok.splitlines()[0])) == [
        "Comment", "CreatedAt", "CreatedBy", "CreatedSince", "ID", "Size",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "ref, error", [("nosuch", "Error: No such image: nosuch"), ("BAD", "Error: invalid reference format: 'BAD'")]
)
def test_history_of_nothing(cli, lab, ref, error):
    result = cli("history", ref)
    assert (result.code, result.out) == (1, "")
    assert result.err.startswith(error) and result.err.count("\n") == 1
