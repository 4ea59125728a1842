"""The Dockerfile that everybody writes first builds and runs: no Docker, no internet, no root."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

import imagelab
from imagelab import Lab
from imagelab.build.dockerfile import DockerfileError
from imagelab.build.progress import Watcher
from imagelab.runtime.wasm.cache import cache_folder
from imagelab.runtime.wasm.wasi import PYTHON_SHA256

from .wheels import wheel

pytest.importorskip("wasmtime", reason="pip install 'imagelab-oci[wasm]'")

pytestmark = pytest.mark.slow

CLASSIC = """\
FROM python:3.12-slim
WORKDIR /app
COPY requirements.txt .
RUN pip install --no-cache-dir -r requirements.txt
COPY . .
RUN python -c "import tiny, helper" && echo built > /app/built
CMD ["python", "app.py"]
"""
CONTEXT = {
    "Dockerfile": CLASSIC, "requirements.txt": "tiny\n", "helper.py": "WORD = 'hello'\n",
    "app.py": "import sys, tiny, helper\nprint(helper.WORD, tiny.VERSION, open('built').read().strip(), sys.argv)\n",
}  # fmt: skip
SCRIPT = """
import json, os, sys
from pathlib import Path
from imagelab import Lab
from imagelab.runtime.binfmt import run
from imagelab.runtime.program import Program
from imagelab.host.root import Root
home, wheels, context, user, mask = sys.argv[1], sys.argv[2], json.loads(sys.argv[3]), int(sys.argv[4]), sys.argv[5]
if os.geteuid() != user:
    os.setgroups([])
    os.setgid(user)
    os.setuid(user)
os.umask(int(mask, 8))
os.environ |= {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": wheels, "PIP_CONFIG_FILE": os.devnull, "HOME": home}
lab = Lab(home + "/lab", epoch=0)
image = lab.build(context, "app:1").image
root = Path(home, "root")
lab.unpack(image, root)
env = dict(line.split("=", 1) for line in image.config["config"]["Env"])
program = Program(tuple(image.config["config"]["Cmd"]), env, image.config["config"]["WorkingDir"])
said = []
code = run(root, Root(root), program, lambda stream, data: said.append((stream, data.decode())))
print(json.dumps([image.id, code, "".join(data for stream, data in said if stream == "stdout"), len(image.layers)]))
"""


def python_for(user: int) -> str:
    """A Python that this user may run: the one that runs the tests may lie where only root can read."""
    candidates = [sys.executable, f"/usr/bin/python{sys.version_info[0]}.{sys.version_info[1]}"]
    for path in candidates if user else candidates[:1]:
        probe = [path, "-c", "import sys; print(sys.version_info[:2])"]
        try:
            done = subprocess.run(probe, user=user, group=user, extra_groups=[], capture_output=True, cwd="/")
        except OSError:
            continue
        if done.stdout.decode().strip() == str(sys.version_info[:2]):
            return path
    pytest.skip("needs a Python that an ordinary user may run (apt-get install python3)")


def built(place: Path, wheels: Path, user: int, name: str, mask: str = "022", **env: str) -> list[object]:
    """Build and run it in a process of its own: [image ID, exit code, output, layers]."""
    home = place / name
    cached = home / ("Library/Caches" if sys.platform == "darwin" else ".cache") / "imagelab" / "wasm"
    cached.mkdir(0o700, parents=True)
    for file in cache_folder().glob(f"{PYTHON_SHA256}*.cwasm"):  # compiling it takes most of the time, and is no matter
        shutil.copy(file, cached)
    for made in (home, *home.rglob("*")):
        os.chown(made, user, user)
    environ = {name: value for name, value in os.environ.items() if name != "XDG_CACHE_HOME"}
    found = [str(Path(imagelab.__file__).parents[1]), *(path for path in sys.path if path.endswith("site-packages"))]
    done = subprocess.run(
        [python_for(user), "-c", SCRIPT, home, wheels, json.dumps(CONTEXT), str(user), mask], capture_output=True,
        cwd="/", env={**environ, "PYTHONPATH": os.pathsep.join(found), **env},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout)


@pytest.fixture
def place():
    """A folder that another user can reach; pytest's own are closed to them."""
    with tempfile.TemporaryDirectory(prefix="imagelab-test-") as folder:
        os.chmod(folder, 0o755)
        yield Path(folder)


@pytest.fixture
def wheels(place):
    wheel(place / "wheels", "tiny", "1.5", requires=["dep"])
    wheel(place / "wheels", "dep")
    return place / "wheels"


WANTED = [0, "hello 1.5 built ['app.py']\n"]


@pytest.mark.usefixtures("unpacked")
def test_it_builds_and_runs_and_is_the_same_each_time(place, wheels):
    first = built(place, wheels, os.geteuid(), "first")
    second = built(place, wheels, os.geteuid(), "second", "077", TZ="Asia/Kathmandu", LC_ALL="C")
    assert first[1:3] == WANTED
    assert first == second


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="needs root")
@pytest.mark.usefixtures("unpacked")
def test_an_ordinary_user_builds_the_same(place, wheels):
    mine, theirs = built(place, wheels, 0, "root"), built(place, wheels, 12345, "user")
    assert theirs[1:3] == WANTED
    assert mine == theirs


class Output(Watcher):
    def __init__(self) -> None:
        self.said = ""

    def output(self, step, stream, data) -> None:
        self.said += data.decode()


@pytest.fixture
def offline(wheels, monkeypatch):
    for name, value in {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheels), "PIP_CONFIG_FILE": os.devnull}.items():
        monkeypatch.setenv(name, value)
    return Lab.temporary(epoch=0)


def test_its_layers_name_no_folder_of_this_machine(offline, place):
    image = offline.build(CONTEXT).image
    words = [str(word).encode() for word in (place, sys.prefix, offline.home, Path(imagelab.__file__).parent)]
    for layer in image.layers[3:]:
        with layer.open() as file:
            content = file.read()
        assert not [word for word in words if word in content]
    assert [step.created_by.split(" #")[0] for step in image.steps[-6:]] == [
        "WORKDIR /app", "COPY requirements.txt .", "RUN /bin/sh -c pip install --no-cache-dir -r requirements.txt",
        "COPY . .", 'RUN /bin/sh -c python -c "import tiny, helper" && echo built > /app/built',
        'CMD ["python" "app.py"]',
    ]  # fmt: skip


def test_the_cache_has_pip_s_step_until_the_requirements_change(offline):
    offline.build(CONTEXT)
    edited = offline.build({**CONTEXT, "app.py": "print(2)\n"})
    assert [step.hit for step in edited.steps] == [True, True, True, True, False, False, False]
    more = offline.build({**CONTEXT, "requirements.txt": "tiny\ndep\n"})
    assert [step.hit for step in more.steps][:4] == [True, True, False, False]


@pytest.mark.parametrize("run", [
    "RUN pip install tiny", "RUN pip install tiny && python -c 'import tiny; print(tiny.VERSION)'",
    'RUN ["pip", "install", "tiny"]', "RUN python -m pip install tiny", "RUN <<EOF\nset -e\npip3 install tiny\nEOF",
    "RUN python - <<EOF\nimport sys; print(sys.version)\nEOF\nRUN pip install -q tiny",
    "ARG PIP_FIND_LINKS=/w\nCOPY w /w\nRUN pip install tiny", "ENV PIP_FIND_LINKS=/w\nCOPY w /w\nRUN pip install tiny",
])  # fmt: skip
def test_the_ways_people_write_it(offline, wheels, run):
    context = {f"w/{path.name}": path.read_bytes() for path in wheels.iterdir()}
    image = offline.build({"Dockerfile": f"FROM python:3.12-slim\n{run}\n", **context}).image
    assert image.read("usr/local/lib/python3.12/site-packages/tiny.py") == b"VERSION = '1.5'\n"


@pytest.mark.parametrize("run, words", [
    ("pip install nowhere", "nowhere: this Python takes pure-Python wheels"),
    ("python -c 'import nowhere'", "No module named 'nowhere'"),
    ("python nowhere.py", "No such file or directory"),
])  # fmt: skip
def test_a_failure_is_the_program_s_own_words(offline, run, words):
    watcher = Output()
    with pytest.raises(DockerfileError, match=r"Dockerfile:2: RUN: .*exit code"):
        offline.build({"Dockerfile": f"FROM python:3.12-slim\nRUN {run}\n"}, watcher=watcher)
    assert words in watcher.said
    assert "Traceback" not in watcher.said or "ModuleNotFoundError" in watcher.said


@pytest.mark.parametrize("run", ["pip install -r requirements.txt", '["pip", "install", "-r", "requirements.txt"]'])
def test_the_command_of_a_shell_builds_and_runs_it(offline, place, run):
    """A process of its own starts programs in another way than a notebook does: by a fork."""
    for path, content in CONTEXT.items():
        (place / path).write_text(content.replace("pip install --no-cache-dir -r requirements.txt", run))
    told = [sys.executable, "-m", "imagelab", "--home", str(offline.home)]
    built = subprocess.run([*told, "build", "-t", "app:1", place], capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    assert "  | Successfully installed dep-1.0 tiny-1.5" in built.stderr
    done = subprocess.run([*told, "run", "--rm", "app:1"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "hello 1.5 built ['app.py']\n"), done.stderr


def test_a_container_runs_it(offline):
    offline.build(CONTEXT, "app:1")
    printed = b""

    def output(stream, data):
        nonlocal printed
        printed += data if stream == "stdout" else b""

    container = offline.run("app:1", output=output)
    assert (container.exit_code, printed) == (0, b"hello 1.5 built ['app.py']\n")


def test_a_container_of_the_base_itself(offline):
    printed = []
    code = "print(6 * 7)"
    container = offline.run("python:3.12-slim", "python", "-c", code, output=lambda stream, data: printed.append(data))
    assert container.exit_code == 0
    assert b"42\n" in b"".join(printed)
