"""A program for another processor is refused by the processor's name, before anything is started."""

from __future__ import annotations

import platform

import pytest

from imagelab import Entry
from imagelab.filesystem.tree import Changes, Tree
from imagelab.runtime import binfmt
from imagelab.runtime.binfmt import kind_of
from imagelab.runtime.program import CannotStart, Program


def elf(machine: int, order: str = "little", bits: int = 64) -> bytes:
    """The header of an ELF program with one program header."""
    mark = b"\x7fELF" + bytes([bits // 32, 1 if order == "little" else 2]) + bytes(10)
    before, size, header = (32, 64, 56) if bits == 64 else (20, 52, 32)  # bytes of e_version to e_flags
    rest = bytes(before) + size.to_bytes(2, order) + header.to_bytes(2, order) + (1).to_bytes(2, order)
    return (mark + (2).to_bytes(2, order) + machine.to_bytes(2, order) + rest).ljust(size, b"\0")


@pytest.fixture(autouse=True)
def this_machine(monkeypatch, tmp_path):
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(binfmt, "_EMULATORS", tmp_path)


def kind(program: bytes) -> str:
    return kind_of(Tree().apply(Changes({"app": Entry.file(program, 0o755)})), Program(("/app",)))


@pytest.mark.parametrize(
    "program, machine",
    [(elf(183), "aarch64"), (elf(22, "big"), "s390x"), (elf(999), "another processor"), (elf(0), "another processor")],
)
def test_another_processor_is_named(program, machine):
    with pytest.raises(CannotStart, match=f"^exec /app: exec format error: it is a program for {machine}$") as error:
        kind(program)
    assert error.value.code == 126


def test_this_one_and_its_older_brother_run():
    assert kind(elf(62)) == kind(elf(3, bits=32)) == "bubblewrap"


def test_a_processor_that_is_emulated_here_runs(tmp_path):
    (tmp_path / "qemu-aarch64").touch()
    assert kind(elf(183)) == "bubblewrap"
