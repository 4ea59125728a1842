"""pip in a container: what it installs, from where, and what it may not do."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from imagelab.runtime.program import CannotStart

from ..boxes import SITE, Box
from ..wheels import wheel

pytest.importorskip("wasmtime", reason="pip install 'imagelab-oci[wasm]'")
pytest.importorskip("pip")

pytestmark = pytest.mark.slow


@pytest.fixture
def wheels(tmp_path, monkeypatch):
    """A folder of wheels, the only place where pip looks; no setting of this machine's counts."""
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    folder = tmp_path / "wheels"
    folder.mkdir()
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    wheel(folder, "dep", "1.5")
    wheel(folder, "tiny", "1.0", {"tinypkg/__init__.py": "def main(): print('tiny 1')\n", "tinypkg/old.py": ""},
          requires=["dep>=1; python_version>='3.12'", "windows; sys_platform=='win32'"], scripts="tiny = tinypkg:main")
    wheel(folder, "tiny", "2.0", {"tinypkg/__init__.py": "def main(): print('tiny 2')\n"}, requires=["dep"],
          scripts="tiny = tinypkg:main")  # fmt: skip
    return folder


def listed(box: Box) -> dict[str, str]:
    """What is in site-packages, bin and share: path → digest."""
    root = box.folder
    found = (p for top in (SITE, "usr/local/bin", "usr/local/share") for p in (root / top).rglob("*") if p.is_file())
    return {str(p.relative_to(root)): hashlib.sha256(p.read_bytes()).hexdigest() for p in found if not p.is_symlink()}


def ok(done):
    assert done.code == 0, done
    return done


def test_what_is_installed_can_be_imported_and_started(box, wheels):
    box.write("app/requirements.txt", "\ufeff# what we need\r\ntiny==1.0 \\\r\n  # and why\r\n")
    done = ok(box.run("pip", "install", "--no-cache-dir", "-r", "requirements.txt", cwd="/app"))
    assert "Successfully installed dep-1.5 tiny-1.0" in done.out
    assert done.err == ""
    assert ok(box.python("import tinypkg, dep; print(tinypkg.__file__, dep.VERSION)")).out.split() == [
        f"/{SITE}/tinypkg/__init__.py", "1.5",
    ]  # fmt: skip
    assert box.run("tiny") == (0, "tiny 1\n", "")
    script = (box.folder / "usr/local/bin/tiny").read_text()
    assert script.startswith("#!/usr/local/bin/python3.12\n")
    assert (box.folder / "usr/local/bin/tiny").stat().st_mode & 0o777 == 0o755
    assert "../../../bin/tiny,sha256=" in (box.folder / SITE / "tiny-1.0.dist-info/RECORD").read_text()


def test_it_is_done_once(box, wheels):
    ok(box.run("pip", "install", "tiny==1.0"))
    before = listed(box)
    done = ok(box.run("pip", "install", "tiny==1.0"))
    assert f"Requirement already satisfied: tiny==1.0 in ./{SITE}" in done.out
    assert listed(box) == before
    ok(box.run("pip", "install", "--force-reinstall", "tiny==1.0"))
    assert listed(box) == before


def test_an_upgrade_leaves_nothing_behind(box, wheels, tmp_path):
    ok(box.run("pip", "install", "tiny==1.0"))
    ok(box.python("import tinypkg.old"))
    assert (box.folder / SITE / "tinypkg/__pycache__/old.cpython-312.pyc").exists()
    ok(box.run("pip", "install", "--upgrade", "tiny"))
    assert box.run("tiny").out == "tiny 2\n"
    fresh = [path for path in listed(box) if "__pycache__" not in path and "REQUESTED" not in path]
    assert not [path for path in fresh if "old" in path or "tiny-1.0" in path]
    assert ok(box.run("pip", "freeze")).out == "dep==1.5\ntiny==2.0\n"


def test_list_freeze_show_and_check(box, wheels):
    assert ok(box.run("pip", "list")).out == ""  # nothing of this machine's
    assert ok(box.run("pip", "freeze")).out == ""
    ok(box.run("pip", "install", "tiny==1.0", "--no-deps"))
    assert ok(box.run("pip3", "list")).out.split("\n")[2:] == ["tiny    1.0", ""]
    assert f"Location: /{SITE}\n" in ok(box.run("python", "-m", "pip", "show", "-f", "tiny")).out
    assert box.run("pip", "check") == (1, "tiny 1.0 requires dep, which is not installed.\n", "")


def test_uninstall(box, wheels):
    before = listed(box)
    ok(box.run("pip", "install", "tiny==1.0"))
    done = ok(box.run("pip", "uninstall", "-y", "Tiny", "dep", "nothing"))
    assert done.out == "Successfully uninstalled tiny-1.0\nSuccessfully uninstalled dep-1.5\n"
    assert done.err == "WARNING: Skipping nothing as it is not installed.\n"
    assert listed(box) == before
    assert sorted(p.name for p in (box.folder / SITE).iterdir()) == []
    assert box.run("pip", "uninstall", "dep").err.startswith("ERROR: pip uninstall asks a question")


def test_wheels_of_the_image_itself(box, wheels, monkeypatch):
    monkeypatch.delenv("PIP_FIND_LINKS")
    wheel(box.folder / "wheels", "mine", "3.0")
    wheel(box.folder / "app", "other", "1.0")
    box.write("app/more.txt", "-f ../wheels\nmine\n")
    box.write("app/requirements.txt", "-r more.txt\n./other-1.0-py3-none-any.whl\n")
    ok(box.run("pip", "install", "-r", "requirements.txt", cwd="/app"))
    frozen = ok(box.run("pip", "freeze")).out
    assert frozen.startswith("mine==3.0\nother @ file:///app/other-1.0-py3-none-any.whl#sha256=")
    for how in (["--find-links=/wheels"], ["-f", "wheels"], ["/wheels/mine-3.0-py3-none-any.whl"],
                ["mine @ file:///wheels/mine-3.0-py3-none-any.whl"]):  # fmt: skip
        ok(box.run("pip", "uninstall", "-y", "mine"))
        ok(box.run("pip", "install", *how, *(["mine"] if "mine" not in how[0] else [])))
    ok(box.run("pip", "uninstall", "-y", "mine"))
    ok(box.run("pip", "install", "mine", env={"PIP_FIND_LINKS": "/wheels"}))


def test_settings_of_the_machine_are_heeded_and_those_of_the_image_come_first(box, wheels, tmp_path, monkeypatch):
    wheel(tmp_path / "elsewhere", "far", "1.0")
    settings = tmp_path / "pip.conf"
    settings.write_text(f"[global]\nfind-links = {tmp_path / 'elsewhere'}\n[install]\nuser = true\n")
    monkeypatch.setenv("PIP_CONFIG_FILE", str(settings))
    monkeypatch.delenv("PIP_FIND_LINKS")
    monkeypatch.setenv("PIP_TARGET", str(tmp_path / "target"))
    ok(box.run("pip", "install", "far"))
    assert (box.folder / SITE / "far.py").exists()
    assert not (tmp_path / "target").exists()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PIP_FIND_LINKS", "wheels")  # as the learner means it: from where the learner is
    ok(box.run("pip", "install", "dep", cwd="/tmp"))
    assert box.run("pip", "install", "tiny", env={"PIP_FIND_LINKS": "/none"}).code == 1


def test_nothing_names_this_machine(box, wheels, tmp_path):
    script = {"mine-3.0.data/scripts/mined": "#!python\nprint(1)\n"}
    wheel(box.folder / "w", "mine", "3.0", script, scripts="m = mine:x")
    before = listed(box)
    ok(box.run("pip", "install", "tiny", "./w/mine-3.0-py3-none-any.whl"))
    assert box.run("mined").out == "1\n"
    here = (tmp_path, sys.prefix, sys.executable, "imagelab-pip-")
    words = re.compile(b"|".join(re.escape(str(word).encode()) for word in here))
    for path in set(listed(box)) - set(before):
        assert not words.search((box.folder / path).read_bytes()), path
        assert not path.endswith(".pyc")


def test_the_same_wheels_give_the_same_files(box, wheels, unpacked, tmp_path):
    import shutil

    other = tmp_path / "another"
    shutil.copytree(unpacked, other, symlinks=True)
    for one, umask in ((box, 0o022), (Box(other), 0o077)):
        was = os.umask(umask)
        try:
            ok(one.run("pip", "install", "tiny"))
        finally:
            os.umask(was)
    assert listed(box) == listed(Box(other))
    for path in listed(box):
        first, second = (box.folder / path).stat(), (other / path).stat()
        assert (first.st_mode, int(first.st_mtime)) == (second.st_mode, int(second.st_mtime))
    assert int((box.folder / SITE / "dep.py").stat().st_mtime) == 1_577_934_246  # the wheel's own date, in UTC


# What it will not do -------------------------------------------------------------------------------------------------


def test_a_package_that_is_not_pure_python_is_named(box, wheels):
    wheel(wheels, "fast", "1.0", tag="cp312-cp312-manylinux_2_17_x86_64")
    wheel(wheels, "needs", "1.0", requires=["fast"])
    for name in ("fast", "needs", "nowhere"):
        done = box.run("pip", "install", name)
        assert done.code == 1
        missed = "fast" if name == "needs" else name
        assert done.err.splitlines()[-1].startswith(f"ERROR: {missed}: this Python takes pure-Python wheels"), done
    assert not listed(box).keys() & {f"{SITE}/needs.py"}


TRAP = "open({!r}, 'w').write('it ran')\n"


@pytest.mark.parametrize("how", [
    ["install", "."], ["install", "-e", "."], ["install", "/app"], ["install", "app @ file:///app"],
    ["install", "--no-build-isolation", "."], ["install", "-r", "dot.txt"], ["install", "-r", "edit.txt"],
    ["install", "../sdist/trap-1.0.tar.gz"], ["install", "--no-binary", ":all:", "trap", "-f", "/sdist"],
    ["install", "trap", "-f", "/sdist"], ["install", "-r", "nobinary.txt"], ["wheel", "."], ["download", "."],
])  # fmt: skip
def test_nothing_is_built(box, wheels, tmp_path, how):
    """A setup.py of the image would run on this machine."""
    import tarfile

    ran = tmp_path / "ran"
    box.write("app/setup.py", TRAP.format(str(ran)))
    box.write("app/pyproject.toml", "[build-system]\nrequires = []\nbuild-backend = 'evil'\nbackend-path = ['.']\n")
    box.write("app/evil.py", TRAP.format(str(ran)))
    box.write("app/dot.txt", ".\n")
    box.write("app/edit.txt", "-e .\n")
    box.write("app/nobinary.txt", "--no-binary :all:\n-f /sdist\ntrap\n")
    (box.folder / "sdist").mkdir()
    with tarfile.open(box.folder / "sdist/trap-1.0.tar.gz", "w:gz") as archive:
        for name in ("setup.py", "pyproject.toml", "evil.py"):
            archive.add(box.folder / "app" / name, f"trap-1.0/{name}")
    done = box.run("pip", *how, cwd="/app")
    assert done.code == 1
    assert "ERROR" in done.err
    assert "Traceback" not in done.err
    assert not ran.exists()


@pytest.mark.parametrize("how, words", [
    (["install", "--target", "/x", "dep"], "--target is not supported"),
    (["install", "--user", "dep"], "--user is not supported"),
    (["install", "--log", "LOG", "dep"], "--log is not supported"),
    (["install", "--report", "LOG", "dep"], "--report is not supported"),
    (["install", "--cache-dir", "LOG", "dep"], "--cache-dir is not supported"),
    (["install", "--python", "/usr/bin/python3", "dep"], "--python is not supported"),
    (["--python", "/usr/bin/python3", "install", "dep"], "--python is not supported"),
    (["install", "--index-url", "file:///etc", "dep"], "an index must be an http URL"),
    (["install", "-r", "log.txt"], "--log is not supported"),
    (["install", "git+https://example.org/x"], "version control"),
    (["install", "-r", "git.txt"], "version control"),
    (["list", "--path", "/etc"], "--path is not supported"),
    (["config", "list"], "pip config is not supported"),
    (["frobnicate"], "unknown command"),
    (["uninstall", "-r", "x", "-y"], "is not supported"),
])  # fmt: skip
def test_what_is_not_done_is_refused_by_name(box, wheels, tmp_path, how, words):
    box.write("log.txt", f"--log {tmp_path}/log\ndep\n")
    box.write("git.txt", "x @ git+file:///etc\n")
    done = box.run("pip", *[word.replace("LOG", str(tmp_path / "log")) for word in how])
    assert done.code != 0
    assert words in done.err, done
    assert "Traceback" not in done.err
    assert not (tmp_path / "log").exists()


def test_no_link_leads_it_to_a_file_of_this_machine(box, wheels, tmp_path):
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/requirements.txt").write_text("the-secret-word\n")
    wheel(tmp_path / "outside/wheels", "hidden", "1.0")
    os.symlink(tmp_path / "outside/requirements.txt", box.folder / "absolute.txt")
    os.symlink("../outside/requirements.txt", box.folder / "relative.txt")
    os.symlink(tmp_path / "outside/wheels", box.folder / "wheels")
    box.write("nested.txt", f"-r {tmp_path}/outside/requirements.txt\n")
    box.write("found.txt", f"--find-links {tmp_path}/outside/wheels\nhidden\n")
    box.write("named.txt", f"hidden @ file://{tmp_path}/outside/wheels/hidden-1.0-py3-none-any.whl\n")
    box.write("plain.txt", f"{tmp_path}/outside/wheels/hidden-1.0-py3-none-any.whl\n")
    (box.folder / SITE / "leak-1.0.dist-info").mkdir(parents=True)
    os.symlink(tmp_path / "outside/requirements.txt", box.folder / SITE / "leak-1.0.dist-info/METADATA")
    for how in (
        ["-r", "absolute.txt"], ["-r", "relative.txt"], ["-r", "nested.txt"], ["-r", "found.txt"], ["-r", "named.txt"],
        ["-r", "plain.txt"], ["-f", "/wheels", "hidden"], ["-f", f"{tmp_path}/outside/wheels", "hidden"],
        [f"{tmp_path}/outside/wheels/hidden-1.0-py3-none-any.whl"], ["-c", "absolute.txt", "dep", "--no-deps", "-q"],
    ):  # fmt: skip
        done = box.run("pip", "install", *how)
        assert done.code == 1, (how, done)
        assert "secret" not in done.out + done.err
    assert "secret" not in "".join(map(str, box.run("pip", "show", "leak")[1:]))
    assert not (box.folder / SITE / "hidden.py").exists()


LINKS = [SITE, f"{SITE}/tinypkg", f"{SITE}/dep.py", "usr/local/bin/tiny", "usr/local/lib/python3.12"]


@pytest.mark.parametrize("link", LINKS)
def test_no_link_leads_what_is_installed_out_of_the_image(box, wheels, tmp_path, link):
    import shutil

    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "dep.py").write_text("mine")
    place = box.folder / link
    shutil.rmtree(place, ignore_errors=True)
    place.parent.mkdir(parents=True, exist_ok=True)
    os.symlink(outside / "dep.py" if place.suffix == ".py" else outside, place)
    box.run("pip", "install", "tiny==1.0")  # it may work, in the image, or fail
    assert sorted(p.name for p in outside.iterdir()) == ["dep.py"]
    assert (outside / "dep.py").read_text() == "mine"


def test_a_record_that_lists_other_files_removes_none_of_them(box, wheels, tmp_path):
    ok(box.run("pip", "install", "dep"))
    (tmp_path / "precious").write_text("1")
    box.write("etc/precious", "1")
    record = box.folder / SITE / "dep-1.5.dist-info/RECORD"
    lines = [f"{'../' * 12}{str(tmp_path)[1:]}/precious,,", f"{tmp_path}/precious,,", "../../../../../etc/precious,,"]
    record.write_text(record.read_text() + "\n".join(lines))
    ok(box.run("pip", "uninstall", "-y", "dep"))
    assert (tmp_path / "precious").exists()
    assert (box.folder / "etc/precious").exists()
    assert not (box.folder / SITE / "dep.py").exists()


def test_a_newer_pip_leaves_pip_in_its_place(box, wheels):
    wheel(wheels, "pip", "99.0", scripts="pip = pip:main")
    mark = (box.folder / "usr/local/bin/pip").read_bytes()
    ok(box.run("pip", "install", "--upgrade", "pip"))
    assert (box.folder / "usr/local/bin/pip").read_bytes() == mark
    ok(box.run("pip", "install", "dep"))
    ok(box.run("pip", "uninstall", "-y", "pip"))
    assert (box.folder / "usr/local/bin/pip").read_bytes() == mark


def test_help_and_version(box, wheels):
    import pip

    printed = f"pip {pip.__version__} from the machine that imagelab runs on (python 3.12)\n"
    assert ok(box.run("pip", "--version")).out == printed
    assert ok(box.run("pip")).out == ok(box.run("pip", "--help")).out == ok(box.run("pip", "install", "-h")).out
    assert "Usage: pip install" in box.run("pip").out


def test_without_a_pip_it_says_where_to_get_one(box, monkeypatch):
    monkeypatch.setattr("imagelab.runtime.pip.command.find_spec", lambda name: None)
    with pytest.raises(CannotStart, match="ensurepip"):
        box.run("pip", "list", forked=False)


def test_no_copy_is_left(box, wheels, tmp_path, monkeypatch):
    (tmp_path / "tmp").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    monkeypatch.setattr("tempfile.tempdir", None)
    ok(box.run("pip", "install", "dep", forked=False))
    box.run("pip", "install", "nothing", forked=False)
    assert list((tmp_path / "tmp").iterdir()) == []


OLDER = Path(os.environ.get("IMAGELAB_TEST_PIPS", "none"))  # a folder of folders, each of which holds another pip


@pytest.mark.skipif(not OLDER.is_dir(), reason="IMAGELAB_TEST_PIPS names a folder of other pips")
@pytest.mark.parametrize("other", sorted(OLDER.iterdir()) if OLDER.is_dir() else [])
def test_another_pip_does_the_same(box, wheels, other, monkeypatch, unpacked, tmp_path):
    """The same files, from the oldest pip that pyproject.toml allows to the newest; console scripts are pip's own."""
    ok(box.run("pip", "install", "tiny==1.0", forked=False))
    monkeypatch.setenv("PYTHONPATH", str(other))
    assert subprocess.check_output([sys.executable, "-c", "import pip; print(pip.__file__)"]).startswith(bytes(other))
    ours = set(listed(box))
    ok(box.run("pip", "uninstall", "-y", "tiny", "dep", forked=False))
    ok(box.run("pip", "install", "tiny==1.0", forked=False))
    assert set(listed(box)) == ours
    assert box.run("tiny").out == "tiny 1\n"
    assert ok(box.run("pip", "freeze", forked=False)).out == "dep==1.5\ntiny==1.0\n"
    ok(box.run("pip", "install", "-U", "tiny", forked=False))
    box.write("app/setup.py", TRAP.format(str(tmp_path / "ran")))
    assert box.run("pip", "install", "/app", forked=False).code == 1
    assert not (tmp_path / "ran").exists()
