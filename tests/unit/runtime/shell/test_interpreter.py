"""The shell that needs no system: which commands it has, and that it knows them without being started."""

from __future__ import annotations

import pytest

from imagelab.runtime.shell.builtins import COMMANDS
from imagelab.runtime.shell.interpreter import script_of

bashkit = pytest.importorskip("bashkit")


def test_its_commands_are_those_of_the_interpreter():
    bash = bashkit.Bash()
    known = {*bash.execute_sync("ls /usr/bin").stdout.split(), *COMMANDS, "nosuch", "if", "then"}
    kinds = {name: bash.execute_sync(f"type -t '{name}'").stdout.strip() for name in known}
    assert {name for name, kind in kinds.items() if kind in ("file", "builtin")} == COMMANDS


@pytest.mark.parametrize(
    ("argv", "script"),
    [
        (["sh", "-c", "echo $0"], "echo $0"),
        (["/bin/sh", "-ec", "false; echo"], "set -e\nfalse; echo"),
        (["sh", "-c", "echo $1", "sh", "a b"], "set -- 'a b'\necho $1"),
        (["echo", "a b"], "echo 'a b'"),
    ],
)
def test_a_command_line_becomes_a_script(argv, script):
    assert script_of(argv) == script
