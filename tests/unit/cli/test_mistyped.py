"""A mistyped command or flag is answered with the one it is near to; `help`, and flags that are about a daemon."""

from __future__ import annotations

import pytest

from imagelab.cli import run


def said(capsys, *args):
    code = run(args, name="docker")
    out, err = capsys.readouterr()
    return code, out, err.strip().splitlines()


@pytest.mark.parametrize(
    ("words", "nearest"),
    [
        ("imgaes", "images"), ("tga a b", "tag"), ("image lss", "ls"), ("volume craete x", "create"),
        ("run --nmae x y", "--name"), ("images --digest", "--digests"), ("ps --al", "--all"), ("--hoem x ps", "--home"),
    ],
)  # fmt: skip
def test_the_nearest_word_is_named_last(capsys, words, nearest):
    code, out, lines = said(capsys, *words.split())
    assert code != 0 and out == ""
    assert lines[-1] == f"Did you mean {nearest}?"


@pytest.mark.parametrize("words", ["xyzzy", "images --xyzzy", "ps -Z"])
def test_a_word_that_is_near_to_none_is_not_guessed(capsys, words):
    _, _, lines = said(capsys, *words.split())
    assert "mean" not in "".join(lines)


@pytest.mark.parametrize("words", ["images", "image ls", "system prune"])
def test_help_prints_what_the_flag_does(capsys, words):
    code, text, _ = said(capsys, "help", *words.split())
    assert code == 0 and text == said(capsys, *words.split(), "--help")[1]


def test_help_alone_lists_the_commands_and_knows_its_limits(capsys):
    assert said(capsys, "help")[1] == said(capsys, "--help")[1]
    assert said(capsys, "help", "no", "such") == (1, "", ["unknown help topic: no such"])


@pytest.mark.parametrize("flags", ["-H tcp://host:2375", "--host tcp://x", "-c there", "--context there", "--tls"])
def test_there_is_no_daemon_to_choose(capsys, flags):
    code, _, lines = said(capsys, *flags.split(), "images")
    assert code == 125 and lines[0].startswith(f"docker: {flags.split()[0]}: there ")


@pytest.mark.parametrize("flags", ["-D", "--debug", "-l debug", "--log-level=warn"])
def test_flags_that_change_nothing_are_taken(capsys, flags, tmp_path):
    assert said(capsys, "--home", str(tmp_path / "store"), *flags.split(), "images", "-q") == (0, "", [])
