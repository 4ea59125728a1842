"""`imagelab registry`: serve a folder, see what is in it, add users, prune it."""

from __future__ import annotations

import hashlib
import re
import signal
import subprocess
import sys
import urllib.request

import pytest

from imagelab.registry.server.accounts import Accounts
from imagelab.registry.server.repositories import Registry
from judges.tools import CommandLine


@pytest.fixture
def imagelab(tmp_path):
    return CommandLine("imagelab", "--home", tmp_path / "home")


def test_it_serves_until_ctrl_c(tmp_path):
    command = [sys.executable, "-m", "imagelab", "registry", "serve", tmp_path / "registry", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        line = process.stdout.readline()
        url = re.search(r"listens on (http://127\.0\.0\.1:\d+)\. Ctrl-C stops it\.", line)[1]
        with urllib.request.urlopen(f"{url}/v2/") as answer:
            assert answer.read() == b"{}"
        process.send_signal(signal.SIGINT)
        rest, errors = process.communicate(timeout=60)
    assert (rest, errors, process.returncode) == ("The registry has stopped.\n", "", 0)


def test_a_user_is_added_with_a_password_from_stdin(imagelab, tmp_path):
    file = tmp_path / "users"
    assert imagelab("registry", "useradd", "--htpasswd", file, "--password-stdin", "alice", stdin=b"secret\n")
    accounts = Accounts(file)
    assert accounts.check("alice", "secret") and not accounts.check("alice", "other")
    assert file.stat().st_mode & 0o777 == 0o600 and b"secret" not in file.read_bytes()
    imagelab("registry", "useradd", "--htpasswd", file, "--password-stdin", "alice", stdin=b"other\n")
    assert Accounts(file).check("alice", "other") and len(file.read_text().splitlines()) == 1


@pytest.mark.parametrize(
    ("args", "stdin", "words"),
    [
        (["useradd", "a:b", "--password-stdin"], b"x\n", "cannot be a user's name"),
        (["useradd", "alice"], b"", "Use --password-stdin"),
        (["useradd", "alice", "--password-stdin"], b"\n", "password required"),
        (["serve", "--cert", "x"], b"", "--cert and --key go together"),
        (["serve", "--htpasswd", "nowhere", "--port", "0"], b"", "there is no file of users 'nowhere'"),
        (["serve", "--port", "0", "--cert", "nowhere", "--key", "nowhere"], b"", "nowhere: no such file or directory"),
    ],
)
def test_a_mistake_is_one_sentence(imagelab, tmp_path, args, stdin, words):
    done = imagelab.run("registry", *args, stdin=stdin, cwd=tmp_path)
    assert done.returncode == 1
    assert words in done.stderr.decode() and "Traceback" not in done.stderr.decode()


def test_a_folder_that_is_served_is_in_use(tmp_path):
    registry = Registry(tmp_path / "registry")
    command = [sys.executable, "-m", "imagelab", "registry", "prune", tmp_path / "registry"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    registry.close()
    assert done.returncode == 1 and "is in use by another registry" in done.stderr


def test_what_is_in_a_folder_is_listed_checked_and_pruned(imagelab, tmp_path):
    registry = Registry(tmp_path / "registry")
    data = b'{"schemaVersion":2,"manifests":[]}'
    digest = "sha256:" + hashlib.sha256(data).hexdigest()
    registry.repository("a/b").put(data, "application/vnd.oci.image.index.v1+json", digest, ["1.0"])
    registry.close()
    listed = imagelab("registry", "ls", tmp_path / "registry").splitlines()
    assert [line.split() for line in listed] == [
        ["REPOSITORY", "TAG", "DIGEST", "SIZE"], ["a/b", "1.0", digest[:19], "34B"],
    ]  # fmt: skip
    assert imagelab("registry", "prune", "--check", tmp_path / "registry") == "Every blob is whole.\n"
    (tmp_path / "registry" / "blobs" / "sha256" / digest[7:]).write_bytes(b"damaged")
    done = imagelab.run("registry", "prune", "--check", tmp_path / "registry")
    assert done.returncode == 1 and b"has other bytes" in done.stdout
