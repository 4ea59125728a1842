"""`save`, `load`, `import`, `append`: what travels arrives, and what is wrong with an archive is one line."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tarfile

import pytest

from imagelab import Lab
from unit import archives

LAYER = archives.tar(archives.file("etc/motd", b"hi\n"))


@pytest.fixture
def app(lab):
    return lab.append(None, {"f": "x" * 10}, tag="app:1")


def test_save_and_load(cli, app, lab, tmp_path):
    lab.tag(app, "app:2")
    assert cli("save", "-o", tmp_path / "app.tar", "app:1", "app:2").ok == ""
    away = tmp_path / "away"
    assert cli("--home", away, "load", "-i", tmp_path / "app.tar").ok == "Loaded image: app:1\nLoaded image: app:2\n"
    assert cli("--home", away, "image", "load", "-q", "--input", tmp_path / "app.tar").code == 0
    assert cli("--home", away, "images", "-q", "--no-trunc", "app:2").ok == f"{app.id}\n"


def test_an_image_without_a_name_is_told_by_its_id(cli, app, tmp_path):
    cli("save", "-o", tmp_path / "app.tar", app.id)
    assert cli("--home", tmp_path / "away", "load", "-i", tmp_path / "app.tar").ok == f"Loaded image ID: {app.id}\n"


def beside() -> dict[str, bytes]:
    """A layout of an image and a signature, by their tags alone."""
    ref = "org.opencontainers.image.ref.name"
    payload = b"{}"
    signature = archives.manifest(
        archives.config(), [], layers=[archives.descriptor(payload, "application/vnd.dev.cosign.simplesigning.v1+json")]
    )
    image = archives.manifest(archives.config(archives.digest(LAYER)), [LAYER])
    listed = [archives.named(image, None, annotations={ref: "1.0"})]
    listed.append(archives.named(signature, None, annotations={ref: "1.0.sig"}))
    more = {archives.blob(data): data for data in (signature, payload, archives.config())}
    return {**archives.oci_layout(LAYER), **more, "index.json": archives.index(*listed)}


def test_what_was_passed_over_is_one_line_each(cli, tmp_path):
    """On stderr: what docker prints stands alone on stdout."""
    result = cli("load", "-i", archives.written(beside(), tmp_path / "app"))
    assert (result.code, result.out) == (0, "Loaded image: app:1.0\n")
    assert result.err == (
        "Passed over: app:1.0.sig: the manifest's layer 1 has the media type "
        "'application/vnd.dev.cosign.simplesigning.v1+json', which imagelab does not read\n"
    )


def test_one_image_is_chosen_by_its_tag(cli, tmp_path):
    where = archives.written(beside(), tmp_path / "app")
    result = cli("load", "-i", where, "--ref", "1.0")
    assert (result.code, result.out, result.err) == (0, "Loaded image: app:1.0\n", "")
    result = cli("load", "-i", where, "--ref", "1.0.sig")
    assert (result.code, result.out) == (1, "")
    assert result.err.startswith("Error: '1.0.sig' cannot be loaded: the manifest's")
    result = cli("load", "-i", where, "--ref", "2")
    assert (result.code, result.err) == (1, "Error: there is no image '2' in the archive: it holds app:1.0\n")


def test_a_name_that_moves_is_told(cli, app, lab, tmp_path):
    cli("save", "-o", tmp_path / "app.tar", "app:1")
    old = lab.append(None, {"new": ""}, tag="app:1")
    assert cli("load", "-i", tmp_path / "app.tar").ok == (
        f"The image app:1 already exists, renaming the old one with ID {old.id} to empty string\nLoaded image: app:1\n"
    )


def test_through_pipes(home, app, tmp_path):
    program = [sys.executable, "-m", "imagelab", "--home"]
    saved = subprocess.run([*program, home, "save", "app:1"], capture_output=True, check=True)
    with tarfile.open(fileobj=io.BytesIO(saved.stdout)) as archive:
        assert "manifest.json" in archive.getnames()
    loaded = subprocess.run([*program, tmp_path / "b", "load"], input=saved.stdout, capture_output=True, check=True)
    assert loaded.stdout == b"Loaded image: app:1\n"
    layer = app.layers[0].open().read()
    into_b = [*program, tmp_path / "b", "import", "-", "x:1"]
    made = subprocess.run(into_b, input=layer, capture_output=True, check=True)
    assert Lab(tmp_path / "b").image("x:1").id == made.stdout.decode().strip()


@pytest.mark.parametrize(
    "args, error",
    [
        (["save", "app:1"], "cowardly refusing to save to a terminal. Use the -o flag or redirect\n"),
        (["load"], "requested load from stdin, but stdin is empty\n"),
        (["import", "-"], "requested load from stdin, but stdin is empty\n"),
    ],
)
def test_a_notebook_has_no_pipes(cli, app, args, error):
    result = cli(*args, notebook=True)
    assert (result.code, result.out, result.err) == (1, "", error)


@pytest.mark.parametrize(
    "args, error",
    [
        (["save", "nosuch", "-o", "x.tar"], "Error: No such image: nosuch"),
        (["save", "app:1", "BAD", "-o", "x.tar"], "Error: invalid reference format: 'BAD'"),
        (
            ["save", "app:1", "-o", "no/such/x.tar"],
            'failed to save image: invalid output path: directory "{here}/no/such" does not exist',
        ),
        (["load", "-i", "nosuch.tar"], "open nosuch.tar: no such file or directory"),
        (["load", "-i", "."], "Error: "),
        (["load", "-i", "x", "--limit", "much"], 'invalid argument "much" for "--limit" flag'),
        (["import", "nosuch.tar"], "open nosuch.tar: no such file or directory"),
        (["import", "layer.tar", "BAD"], "invalid reference format: 'BAD'"),
        (["import", "https://example.com/a.tar"], "Error: importing from a URL is not supported"),
        (["import", "-c", "RUN x", "layer.tar"], "Error: run is not a valid change command"),
        (["append", "app:1", "nosuch"], "open nosuch: no such file or directory"),
        (["append", "nosuch", "layer.tar"], "Error: No such image: nosuch"),
        (["append", "app:1", "layer.tar", "-t", "BAD"], "Error: invalid reference format: 'BAD'"),
    ],
)
def test_what_cannot_be_moved(cli, app, home, tmp_path, monkeypatch, args, error):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "layer.tar").write_bytes(LAYER)
    before = archives.snapshot(home)
    result = cli(*args)
    assert (result.code, result.out) == (1, "")
    assert result.err.startswith(error.format(here=tmp_path)) and result.err.count("\n") == 1
    assert archives.snapshot(home) == before
    assert not (tmp_path / "x.tar").exists()


def test_a_file_that_may_not_be_read_or_written(cli, app, tmp_path):
    if os.geteuid() == 0:
        pytest.skip("root may read and write everything")
    (tmp_path / "secret.tar").touch(0o000)
    assert cli("load", "-i", tmp_path / "secret.tar").err == f"open {tmp_path}/secret.tar: permission denied\n"
    (tmp_path / "sealed").mkdir(0o500)
    assert cli("save", "app:1", "-o", tmp_path / "sealed" / "x.tar").err.endswith(": permission denied\n")


GOOD = archives.docker_archive(LAYER)
BAD_ARCHIVES = {
    "empty": b"",
    "text": b"FROM scratch\n" * 100,
    "truncated": archives.packed(GOOD)[:1500],
    "no manifest": archives.packed({"hello": b"hi"}),
    "truncated gzip": archives.gzip.compress(archives.packed(GOOD))[:-20],
    "JSON that is none": archives.packed({**GOOD, "manifest.json": b"[{]"}),
    "deep JSON": archives.packed({**GOOD, "manifest.json": b"[" * 100_000}),
    "a layer's path outside": archives.packed(
        {**GOOD, "manifest.json": GOOD["manifest.json"].replace(b"/layer.tar", b"/../../../etc/passwd")}
    ),
    "a wrong layer": archives.packed({**archives.docker_archive(LAYER), next(iter(GOOD)): archives.tar()}),
    "a file in the place of the root": archives.packed(archives.docker_archive(archives.tar(archives.file("../..")))),
    "a wrong digest": archives.packed(
        {name: data + b" " if b"rootfs" in data else data for name, data in archives.oci_layout(LAYER).items()}
    ),
}


@pytest.mark.parametrize("name", BAD_ARCHIVES)
def test_a_bad_archive_is_one_line_and_leaves_no_trace(cli, app, home, tmp_path, name):
    (tmp_path / "bad.tar").write_bytes(BAD_ARCHIVES[name])
    before = archives.snapshot(home)
    result = cli("load", "-i", tmp_path / "bad.tar")
    assert (result.code, result.out) == (1, "")
    assert result.err.startswith("Error: ") and result.err.count("\n") == 1
    after = archives.snapshot(home)
    assert {path for path in after if path.startswith("blobs")} == {path for path in before if path.startswith("blobs")}
    assert after["index.json"] == before["index.json"]
    assert not (tmp_path / "evil").exists()


def test_the_limit_on_expansion_can_be_set(cli, lab, tmp_path):
    (tmp_path / "good.tar").write_bytes(archives.gzip.compress(archives.packed(archives.docker_archive(LAYER))))
    result = cli("load", "-i", tmp_path / "good.tar", "--limit", "1k")
    assert result.code == 1 and result.err.count("\n") == 1
    assert cli("load", "-i", tmp_path / "good.tar", "--limit", "1mb").ok == "Loaded image: app:1\n"


def test_import(cli, lab, tmp_path):
    (tmp_path / "layer.tar").write_bytes(LAYER)
    changes = ["-c", 'CMD ["/app", "-v"]', "--change", "ENV A=b"]
    printed = cli("import", "-m", "from a tar", *changes, tmp_path / "layer.tar", "x:1").ok
    image = lab.image("x:1")
    assert printed == f"{image.id}\n"
    assert image.config["config"] == {"Cmd": ["/app", "-v"], "Env": ["A=b"]}
    assert image.diff_ids == (archives.digest(LAYER),)
    assert cli("history", "--format", "{{.Comment}}", "x:1").ok == "from a tar\n"


def test_append(cli, app, lab, tmp_path):
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "index.html").write_text("<h1>")
    options = ["--tag", "web:1", "--to", "/srv", "--created-by", "COPY site /srv", "-m", "m"]
    result = cli("append", *options, "app:1", tmp_path / "site")
    web = lab.image("web:1")
    assert result.ok == f"{web.id}\n"
    assert web.read("srv/index.html") == b"<h1>" and web.read("f") == b"x" * 10
    assert cli("history", "--format", "{{.CreatedBy}}|{{.Comment}}", "web:1").ok.splitlines()[0] == "COPY site /srv|m"
    (tmp_path / "layer.tar").write_bytes(LAYER)
    cli("append", "scratch", tmp_path / "layer.tar", "-t", "one")
    assert lab.image("one").diff_ids == (archives.digest(LAYER),)
