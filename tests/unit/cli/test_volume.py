"""docker's words for volumes, and for containers that mount them."""

from __future__ import annotations

import json
import re

from unit.cli.conftest import BASE


def test_a_life(cli):
    assert cli("volume", "create", "--label", "a=b", "data").ok == "data\n"
    assert cli("volume", "create", "--name", "more").ok == "more\n"
    made = cli("volume", "create").ok.strip()
    assert re.fullmatch("[0-9a-f]{64}", made)
    assert sorted(cli("volume", "ls").rows) == sorted([["local", made], ["local", "data"], ["local", "more"]])
    assert cli("volume", "ls", "-q", "--filter", "label=a=b").ok == "data\n"
    chosen = cli("volume", "ls", "--filter", "name=mor", "--format", "{{.Name}} {{.Driver}} {{.Size}}")
    assert chosen.ok == "more local N/A\n"
    (described,) = json.loads(cli("volume", "inspect", "data").ok)
    assert list(described) == ["CreatedAt", "Driver", "Labels", "Mountpoint", "Name", "Options", "Scope"]
    assert (described["Labels"], described["Name"]) == ({"a": "b"}, "data")
    assert cli("inspect", "-f", "{{.Name}}", "data").ok == "data\n"
    missing = cli("volume", "inspect", "nope")
    assert (missing.code, missing.out, missing.err) == (1, "[]\n", "Error: No such volume: nope\n")
    gone = cli("volume", "rm", "more", "nope")
    assert (gone.code, gone.out, gone.err) == (1, "more\n", "Error: No such volume: nope\n")
    assert cli("volume", "prune", "-f").ok == f"Deleted Volumes:\n{made}\n\nTotal reclaimed space: 0B\n"
    assert cli("volume", "prune", "-f", "--filter", "label!=a", "-a").ok == "Total reclaimed space: 0B\n"
    assert cli("volume", "prune", "-af").ok == "Deleted Volumes:\ndata\n\nTotal reclaimed space: 0B\n"


def test_mistakes(cli):
    for words, code, error in (
        (("create", "a"), 1, "Error: create a: volume name is too short, names should be at least two"),
        (("create", "-d", "nfs", "aa"), 1, 'Error: create aa: error looking up volume plugin nfs: plugin "nfs"'),
        (("create", "-o", "type=nfs", "aa"), 125, "imagelab volume create: '-o' is a docker flag that imagelab"),
        (("create", "--name", "a", "b"), 1, "conflicting options: either specify --name or provide positional arg"),
        (("ls", "--filter", "bogus=1"), 1, "Error: Invalid filter 'bogus'"),
    ):
        result = cli("volume", *words)
        assert (result.code, result.out) == (code, "")
        assert result.err.startswith(error)


def test_containers_that_mount(cli, box, tmp_path):
    (tmp_path / "f").write_text("host\n")
    flags = ("-v", "data:/data", "-v", f"{tmp_path}:/h:ro", "--tmpfs", "/t:size=1m", "--mount", "source=two,dst=/two")
    script = "cat /h/f; echo x > /data/x; ls /data"
    assert cli("run", "--name", "one", *flags, BASE, "sh", "-c", script).ok == "host\nx\n"
    (described,) = json.loads(cli("inspect", "one").ok)
    assert [(one["Type"], one["Destination"], one["RW"]) for one in described["Mounts"]] == [
        ("volume", "/data", True), ("bind", "/h", False), ("volume", "/two", True),
    ]  # fmt: skip
    host = described["HostConfig"]
    assert (host["Binds"], host["Tmpfs"]) == (["data:/data", f"{tmp_path}:/h:ro"], {"/t": "size=1m"})
    assert host["Mounts"] == [{"Type": "volume", "Source": "two", "Target": "/two"}]
    assert cli("ps", "-a", "--format", "{{.LocalVolumes}} {{.Mounts}}", "--no-trunc").ok == f"2 data,{tmp_path},two\n"
    assert cli("ps", "-a", "--filter", "volume=data", "--format", "{{.Names}}").ok == "one\n"
    assert cli("ps", "-a", "--filter", "volume=nothing", "-q").ok == ""
    busy = cli("volume", "rm", "data")
    assert (busy.code, busy.err) == (1, f"Error: remove data: volume is in use - [{described['Id']}]\n")
    df = {line[0]: line[1:] for line in cli("system", "df").rows}
    assert df["Local Volumes"] == ["2", "2", "2B", "0B (0%)"]
    assert "data                2" not in cli("system", "df", "-v").ok
    assert re.search(r"^data +1 +2B$", cli("system", "df", "-v").ok, re.MULTILINE)
    assert cli("volume", "ls", "-q", "--filter", "dangling=true").ok == ""
    assert cli("rm", "-v", "one").ok == "one\n"
    assert cli("volume", "ls", "-q").ok == "data\ntwo\n"


def test_what_has_no_name_goes_with_its_container(cli, box):
    assert cli("run", "--rm", "-v", "/anon", "-v", "named:/n", BASE, "true").code == 0
    assert cli("run", "--name", "one", "-v", "/anon", BASE, "true").code == 0
    assert len(cli("volume", "ls").rows) == 2
    assert cli("create", "--name", "two", "--volumes-from", "one:ro", "--read-only", BASE, "true").code == 0
    template = "{{.HostConfig.ReadonlyRootfs}} {{.HostConfig.VolumesFrom}}"
    assert cli("inspect", "-f", template, "two").ok == "true [one:ro]\n"
    assert cli("rm", "-v", "one", "two").ok == "one\ntwo\n"
    assert cli("volume", "ls", "-q").ok == "named\n"


def test_mistakes_in_mounts(cli, box):
    for flags, error in (
        (("-v", "rel/path:/x"), 'imagelab: create rel/path: "rel/path" includes invalid characters for a local volume'),
        (("-v", "a:/x:rx"), "imagelab: invalid mode: rx\n"),
        (("--mount", "foo=bar"), "invalid argument \"foo=bar\" for \"--mount\" flag: unexpected key 'foo'"),
        (("--mount", "type=bind,source=/no/where,target=/x"), 'imagelab: invalid mount config for type "bind": bind '),
        (("--volumes-from", "nope"), "imagelab: No such container: nope\n"),
    ):
        result = cli("run", "--rm", *flags, BASE, "true")
        assert (result.code, result.out) == (125, "")
        assert result.err.startswith(error)
    assert cli("ps", "-aq").ok == ""
