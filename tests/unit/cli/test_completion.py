"""TAB in a real bash completes commands, flags and names; zsh and fish get what click makes for them."""

from __future__ import annotations

import os
import pty
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from imagelab import Lab
from imagelab.cli import run

BASH = shutil.which("bash")
SCRIPT = """
eval "$(imagelab completion bash)"
while IFS= read -r line; do
    COMP_LINE="$line" COMP_POINT=${#line}
    _imagelab_completion
    echo "${COMPREPLY[*]}"
done
"""
LINES = {
    "imagelab im": "image images import",
    "imagelab run --na": "--name",
    "imagelab --a": "--as",
    "imagelab image l": "load ls",
    "imagelab rmi sh": "shop:1.0 shop:2.0",
    "imagelab rmi shop:": "1.0 2.0",
    "imagelab rmi shop:1.0 shop:2": "2.0",
    "imagelab tag shop:1.0 kit": "kitchen/soup:1",
    "imagelab rm ": "draft till",
    "imagelab exec t": "till",
    "imagelab exec till ca": "",
    "imagelab run kit": "kitchen/soup:1",
    "imagelab run kitchen/soup:1 sh": "",
    "imagelab volume rm ": "orders",
}
pytestmark = pytest.mark.skipif(BASH is None or sys.platform == "win32", reason="there is no bash")


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """A store with names to complete, and our own imagelab first on the PATH."""
    home = tmp_path_factory.mktemp("completion")
    lab = Lab(home / "store", epoch=0)
    image = lab.append(None, {"menu.txt": "soup\n"}, "shop:1.0")
    for name in ("shop:2.0", "kitchen/soup:1"):
        lab.tag(image, name)
    for name in ("till", "draft"):
        lab.create(image, "none", name=name)
    lab.create_volume("orders")
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return {"PATH": path, "HOME": str(home), "IMAGELAB_HOME": str(home / "store"), "PS1": "", "TERM": "dumb"}


def test_each_line_is_completed_by_what_may_follow(environment):
    done = subprocess.run(
        [BASH, "--norc", "-c", SCRIPT], input="\n".join(LINES) + "\n", env=environment, capture_output=True, text=True
    )
    assert done.stderr == ""
    assert dict(zip(LINES, done.stdout.split("\n"), strict=False)) == LINES


def test_tab_in_an_interactive_bash(environment):
    """One tag fits, so that bash types the rest of it."""
    main, terminal = pty.openpty()
    bash = subprocess.Popen([BASH, "--norc", "-i"], env=environment, stdin=terminal, stdout=terminal, stderr=terminal)
    os.close(terminal)
    try:
        os.write(main, b'eval "$(imagelab completion bash)"; echo re""ady\n')
        until(main, b"\nready")
        os.write(main, b"imagelab rmi shop:1\t")
        until(main, b"rmi shop:1.0")
        os.write(main, b"\x15exit\n")
        assert bash.wait(30) == 0
    finally:
        bash.kill()
        bash.wait()
        os.close(main)


def until(terminal, words):
    """Read what the terminal shows, until it shows these words."""
    shown, end = b"", time.monotonic() + 60
    while words not in shown.replace(b"\r", b""):
        ready, _, _ = select.select([terminal], [], [], max(0, end - time.monotonic()))
        assert ready, shown
        shown += os.read(terminal, 4096)


@pytest.mark.parametrize(("shell", "words"), [("zsh", "compdef"), ("fish", "complete --no-files")])
def test_other_shells_get_what_click_makes_for_them(capsys, shell, words):
    assert run(["completion", shell]) == 0
    out, _ = capsys.readouterr()
    assert out.startswith("# ") and words in out and "_IMAGELAB_COMPLETE" in out


def test_another_shell_is_refused_in_words(capsys):
    assert run(["completion", "csh"]) == 1
    assert "expected bash, zsh or fish, not 'csh'" in capsys.readouterr().err
