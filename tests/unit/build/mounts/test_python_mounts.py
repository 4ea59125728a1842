"""RUN --mount for the Python and the pip of the base image made here."""

from __future__ import annotations

import io
import zipfile

import pytest

from imagelab import Lab

pytest.importorskip("wasmtime")


def wheel() -> bytes:
    """A wheel of one module, `tiny`."""
    made = io.BytesIO()
    info = "tiny-1.0.dist-info"
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("tiny.py", "SAID = 'tiny'\n")
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", f"tiny.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n")
    return made.getvalue()


def test_pip_and_python_see_mounts_and_leave_none(tmp_path):
    lab = Lab(tmp_path / "home", epoch=0)
    text = """
FROM python:3.12-slim
WORKDIR /app
RUN --mount=type=cache,target=/root/.cache/pip \\
    --mount=type=bind,source=requirements.txt,target=requirements.txt \\
    --mount=type=bind,source=wheels,target=/wheels \\
    pip install --no-index --find-links /wheels -r requirements.txt
RUN --mount=type=secret,id=token,env=TOKEN --mount=type=secret,id=token --mount=source=run.py,target=/run.py \\
    python /run.py
"""
    script = (
        "import os, tiny\n"
        "secret = open('/run/secrets/token').read()\n"
        "open('/said', 'w').write(f\"{tiny.SAID} {secret == os.environ['TOKEN']} {len(secret)}\")\n"
    )
    context = {"Dockerfile": text, "requirements.txt": "tiny\n", "wheels/tiny-1.0-py3-none-any.whl": wheel()}
    built = lab.build({**context, "run.py": script}, secrets={"token": b"s3cret"})
    tree = built.image.tree()
    assert tree["said"].read() == b"tiny True 6"
    assert not tree.keys() & {"app/requirements.txt", "wheels", "run.py", "run/secrets", "root/.cache"}
    assert "usr/local/lib/python3.12/site-packages/tiny.py" in tree
