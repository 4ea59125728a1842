"""What is compiled is compiled once, and only what nobody else could have written is believed."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys

import pytest

from imagelab.runtime.wasm import cache

wasmtime = pytest.importorskip("wasmtime", reason="pip install 'imagelab-oci[wasm]'")

pytestmark = pytest.mark.slow

ADD = '(module (func (export "f") (param i32) (result i32) (i32.add (local.get 0) (i32.const 1))))'
# A program large enough that compiling it is worth a word.
SLOW = "(module" + "".join(
    f'(func (export "f{n}") (param i32) (result i32) {"(i32.mul (local.get 0) (i32.add (local.get 0) " * 40}'
    f'(i32.const {n}){"))" * 40})' for n in range(4000)
) + ")"  # fmt: skip
PROCESS = """
import hashlib, sys, wasmtime
from imagelab.runtime.wasm import cache
program = sys.stdin.buffer.read()
print(cache.module(wasmtime.Engine(), program, hashlib.sha256(program).hexdigest(), "it") is not None)
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A cache folder of this test's own, and compilations counted."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "imagelab" / "wasm"


@pytest.fixture
def compilations(monkeypatch):
    counted = []
    real = wasmtime.Module.__init__

    def count(self, engine, wasm):
        counted.append(len(wasm))
        real(self, engine, wasm)

    monkeypatch.setattr(wasmtime.Module, "__init__", count)
    return counted


def add_one(text: str = ADD) -> int:
    engine = wasmtime.Engine()
    program = bytes(wasmtime.wat2wasm(text))
    module = cache.module(engine, program, hashlib.sha256(program).hexdigest(), "it")
    store = wasmtime.Store(engine)
    return wasmtime.Instance(store, module, []).exports(store)["f"](store, 41)


def test_the_second_time_it_is_there(folder, compilations, capsys):
    assert add_one() == add_one() == 42
    assert len(compilations) == 1
    (file,) = folder.glob("*.cwasm")
    assert (file.stat().st_mode & 0o777, folder.stat().st_mode & 0o777) == (0o600, 0o700)
    assert capsys.readouterr() == ("", "")  # what takes no time is not worth a word


def test_what_takes_a_while_is_told(folder):
    program = bytes(wasmtime.wat2wasm(SLOW))
    printed = [
        subprocess.run([sys.executable, "-c", PROCESS], input=program, capture_output=True, check=True).stderr.decode()
        for _ in range(2)
    ]
    assert printed[0].startswith("imagelab: compiling it for this machine, once ")
    assert printed[0].endswith(" s\n")
    assert printed[1] == ""


def test_another_program_is_another_file(folder, compilations):
    assert (add_one(), add_one(ADD.replace("const 1", "const 2"))) == (42, 43)
    assert len(list(folder.glob("*.cwasm"))) == 2


def test_many_at_once_compile_it_once(folder):
    program = bytes(wasmtime.wat2wasm(SLOW))
    several = [
        subprocess.Popen([sys.executable, "-c", PROCESS], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE) for _ in range(4)
    ]  # fmt: skip
    for process in several:
        process.stdin.write(program)
        process.stdin.close()
    printed = [(process.stdout.read(), process.stderr.read(), process.wait()) for process in several]
    assert [(out, code) for out, _, code in printed] == [(b"True\n", 0)] * 4
    assert sum(b"compiling" in err for _, err, _ in printed) == 1
    assert len(list(folder.glob("*.cwasm"))) == 1
    assert not list(folder.glob(".*.cwasm.*"))


@pytest.mark.parametrize("spoil", ["file", "folder", "above"])
def test_a_file_that_others_could_write_is_not_believed(folder, compilations, capsys, spoil):
    assert add_one() == 42
    (file,) = folder.glob("*.cwasm")
    {"file": file, "folder": folder, "above": folder.parent}[spoil].chmod(0o777)
    planted = file.read_bytes()
    assert add_one() == 42
    assert len(compilations) == 2
    if spoil == "file":  # a new one, in its place
        assert file.stat().st_mode & 0o777 == 0o600
        assert add_one() == 42
        assert len(compilations) == 2
    else:
        assert "not kept, since others may write" in capsys.readouterr().err
        assert file.read_bytes() == planted


def test_a_link_leads_to_no_belief(folder, compilations, tmp_path):
    """The file that it leads to counts, and where that lies."""
    assert add_one() == 42
    (file,) = folder.glob("*.cwasm")
    (tmp_path / "open").mkdir(mode=0o777)
    (tmp_path / "open").chmod(0o777)
    file.rename(tmp_path / "open" / "x")
    file.symlink_to(tmp_path / "open" / "x")
    assert add_one() == 42
    assert len(compilations) == 2


def test_a_file_of_another_machine_is_made_anew(folder, compilations):
    add_one()
    (file,) = folder.glob("*.cwasm")
    file.write_bytes(b"\x7fELF of some other machine")
    assert add_one() == add_one() == 42
    assert len(compilations) == 2


def test_a_folder_that_cannot_be_made_is_done_without(folder, compilations, tmp_path):
    (tmp_path / "imagelab").write_text("in the way")
    assert add_one() == add_one() == 42
    assert len(compilations) == 2


def test_the_oldest_go(folder):
    for number in range(cache.KEEP + 2):
        add_one(ADD.replace("const 1", f"const {number}"))
        newest = max(folder.glob("*.cwasm"), key=lambda file: file.stat().st_mtime)
        os.utime(newest, (number, number))
    kept = {file.name.split("-")[0] for file in folder.glob("*.cwasm")}
    programs = [wasmtime.wat2wasm(ADD.replace("const 1", f"const {number}")) for number in range(cache.KEEP + 2)]
    assert kept == {hashlib.sha256(program).hexdigest() for program in programs[2:]}


def test_one_that_is_used_is_not_the_oldest(folder):
    programs = [bytes(wasmtime.wat2wasm(ADD.replace("const 1", f"const {number}"))) for number in range(cache.KEEP + 1)]
    digests = [hashlib.sha256(program).hexdigest() for program in programs]
    for number, (program, digest) in enumerate(zip(programs[:-1], digests, strict=False)):
        cache.module(wasmtime.Engine(), program, digest, "it")
        (file,) = folder.glob(f"{digest}*.cwasm")
        os.utime(file, (number, number))
    cache.load_or_compile_aside(wasmtime.Engine(), programs[0], digests[0], "it")
    cache.module(wasmtime.Engine(), programs[-1], digests[-1], "it")
    assert {file.name.split("-")[0] for file in folder.glob("*.cwasm")} == {digests[0], *digests[2:]}


def test_no_program_is_an_error(folder):
    with pytest.raises(wasmtime.WasmtimeError):
        cache.module(wasmtime.Engine(), b"\0asm\1\0\0\0junk", "0" * 64, "it")
    assert not list(folder.glob("*.cwasm"))
