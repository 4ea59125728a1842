"""A file is replaced whole or stays as it was."""

import os
import stat

import pytest

from imagelab.host.atomic import replacing, write_atomically


def test_a_reader_finds_the_old_bytes_until_the_block_has_ended(tmp_path):
    path = tmp_path / "file"
    write_atomically(path, b"old")
    with replacing(path) as file:
        file.write(b"new")
        file.flush()
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["file"]


def test_a_block_that_raises_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "file"
    write_atomically(path, b"old", durable=False)
    with pytest.raises(KeyboardInterrupt), replacing(path) as file:
        file.write(b"half")
        raise KeyboardInterrupt
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["file"]


def test_a_reader_who_has_the_old_file_open_keeps_it(tmp_path):
    path = tmp_path / "file"
    write_atomically(path, b"old")
    with open(path, "rb") as reader:
        write_atomically(path, b"new")
        assert reader.read() == b"old"


def test_the_mode_is_that_of_the_new_file_from_the_start(tmp_path):
    path = tmp_path / "file"
    with replacing(path, mode=0o600) as file:
        assert stat.S_IMODE(os.fstat(file.fileno()).st_mode) == 0o600
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
