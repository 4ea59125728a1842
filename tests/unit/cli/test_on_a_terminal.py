"""`pull`, `push` and `login` on a terminal: one line for each layer, which is drawn again, and prompts."""

from __future__ import annotations

import os
import pty
import re
import sys

import pytest

from imagelab.cli.command import say
from imagelab.cli.pull import PULLED, PUSHED, Printer
from imagelab.oci.digest import Digest
from imagelab.registry.transfer import Progress

from .terminal import terminal

MB = 1_000_000
HINT = "https://docs.docker.com/engine/reference/commandline/login/#credentials-store"


@pytest.fixture
def on(monkeypatch):
    """Makes stdout a terminal of some rows and columns."""
    opened = []

    def open_one(rows: int, columns: int):
        opened.append(manager := terminal(rows, columns))
        one = manager.__enter__()
        monkeypatch.setattr(sys, "stdout", one.out)
        monkeypatch.setenv("TERM", "xterm")
        return one

    yield open_one
    monkeypatch.undo()
    for manager in opened:
        manager.__exit__(None, None, None)


def layer(number: int, state: str, done: int = 0, source: str = "") -> Progress:
    digest = Digest(f"sha256:{number:012x}{'0' * 52}")
    return Progress("layer", digest, digest, state, done, 123_400_000, source)


def test_a_layer_has_one_line_with_a_bar(on):
    shown = on(24, 80)
    printer = Printer(PULLED, write=say, head="1: Pulling from app\n")
    for number in range(5):
        printer(layer(number, "waiting"))
    for number in (0, 1, 2):
        printer(layer(number, "began"))
    printer(layer(0, "moving", 61_700_000))
    printer(layer(1, "moved"))
    printer(layer(2, "kept"))
    assert shown.screen().all == [
        "1: Pulling from app",
        "000000000000: Downloading [==========>          ]  61.7MB/123.4MB",
        "000000000001: Download complete",
        "000000000002: Pull complete",
        "000000000003: Waiting",
        "000000000004: Waiting",
    ]
    printer(layer(3, "began"))
    printer(layer(1, "kept"))
    assert shown.screen().all[2:] == [
        "000000000001: Pull complete",
        "000000000002: Pull complete",
        "000000000003: Pulling fs layer",
        "000000000004: Waiting",
    ]
    for number in (0, 3, 4):
        printer(layer(number, "kept"))
    printer.end()
    say("Digest: sha256:…\n")
    expected = ["1: Pulling from app", *(f"{number:012x}: Pull complete" for number in range(5)), "Digest: sha256:…"]
    assert shown.screen().all == expected


def test_a_narrow_terminal_has_no_bar_and_no_line_that_wraps(on):
    shown = on(24, 40)
    printer = Printer(PUSHED, write=say, at_once=5)
    printer(layer(0, "waiting"))
    for done in (1, 11_111_111, 111_100_000):
        printer(layer(0, "moving", done))
        printer(layer(1, "mounted", source="a/repository/whose/name/is/long"))
    assert shown.screen().all == [
        "000000000000: Pushing 111.1MB/123.4MB",
        "000000000001: Mounted from a/repository…",
    ]
    printer(layer(0, "kept"))
    printer.end()
    assert shown.screen().all[0] == "000000000000: Pushed" and len(shown.screen().all) == 2


def test_more_layers_than_rows_are_each_there_once(on):
    shown = on(6, 80)
    printer = Printer(PULLED, write=say, head="1: Pulling from app\n")
    for number in range(20):
        printer(layer(number, "waiting"))
    for number in (2, 0, 1, 3, 5, 4, *range(6, 20)):
        printer(layer(number, "moving", MB))
        printer(layer(number, "kept"))
    printer.end()
    expected = ["1: Pulling from app", *(f"{number:012x}: Pull complete" for number in range(20))]
    assert shown.screen().all == expected


def test_no_codes_where_they_would_not_be_understood(on, monkeypatch):
    shown = on(24, 80)
    monkeypatch.setenv("TERM", "dumb")
    printer = Printer(PULLED, write=say)
    for state in ("waiting", "began", "moving", "moved", "kept"):
        printer(layer(0, state, MB))
    printer.end()
    assert len(shown.screen().all) == 4 and "\x1b" not in shown.written


def test_there_are_no_colours(on, lab):
    """So that NO_COLOR changes nothing."""
    shown = on(24, 80)
    with lab.registry() as registry:
        name = f"{registry.address}/app:1"
        lab.append(None, {"a": "1"}, name)
        printer = Printer(PUSHED, write=say, at_once=5)
        lab.push(name, report=printer)
        printer.end()
    assert [line[12:] for line in shown.screen().all] == [": Pushed"]
    assert not re.search(r"\x1b\[[\d;]*m", shown.written)


# login ----------------------------------------------------------------------------------------------------------------


def logged_in(typed: list[str], *args: str) -> tuple[int, str]:
    """`imagelab login` in a process on a terminal, and what it printed; each of `typed` answers a prompt."""
    process, master = pty.fork()
    if process == 0:
        os.execv(sys.executable, [sys.executable, "-m", "imagelab", "login", *args])
    shown, answers = "", list(typed)
    while True:
        try:
            data = os.read(master, 1 << 16).decode()
        except OSError:  # the process has ended, as Linux says it
            data = ""
        if not data:
            break
        shown += data
        if answers and re.search(r"(Username( \(\w+\))?|Password): $", shown):
            os.write(master, f"{answers.pop(0)}\n".encode())
    os.close(master)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]), shown.replace("\r\n", "\n")


@pytest.fixture
def guarded(lab, tmp_path, monkeypatch):
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))
    monkeypatch.setenv("IMAGELAB_HOME", str(tmp_path / "home"))
    with lab.registry({"alice": "secret1", "bob": "secret2"}) as registry:
        yield registry


def test_it_asks_for_what_it_was_not_given_and_shows_no_password(guarded, tmp_path):
    config = tmp_path / "docker" / "config.json"
    stored = f"WARNING! Your password will be stored unencrypted in {config}.\nConfigure a credential helper to remove "
    end = f"{stored}this warning. See\n{HINT}\n\nLogin Succeeded\n"
    failed = f"login attempt to {guarded.url}/v2/ failed with status: 401 Unauthorized"
    assert logged_in([""], guarded.address) == (1, "Username: \nError: Non-null Username Required\n")
    assert logged_in(["alice", ""], guarded.address) == (1, "Username: alice\nPassword: \nError: Password Required\n")
    wrong = logged_in(["alice", "no"], guarded.address)
    assert wrong == (1, f"Username: alice\nPassword: \nError response from daemon: {failed}\n")
    assert not config.exists()
    assert logged_in(["alice", "secret1"], guarded.address) == (0, f"Username: alice\nPassword: \n{end}")
    assert logged_in(["secret2"], "-u", "bob", guarded.address) == (0, f"Password: \n{end}")
    assert logged_in([], guarded.address) == (0, f"Authenticating with existing credentials...\n{end}")


def test_stored_credentials_that_are_refused_are_asked_for_again(guarded, tmp_path):
    (tmp_path / "docker").mkdir()
    old = f'{{"auths": {{"{guarded.address}": {{"auth": "YWxpY2U6b2xk"}}}}}}'  # alice:old
    (tmp_path / "docker" / "config.json").write_text(old)
    refused = f"login attempt to {guarded.url}/v2/ failed with status: 401 Unauthorized"
    head = "Authenticating with existing credentials...\n"
    head += f"Login did not succeed, error: Error response from daemon: {refused}\n"
    code, shown = logged_in(["", "wrong"], guarded.address)
    assert (code, shown) == (1, f"{head}Username (alice): \nPassword: \nError response from daemon: {refused}\n")
    assert (tmp_path / "docker" / "config.json").read_text() == old
    code, shown = logged_in(["bob", "secret2"], guarded.address)
    assert code == 0 and shown.startswith(f"{head}Username (alice): bob\nPassword: \nWARNING!")
    assert shown.endswith("\nLogin Succeeded\n")
