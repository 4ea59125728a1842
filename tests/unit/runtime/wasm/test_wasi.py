"""A WebAssembly program in a root folder: what it gets, what it cannot reach, and how it ends."""

from __future__ import annotations

import json
import os

import pytest

from imagelab.errors import LabError
from imagelab.host.root import Bind, Root
from imagelab.runtime.binfmt import kind_of, run, startable
from imagelab.runtime.program import CannotStart, Program
from imagelab.runtime.wasm.wasi import ABORTED, MAX_MEMORY

from ..boxes import ENV, Box

wasmtime = pytest.importorskip("wasmtime", reason="pip install 'imagelab-oci[wasm]'")

pytestmark = pytest.mark.slow


def wat(box: Box, path: str, text: str) -> None:
    """Put a program written by hand into the root folder."""
    file = box.write(path, "", 0o755)
    file.write_bytes(bytes(wasmtime.wat2wasm(text)))


# What it gets --------------------------------------------------------------------------------------------------------


def test_a_script_runs_in_its_working_directory(box):
    box.write("app/data.txt", "hello")
    box.write("app/helper.py", "X = 1\n")
    box.write("app/app.py", "import sys, helper, os\nprint(open('data.txt').read(), sys.argv, os.getcwd(), __file__)\n")
    done = box.run("python", "app.py", "a b", "", cwd="/app")
    assert done == (0, "hello ['app.py', 'a b', ''] /app /app/app.py\n", "")


@pytest.mark.parametrize("flags", [(), ("-I", "-S"), ("-E", "-s", "-B")])
def test_the_working_directory_needs_nothing_of_the_library(box, flags):
    box.write("usr/src/app/data.txt", "hello")
    done = box.run("python", *flags, "-c", "print(open('data.txt').read())", cwd="/usr/src/app")
    assert done == (0, "hello\n", "")


def test_it_can_change_its_directory(box):
    box.write("a/b/c", "1")
    code = "import os\nos.chdir('/a')\nos.chdir('b')\nprint(os.getcwd(), os.listdir('.'))"
    assert box.python(code, cwd="/usr").out == "/a/b ['c']\n"


def test_a_directory_behind_a_link_is_the_real_one(box):
    box.write("real/data.txt", "1")
    os.symlink("/real", box.folder / "linked")
    assert box.python("print(open('data.txt').read())", cwd="/linked").out == "1\n"


def test_mounts_are_seen_and_may_be_read_only(box, tmp_path):
    for name in ("host", "volume", "root/m", "root/v"):
        (tmp_path / name).mkdir(parents=True, exist_ok=True)
    (tmp_path / "host/f").write_text("host")
    code = """
print(open('/m/f').read())
for path in ('/m/f', '/m/new', '/new', '/v/n'):
    try:
        open(path, 'w').write('x')
        print('wrote', path)
    except OSError as error:
        print(path, error.errno in (2, 13, 30, 69, 63))
"""
    mounts = [Bind("m", str(tmp_path / "host"), True), Bind("v", str(tmp_path / "volume"))]
    done = box.run("python", "-c", code, mounts=mounts, readonly=True)
    assert (done.out, done.err) == ("host\n/m/f True\n/m/new True\n/new True\nwrote /v/n\n", "")
    assert [(tmp_path / name).read_text() for name in ("host/f", "volume/n")] == ["host", "x"]
    assert not (box.folder / "new").exists()
    started = box.run("sh", "-c", "cd /v && python -c \"print(open('n').read(), open('/m/f').read())\"", mounts=mounts)
    assert (started.out, started.err) == ("x host\n", "")
    with pytest.raises(CannotStart, match=r"^/one: WebAssembly programs see mounted folders"):
        box.run("python", "-c", "", mounts=[Bind("one", str(tmp_path / "host/f"))])


def test_modules_and_standard_input(box):
    box.write("app/mod.py", "import sys\nprint(sys.argv, __name__)\n")
    assert box.run("python", "-m", "mod", "x", cwd="/app").out == "['/app/mod.py', 'x'] __main__\n"
    assert box.run("python", stdin=b"print(6 * 7)\n").out == "42\n"
    assert box.python("import sys; print(sys.stdin.read().upper())", stdin="é\n".encode()).out == "É\n\n"


def test_the_environment_is_its_own(box, monkeypatch):
    monkeypatch.setenv("IMAGELAB_TEST_SECRET", "1")
    code = "import os, json; print(json.dumps(dict(os.environ)))"
    done = box.python(code, env={"A": "ü b"}, cwd="/usr")
    assert json.loads(done.out) == {**ENV, "A": "ü b", "PWD": "/usr"}


def test_it_is_python_312_in_usr_local(box):
    code = "import sys; print(sys.version_info[:2], sys.prefix, sys.executable, sys.platform, *sys.path, sep='\\n')"
    assert box.python(code).out.splitlines() == [
        "(3, 12)", "/usr/local", "/usr/local/bin/python", "wasi", "", "/usr/local/lib/python312.zip",
        "/usr/local/lib/python3.12", "/usr/local/lib/python3.12/lib-dynload",
        "/usr/local/lib/python3.12/site-packages",
    ]  # fmt: skip


def test_the_standard_library_is_all_there(box):
    modules = "argparse asyncio csv datetime decimal email html http.server json logging pathlib sqlite3 unittest zlib"
    assert box.python(f"import {', '.join(modules.split())}; print('all')") == (0, "all\n", "")


def test_the_image_has_its_own_usr(box):
    """The program file has a read-only /usr built in, which would hide the image's."""
    box.write("usr/share/x", "1")
    code = "import os; os.mkdir('/usr/new'); open('/usr/local/y', 'w').write('2'); print(sorted(os.listdir('/usr')))"
    assert box.python(code).out == "['local', 'new', 'share']\n"
    assert (box.folder / "usr/local/y").read_text() == "2"
    assert oct((box.folder / "usr/local/y").stat().st_mode) == oct(0o100644)


def test_a_script_names_its_interpreter(box):
    one = "#!/usr/local/bin/python3 -B\nimport sys; print(sys.argv, sys.flags.dont_write_bytecode)\n"
    box.write("bin/one", one, 0o755)
    box.write("app/two", "#!/usr/bin/env python\nimport sys; print(sys.argv)\n", 0o755)
    assert box.run("one", "x").out == "['/bin/one', 'x'] 1\n"
    assert box.run("./two", "x", cwd="/app").out == "['./two', 'x']\n"


# How it ends ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [0, 1, 3, 125, 126, 137, 200, 255])
def test_an_exit_code_is_any_byte(box, code):
    assert box.python(f"import sys; print('x'); sys.exit({code})") == (code, "x\n", "")


def test_an_exception_is_python_s(box):
    code, out, err = box.python("1 / 0")
    assert (code, out, err.splitlines()[-1]) == (1, "", "ZeroDivisionError: division by zero")


def test_an_abort_is_told_in_one_line(box):
    done = box.python("import os; os.abort()")
    assert (done.code, len(done.err.splitlines())) == (ABORTED, 1)
    assert "aborted" in done.err


def test_memory_has_a_limit(box):
    done = box.python(f"x = bytearray({MAX_MEMORY})")
    assert (done.code, done.err.splitlines()[-1]) == (1, "MemoryError")


@pytest.mark.parametrize("code", ["while True: pass", "import time; time.sleep(60)"])
def test_time_has_a_limit(box, code):
    with pytest.raises(LabError, match="ran longer than 2 seconds"):
        run(box.folder, Root(box.folder), Program(("python", "-c", code), ENV, timeout=2), lambda stream, data: None)


def test_it_keeps_its_own_time_too(box):
    """A container's process has nobody beside it who would watch the clock."""
    assert box.run("python", "-c", "while True: pass", timeout=1).code == 137


# What it cannot ------------------------------------------------------------------------------------------------------

ESCAPES = {
    "an absolute link": "open('/absolute').read()",
    "a relative link": "open('/relative').read()",
    "a link to a folder": "open('/folder/secret').read()",
    "a chain of links": "open('/chain').read()",
    "dots": "open('/../secret').read()",
    "dots from below": "open('/usr/../../secret').read()",
    "dots from here": "import os; os.chdir('/usr'); open('../../secret').read()",
    "a listing": "import os; os.listdir('/folder')",
    "a stat": "import os; os.stat('/absolute')",
    "a link of its own": "import os; os.symlink('../secret', '/mine'); open('/mine').read()",
    "an absolute link of its own": "import os; os.symlink('SECRET', '/mine'); open('/mine').read()",
    "a hard link": "import os; os.link('/../secret', '/mine'); open('/mine').read()",
    "a hard link through a link": "import os; os.link('/folder/secret', '/mine'); open('/mine').read()",
    "a move in": "import os; os.rename('/folder/secret', '/mine'); open('/mine').read()",
    "the path it has there": "open('SECRET').read()",
}
OVERWRITES = {
    "a link": "open('/absolute', 'w').write('x')",
    "a link that hangs": "open('/hanging', 'w').write('x')",
    "a link to a folder": "open('/folder/new', 'w').write('x')",
    "a folder": "import os; os.mkdir('/folder/new')",
    "a removal": "import os; os.remove('/folder/secret')",
    "a move out": "import os; open('/m', 'w').close(); os.rename('/m', '/folder/new')",
    "a link out": "import os; open('/m', 'w').close(); os.link('/m', '/folder/new')",
    "a symlink out": "import os; os.symlink('x', '/folder/new')",
    "dots": "open('/../new', 'w').write('x')",
    "a time": "import os; os.utime('/absolute', (1, 1))",
    "a cut": "import os; os.truncate('/absolute', 0)",
}


@pytest.fixture
def surrounded(box, tmp_path):
    """A root folder with links that lead out of it, to a folder that holds one secret."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_text("secret")
    (tmp_path / "secret").write_text("secret")
    for name, target in {
        "absolute": outside / "secret", "relative": "../outside/secret", "folder": "../outside", "chain": "relative",
        "hanging": outside / "new",
    }.items():  # fmt: skip
        os.symlink(target, box.folder / name)
    return box, outside


@pytest.mark.parametrize("how", ESCAPES)
def test_it_reads_nothing_outside(surrounded, how):
    box, outside = surrounded
    code = ESCAPES[how].replace("SECRET", str(outside / "secret"))
    done = box.python(f"try:\n  exec({code!r})\n  print('reached')\nexcept OSError: print('refused')")
    assert done == (0, "refused\n", "")


@pytest.mark.parametrize("how", OVERWRITES)
def test_it_writes_nothing_outside(surrounded, how):
    box, outside = surrounded
    before = {(p.name, p.read_bytes(), p.stat().st_mtime_ns, p.stat().st_nlink) for p in outside.iterdir()}
    done = box.python(f"try:\n  exec({OVERWRITES[how]!r})\nexcept OSError as e: print('refused')")
    assert done.out == "refused\n", done
    assert {(p.name, p.read_bytes(), p.stat().st_mtime_ns, p.stat().st_nlink) for p in outside.iterdir()} == before
    assert sorted(p.name for p in box.folder.parent.iterdir()) == ["outside", "root", "secret"]


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="needs root")
@pytest.mark.parametrize("argv", [("python", "-c", "open('/etc/zero')"), ("sh", "-c", "head -c 1 /etc/zero")])
def test_root_s_programs_reach_no_device(box, argv):
    (box.folder / "etc").mkdir(exist_ok=True)
    os.mknod(box.folder / "etc/zero", 0o020666, os.makedev(1, 5))
    with pytest.raises(CannotStart, match="/etc/zero is a device"):
        box.run(*argv)


@pytest.mark.parametrize("code", [
    "import socket; socket.create_connection(('127.0.0.1', 1))",
    "import socket; socket.socket().bind(('127.0.0.1', 0))",
    "import subprocess; subprocess.run(['sh', '-c', 'true'])",
    "import os; os.fork()",
    "import threading; threading.Thread(target=print).start()",
    "import os; os.kill(1, 9)",
])  # fmt: skip
def test_no_network_no_threads_no_other_processes(box, code):
    done = box.python(f"try: exec({code!r})\nexcept (OSError, AttributeError, RuntimeError) as e: print(type(e))")
    assert done.code == 0
    assert "Error" in done.out


# Other programs ------------------------------------------------------------------------------------------------------

HELLO = """(module
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\\10\\00\\00\\00\\06\\00\\00\\00") (data (i32.const 16) "hello\\n")
  (func (export "_start") (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 32)))))"""


def test_any_webassembly_program_runs(box):
    wat(box, "bin/hello", HELLO)
    assert box.run("hello") == (0, "hello\n", "")


@pytest.mark.parametrize("text, words", [
    ("(module)", "no _start"),
    ('(module (import "other" "f" (func)) (func (export "_start")))', "exec format error"),
    ('(module (memory (export "memory") 20000) (func (export "_start")))', "exec format error"),
])  # fmt: skip
def test_a_program_that_wants_more_is_refused(box, text, words):
    wat(box, "bin/odd", text)
    done = box.run("odd")
    assert (done.code, words in done.err) == (126, True), done
    assert "Traceback" not in done.err


def test_what_only_begins_like_one_is_refused(box):
    box.write("bin/odd", "", 0o755).write_bytes(b"\0asm\1\0\0\0 and no more")
    done = box.run("odd")
    assert (done.code, "exec format error" in done.err, "Traceback" in done.err) == (126, True, False), done


@pytest.mark.parametrize("word", ["a\0b", "\udcff"])
def test_arguments_are_text(box, word):
    with pytest.raises(CannotStart, match="not text in UTF-8"):
        box.run("python", "-c", "pass", word)


def test_without_wasmtime_it_says_what_to_install(box, monkeypatch):
    monkeypatch.setattr("imagelab.runtime.wasm.wasi.find_spec", lambda name: None)
    with pytest.raises(CannotStart, match=r"pip install 'imagelab-oci\[wasm\]'"):
        box.run("python", "-c", "pass", forked=False)


# In a script ---------------------------------------------------------------------------------------------------------


def test_a_script_starts_python(box):
    box.write("app/app.py", "import os, sys\nprint(os.getcwd(), os.environ['A'], sys.argv[1:], sys.stdin.read())\n")
    script = "cd /app && echo in | A=1 python app.py x > out; cat out; python -c 'exit(7)' || echo $?"
    done = box.run("sh", "-c", script)
    assert done == (0, "/app 1 ['x'] in\n\n7\n", "")


def test_what_python_prints_in_a_script_comes_at_once(box):
    """The program goes on only when it reads a file that is put there when its first line was seen."""
    code = "import os\nprint('one', flush=True)\nwhile not os.path.exists('/answer'): pass\nprint('two')"
    seen = []

    def output(stream, data):
        seen.append(data)
        if b"one" in data:
            (box.folder / "answer").touch()

    program = Program(("sh", "-c", f"python -c \"{code}\""), ENV, timeout=60)
    assert run(box.folder, Root(box.folder), program, output) == 0
    assert b"".join(seen) == b"one\ntwo\n"


def test_what_python_prints_in_a_script_stays_bytes(box):
    script = "python -c 'import os; os.write(1, bytes([255, 0, 10]))'; python -c 'print(9)' | head -1"
    done = box.run("sh", "-c", script)
    assert done.out == "\\xff\0\n9\n"


def test_a_script_that_is_stopped_stops_what_it_started(box):
    box.write("app/app.py", "open('/started', 'w').close()\nwhile True: open('/now', 'w').write('x')\n")
    program = Program(("sh", "-c", "python /app/app.py; echo not here"), ENV, timeout=5)
    with pytest.raises(LabError, match="ran longer"):
        run(box.folder, Root(box.folder), program, lambda stream, data: None)
    assert (box.folder / "started").exists()
    (box.folder / "now").unlink(missing_ok=True)
    while any((box.folder / "now").exists() for _ in range(100_000)):  # one that still writes has no end
        (box.folder / "now").unlink(missing_ok=True)


def test_only_programs_that_run_anywhere_are_handed_to_scripts(box):
    box.write("usr/bin/elf", "\x7fELF", 0o755)
    box.write("usr/bin/tool", "#!/usr/local/bin/python3.12\n", 0o755)
    box.write("usr/bin/text", "no program", 0o755)
    names = startable(Root(box.folder), ENV)
    assert {"python", "python3", "pip", "tool", "/usr/bin/tool"} <= set(names)
    assert not {"elf", "text", "sh"} & set(names)


def test_pip_as_a_module_is_pip(box):
    files = Root(box.folder)
    assert kind_of(files, Program(("python3", "-m", "pip", "list"), ENV)) == "pip"
    assert kind_of(files, Program(("python3", "-m", "json.tool"), ENV)) == "wasm"
    (box.folder / "usr/local/bin/pip").unlink()
    assert kind_of(files, Program(("python3", "-m", "pip", "list"), ENV)) == "wasm"


def test_a_program_compiled_for_another_processor_is_compiled_again_once(tmp_path, monkeypatch):
    """As on a machine that has been given the home folder of another one; it used to be compiled on each run."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    box = Box(tmp_path / "root")
    wat(box, "hello", HELLO)
    first = box.run("/hello")
    (file,) = (tmp_path / "cache/imagelab/wasm").glob("*.cwasm")
    whole = file.read_bytes()
    file.write_bytes(b"\x7fELF for another processor")
    assert box.run("/hello") == first == (0, first.out, "")
    assert file.read_bytes()[:4] == whole[:4] != b""
    assert len(file.read_bytes()) == len(whole)
