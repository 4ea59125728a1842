"""Docker's config.json and its credential helpers: what is asked, in which order, and what is never shown."""

from __future__ import annotations

import base64
import json
import os
import stat
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from imagelab.errors import Invalid, LabError
from imagelab.registry.connection.credentials import HUB_KEY, Account, Credentials

HELPER = """#!{python}
import json, os, sys
keep = {folder!r}
key = sys.stdin.read()
with open(keep + "/asked", "a") as log:
    log.write(sys.argv[1] + " " + key.split("{{")[0] + "\\n")
if sys.argv[1] == "store":
    value = json.loads(key)
    open(keep + "/" + value["ServerURL"].replace("/", "_"), "w").write(key)
elif sys.argv[1] == "get":
    try:
        sys.stdout.write(open(keep + "/" + key.replace("/", "_")).read())
    except FileNotFoundError:
        print("credentials not found in native keychain")
        sys.exit(1)
elif sys.argv[1] == "erase":
    try:
        os.unlink(keep + "/" + key.replace("/", "_"))
    except FileNotFoundError:
        print("credentials not found in native keychain")
        sys.exit(1)
"""


@pytest.fixture
def file(tmp_path):
    return tmp_path / "docker" / "config.json"


@pytest.fixture
def helper(tmp_path, monkeypatch):
    """`docker-credential-test`, in $PATH; it keeps its secrets in a folder, and notes what it is asked."""
    folder = tmp_path / "keychain"
    folder.mkdir()
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "docker-credential-test"
    program.write_text(HELPER.format(python=sys.executable, folder=str(folder)))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    return folder


def write(file, **config):
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(config))
    return Credentials(file)


def auth(text):
    return {"auth": base64.b64encode(text.encode()).decode()}


def test_an_account_is_kept_and_forgotten(file):
    credentials = Credentials(file)
    assert credentials.find("r:1") is None and not credentials.erase("r:1")
    credentials.store("r:1", Account("alice", "s:ecret"))
    assert credentials.find("r:1") == Account("alice", "s:ecret")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert json.loads(file.read_text()) == {"auths": {"r:1": auth("alice:s:ecret")}}
    assert credentials.erase("r:1") and credentials.find("r:1") is None


def test_the_rest_of_the_file_stays(file):
    credentials = write(file, psFormat="x", auths={"a": auth("b:c")}, plugins={"x": {"y": "z"}})
    credentials.store("r:1", Account("alice", "s"))
    config = json.loads(file.read_text())
    assert config["psFormat"] == "x" and config["plugins"] == {"x": {"y": "z"}} and config["auths"]["a"] == auth("b:c")


def test_several_that_log_in_at_once_are_all_kept_and_leave_no_lock(file):
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: Credentials(file).store(f"r:{number}", Account("alice", "s")), range(40)))
    assert set(json.loads(file.read_text())["auths"]) == {f"r:{number}" for number in range(40)}
    assert os.listdir(file.parent) == ["config.json"]


def test_a_link_to_the_file_stays_a_link(file, tmp_path):
    file.parent.mkdir()
    (tmp_path / "elsewhere.json").write_text("{}")
    file.symlink_to(tmp_path / "elsewhere.json")
    Credentials(file).store("r:1", Account("alice", "s"))
    assert file.is_symlink() and "r:1" in (tmp_path / "elsewhere.json").read_text()


def test_docker_s_ways_to_write_a_host(file):
    credentials = write(file, auths={
        "https://a.example/v1/": auth("a:1"), "http://b.example:5000": auth("b:2"), HUB_KEY: auth("hub:3"),
        "c.example": {"username": "c", "password": "4"}, "d.example": {},
    })  # fmt: skip
    assert credentials.find("a.example") == Account("a", "1")
    assert credentials.find("b.example:5000") == Account("b", "2")
    for name in ("docker.io", "registry-1.docker.io", "index.docker.io"):
        assert credentials.find(name) == Account("hub", "3")
    assert credentials.find("c.example") == Account("c", "4")
    assert credentials.find("d.example") is None and credentials.find("b.example") is None


def test_a_helper_comes_before_the_file(file, helper):
    credentials = write(file, credHelpers={"r:1": "test"}, auths={"r:1": auth("old:1"), "r:2": auth("file:2")})
    assert credentials.find("r:1") is None, "the helper knows nobody, and so does docker"
    credentials.store("r:1", Account("alice", "s"))
    assert credentials.find("r:1") == Account("alice", "s")
    assert json.loads(file.read_text())["auths"]["r:1"] == {} and "alice" not in file.read_text()
    assert credentials.find("r:2") == Account("file", "2") and credentials.stored_in("r:1") == "test"
    assert credentials.erase("r:1") and credentials.find("r:1") is None
    asked = (helper / "asked").read_text().splitlines()
    assert [line for line in asked if line.startswith("erase")] == [
        "erase r:1", "erase http://r:1", "erase https://r:1"
    ]  # fmt: skip


def test_a_store_is_for_all_hosts_without_a_helper(file, helper):
    credentials = write(file, credsStore="test", credHelpers={"r:2": "nosuch"})
    credentials.store("docker.io", Account("alice", "s"))
    assert credentials.find("registry-1.docker.io") == Account("alice", "s")
    assert f"get {HUB_KEY}" in (helper / "asked").read_text()
    with pytest.raises(LabError, match=r"no program docker-credential-nosuch in \$PATH"):
        credentials.find("r:2")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("echo not json", "something that is not JSON"),
        ("echo 'it is locked' >&2; exit 3", "get failed: it is locked"),
        ("exit 3", "get failed: exit code 3"),
    ],
)
def test_a_helper_that_fails(file, helper, tmp_path, body, words):
    (tmp_path / "bin" / "docker-credential-bad").write_text(f"#!/bin/sh\ncat > /dev/null\n{body}\n")
    (tmp_path / "bin" / "docker-credential-bad").chmod(0o755)
    with pytest.raises(LabError, match=words) as error:
        write(file, credsStore="bad").find("r:1")
    assert "Secret" not in str(error.value)


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ("not json", "is not JSON"),
        ("[]", "not an object"),
        ('{"auths": 5}', "'auths' must be an object"),
        ('{"credHelpers": ["r:1"]}', "'credHelpers' must be an object"),
        ('{"credsStore": "../../evil"}', "credential helper '../../evil'"),
        ('{"auths": {"r:1": {"auth": "%%%"}}}', "not base64 of user:password"),
        ('{"auths": {"r:1": {"auth": "bm9jb2xvbg=="}}}', "not base64 of user:password"),
    ],
)
def test_a_damaged_file(file, config, words):
    file.parent.mkdir()
    file.write_text(config)
    with pytest.raises((Invalid, LabError), match=words):
        Credentials(file).find("r:1")


def test_where_docker_keeps_it(monkeypatch, tmp_path):
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "x"))
    assert Credentials.of_docker().file == tmp_path / "x" / "config.json"
    monkeypatch.delenv("DOCKER_CONFIG")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert Credentials.of_docker().file == tmp_path / ".docker" / "config.json"


def test_a_password_is_never_shown(file):
    assert "s3cret" not in repr(Account("alice", "s3cret"))
    credentials = Credentials(file)
    credentials.store("r:1", Account("alice", "s3cret"))
    assert "s3cret" not in repr(credentials)
