"""The notebook's ■ button while a container runs in a cell: first the program's, then its end. A real kernel."""

from __future__ import annotations

import pytest

from imagelab import Entry, Lab
from unit.build.test_interrupt import idle, kernel, send, until

pytestmark = pytest.mark.slow

assert kernel  # a fixture

DEAF = "trap '' INT; echo up; while true; do sleep 0.1; done"
POLITE = "trap 'echo heard; exit 9' INT; echo up; while true; do sleep 0.1; done"


@pytest.fixture
def lab(tmp_path, busybox, bwrap):
    made = Lab(tmp_path / "home", current=False)
    files = {f"bin/{name}": Entry.symlink("busybox") for name in ("sh", "sleep", "echo")}
    files["bin/busybox"] = Entry.file(busybox.read_bytes(), 0o755)
    made.tag(made.append(None, files).with_config(Env=["PATH=/bin"]), "linux:1")
    made.base()
    yield made
    for one in made.containers():
        one.remove(force=True)


def text(message, stream="stdout") -> str:
    content = message["content"]
    return content["text"] if message["msg_type"] == "stream" and content["name"] == stream else ""


def cell(lab, how: str, image: str, script: str) -> str:
    open_it = f"%load_ext imagelab\nfrom imagelab import Lab\nlab = Lab({str(lab.home)!r})\n"
    if how == "%docker run":
        return open_it + f'%docker run --name web {image} sh -c "{script}"'
    return open_it + (
        f"import sys\nlab.run({image!r}, 'sh', '-c', {script!r}, name='web', "
        "output=lambda stream, data: print(data.decode(), end='', flush=True))\n'and on'"
    )


@pytest.mark.parametrize("how", ["%docker run", "lab.run"])
@pytest.mark.parametrize("image", ["linux:1", "lab/shell:1.0"])
def test_one_that_ignores_the_first_is_killed_by_the_second(kernel, lab, image, how):
    manager, client = kernel
    id_ = send(client, cell(lab, how, image, DEAF))
    until(client, lambda m: "up" in text(m))
    web = lab.container("web")
    manager.interrupt_kernel()
    seen = until(client, lambda m: "interrupt again to kill it" in text(m, "stderr"))
    assert text(seen[-1], "stderr").endswith(
        "sh was interrupted and goes on running, as the container web: interrupt again to kill it\n"
    )
    assert web.running
    manager.interrupt_kernel()
    after = until(client, idle(id_))
    assert (web.status, web.exit_code) == ("exited", 137)
    errors = [m["content"] for m in after if m["msg_type"] == "error"]
    assert [len(e["traceback"]) for e in errors] == [1]
    assert errors[0]["ename"] == ("CommandFailed" if how == "%docker run" else "Interrupted")
    words = "".join(text(m, "stderr") for m in after) + errors[0]["evalue"]
    assert "the container web was killed" in words
    assert not any(m["msg_type"] == "execute_result" for m in after)


def test_one_that_hears_the_first_ends_by_itself(kernel, lab):
    manager, client = kernel
    id_ = send(client, cell(lab, "%docker run", "linux:1", POLITE))
    until(client, lambda m: "up" in text(m))
    manager.interrupt_kernel()
    after = until(client, idle(id_))
    assert "heard\n" in "".join(map(text, after))
    assert "".join(text(m, "stderr") for m in after) == ""
    (error,) = (m["content"]["evalue"] for m in after if m["msg_type"] == "error")
    assert error.endswith("exit code 9")
    assert lab.container("web").exit_code == 9
