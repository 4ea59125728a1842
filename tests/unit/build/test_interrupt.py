"""The notebook's ■ button: it stops a build in the middle of a step, and no half image is left. Real kernels."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from jupyter_client.manager import start_new_kernel

from imagelab import Lab, Reference

pytestmark = pytest.mark.slow

LONG = "FROM lab/shell:1.0\nRUN echo $((40 + 2)) begun && sleep 300\n"  # longer than `until` waits
LARGE = "FROM lab/shell:1.0\nCOPY large /large\n"


@pytest.fixture(scope="module")
def kernel():
    manager, client = start_new_kernel(kernel_name="python3")
    yield manager, client
    client.stop_channels()
    manager.shutdown_kernel(now=True)


def send(client, code, **metadata):
    """Run a cell as a front end does: with `cellId` it is one that people look at."""
    content = {"code": code, "silent": False, "store_history": True, "user_expressions": {}, "allow_stdin": False}
    message = client.session.msg("execute_request", content, metadata=metadata)
    client.shell_channel.send(message)
    return message["header"]["msg_id"]


def until(client, wanted, seconds=60):
    """The messages of the kernel, up to the first that is wanted."""
    seen, end = [], time.monotonic() + seconds
    while time.monotonic() < end:
        seen.append(client.get_iopub_msg(timeout=end - time.monotonic()))
        if wanted(seen[-1]):
            return seen
    raise AssertionError(f"{len(seen)} messages, and not the one wanted: {seen[-3:]}")


def idle(id_):
    return lambda m: (m["msg_type"] == "status" and m["content"]["execution_state"] == "idle"
                      and m["parent_header"].get("msg_id") == id_)  # fmt: skip


def interrupted(kernel, code, begun):
    """Run a cell, press ■ once `begun` says so; returns the messages after that, up to the end of the cell."""
    manager, client = kernel
    id_ = send(client, code, cellId="a-cell")
    until(client, begun)
    manager.interrupt_kernel()
    return until(client, idle(id_))


def settled(home, before):
    """Nothing half made, nothing left behind, and the next build works."""
    lab = Lab(home)
    assert lab.verify() == []
    assert lab.store.tags().keys() == before
    assert [image.names[0].familiar for image in lab.images(True) if image.names] == ["lab/shell:1.0"]
    assert len(lab.build({"Dockerfile": "FROM lab/shell:1.0\nRUN echo ok > /ok\n"}, "ok:1").steps) == 2
    lab.gc()
    work = home / "tmp"
    assert not work.exists() or not any(work.iterdir())


def summary(messages):
    """What took the place of the bar."""
    updates = [m["content"]["data"] for m in messages if m["msg_type"] == "update_display_data"]
    return updates[-1]


@pytest.mark.parametrize("how", ["lab.build", "%docker build"])
def test_in_the_middle_of_a_long_run(kernel, tmp_path, how):
    home, folder = tmp_path / "home", tmp_path / "context"
    folder.mkdir()
    (folder / "Dockerfile").write_text(LONG)
    code = f"%load_ext imagelab\nfrom imagelab import Lab\nlab, folder = Lab({str(home)!r}), {str(folder)!r}\n"
    code += "lab.build(folder, 'x:1')" if how == "lab.build" else "%docker build -t x:1 {folder}"
    Lab(home, current=False).base()
    after = interrupted(kernel, code, lambda m: m["msg_type"] == "comm_msg" and "42 begun" in str(m["content"]))
    said = summary(after)
    assert said["text/plain"].startswith("Interrupted at step 2.")
    assert "42 begun" in said["text/html"] and "no image was made" in said["text/html"]
    errors = [m["content"] for m in after if m["msg_type"] == "error"]
    assert [(e["ename"], len(e["traceback"])) for e in errors] == [("Interrupted", 1)]
    settled(home, {Reference.parse("lab/shell:1.0")})


def test_in_the_middle_of_a_large_copy(kernel, tmp_path):
    home, folder = tmp_path / "home", tmp_path / "context"
    folder.mkdir()
    (folder / "Dockerfile").write_text(LARGE)
    with open(folder / "large", "wb") as file:
        os.truncate(file.fileno(), 8 << 30)
    Lab(home, current=False).base()
    code = f"from imagelab import Lab\nlab = Lab({str(home)!r})\nlab.build({str(folder)!r}, 'x:1')"

    def copying(message):
        """Some megabytes are in the store already."""
        return any(path.is_file() and path.stat().st_size > 4 << 20 for path in Path(home).rglob("*"))

    after = interrupted(kernel, code, copying)
    assert summary(after)["text/plain"].startswith("Interrupted at step 2.")
    settled(home, {Reference.parse("lab/shell:1.0")})


def test_a_cell_run_by_a_program_shows_no_bar(kernel, tmp_path):
    """As nbconvert and nbval run a cell: the same output each time."""
    _, client = kernel
    code = "from imagelab import Lab\nLab.temporary().build({'Dockerfile': 'FROM scratch\\nLABEL a=b\\n'}, 'x:1')"
    seen = until(client, idle(send(client, code)))
    assert [m["msg_type"] for m in seen if "display" in m["msg_type"] or "comm" in m["msg_type"]] == []
    looked = until(client, idle(send(client, code, cellId="a-cell")))
    assert summary(looked)["text/plain"].startswith("Built x:1 in 0.")
