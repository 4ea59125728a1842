"""Docker Engine loads what is built on our python:3.12-slim, as the image it is; its program is not for it to run."""

from __future__ import annotations

import json
import os

import pytest

from imagelab import Lab
from unit.runtime.wheels import wheel

pytest.importorskip("wasmtime", reason="pip install 'imagelab-oci[wasm]'")


def test_docker_loads_what_the_classic_dockerfile_makes(docker, tmp_path, monkeypatch):
    wheel(tmp_path / "wheels", "tiny", "1.5")
    for name, value in {"NO_INDEX": "1", "FIND_LINKS": str(tmp_path / "wheels"), "CONFIG_FILE": os.devnull}.items():
        monkeypatch.setenv(f"PIP_{name}", value)
    lab = Lab.temporary(epoch=0)
    text = "FROM python:3.12-slim\nWORKDIR /app\nCOPY requirements.txt .\n"
    text += 'RUN pip install -r requirements.txt\nCOPY . .\nCMD ["python", "app.py"]\n'
    context = {"Dockerfile": text, "requirements.txt": "tiny\n", "app.py": "import tiny\n"}
    image = lab.build(context, "classic:1").image
    lab.save("classic:1", tmp_path / "classic.tar")
    docker("load", "-i", tmp_path / "classic.tar")
    told = json.loads(docker("inspect", "classic:1"))[0]
    assert told["Id"] == image.id
    assert told["RootFS"]["Layers"] == list(image.diff_ids)
    assert told["Config"]["Cmd"] == ["python", "app.py"]
    assert "not Docker's image" in told["Config"]["Labels"]["dev.imagelab.base"]
    docker("create", "--name", "classic", "--network", "none", "classic:1")
    docker("cp", "classic:/usr/local/lib/python3.12/site-packages/tiny.py", tmp_path / "tiny.py")
    assert (tmp_path / "tiny.py").read_text() == "VERSION = '1.5'\n"
    docker("rm", "classic")
    done = docker.run("run", "--rm", "--network", "none", "classic:1")
    assert done.returncode != 0
    assert b"exec format error" in done.stderr
