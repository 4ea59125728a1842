"""The learner's copy of the course: a folder of lessons without outputs, made by `imagelab learn`.

Its folder `.imagelab-course` marks it, and holds what JupyterLab and IPython keep for it: settings, workspaces,
signatures of trusted notebooks, a profile whose kernels know `%docker` from the start. The learner's own Jupyter is not
touched.

No notebook that the learner changed is overwritten: it stays, or is moved beside as `04-tags.bak-1.ipynb`.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import Invalid, NotFound
from ..host.atomic import write_atomically
from ..host.locks import Lock
from ..shown import PAGE_STYLE
from . import course, progress
from .learner import MARK, backup_name

_SETTINGS = {  # of JupyterLab, by extension
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    # A link to a cell scrolls there and stays: by default JupyterLab guesses the heights of the cells it has not shown.
    "notebook-extension/tracker": {"windowingMode": "defer"},
}
_PROFILE = 'c = get_config()\nc.InteractiveShellApp.extensions = ["imagelab.lesson"]\n'


@dataclass(frozen=True, slots=True)
class Part:
    """A file of the course as it is put into a copy: its name, its bytes, and the digest of its content.

    The digest leaves out what depends on the learner's Python, so that it changes only with the course.
    """

    name: str
    data: bytes
    version: str


def without_outputs(notebook: Path) -> Part:
    """A lesson's notebook as a learner opens it: nothing has been run. Raises OSError for a missing file."""
    import nbformat
    from ipykernel.ipkernel import IPythonKernel

    content = nbformat.read(notebook, as_version=4)
    for cell in content.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    version = _sha256(json.dumps(content.cells, sort_keys=True).encode())
    # As JupyterLab writes it once the kernel has started; otherwise a lesson would count as changed on opening.
    content.metadata.language_info = nbformat.from_dict(IPythonKernel.language_info)
    return Part(notebook.name, f"{nbformat.writes(content)}\n".encode(), version)


def pictures() -> list[Part]:
    """The pictures that notes in the lessons show."""
    files = sorted((course.notebooks() / "pictures").glob("*.svg"))
    return [Part(f"pictures/{file.name}", data := file.read_bytes(), _sha256(data)) for file in files]


class Copy:
    """The learner's copy in a folder, which need not be there yet and may hold other files."""

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder).absolute()
        self.mark = self.folder / MARK

    def put(self) -> dict[str, list[str]]:
        """Put every lesson there that is not, and the pictures; returns the notebooks' names by what became of them.

        `new` was not there, `updated` the learner had not changed, `yours` they have changed, and for those in `older`
        the course has a newer version. Raises Invalid for the folder with the course's own notebooks, and OSError.
        """
        if self.folder.exists() and self.folder.samefile(course.notebooks()):
            raise Invalid(f"{str(self.folder)!r} holds the course's own notebooks: name another folder for your copy")
        self.folder.mkdir(parents=True, exist_ok=True)
        self.mark.mkdir(mode=0o700, exist_ok=True)
        with Lock(self.mark / "lock"):
            self._set_up()
            outcome: dict[str, list[str]] = {"new": [], "updated": [], "yours": [], "older": []}
            for lesson in _lessons():
                if became := self._put(lesson):
                    outcome[became].append(lesson.name)
            for picture in pictures():
                self._put(picture)
        return outcome

    def reset(self, numbers: Iterable[str]) -> dict[str, str | None]:
        """Put lessons back as they were, and forget what was done in them.

        Returns by notebook the name under which the learner's own is kept; None if it had not been changed. Raises
        NotFound if there is no copy in the folder.
        """
        if not self.mark.is_dir():
            raise NotFound(f"there is no course in {str(self.folder)!r}: `imagelab learn` puts it there")
        chosen = set(numbers)
        kept: dict[str, str | None] = {}
        with Lock(self.mark / "lock"):
            self._set_up()
            for lesson in _lessons():
                if lesson.name[:2] in chosen:
                    kept[lesson.name] = self._replace(lesson)
            progress.forget(chosen, self.folder / progress.NAME)
        return kept

    def environment(self) -> dict[str, str]:
        """The variables that make Jupyter and IPython keep to this folder."""
        own = {
            "JUPYTER_CONFIG_DIR": "jupyter/config",
            "JUPYTER_DATA_DIR": "jupyter/data",
            "JUPYTER_RUNTIME_DIR": "jupyter/runtime",
            "JUPYTERLAB_SETTINGS_DIR": "jupyter/settings",
            "JUPYTERLAB_WORKSPACES_DIR": "jupyter/workspaces",
            "IPYTHONDIR": "ipython",
            "IMAGELAB_HOME": "store",  # what %docker speaks to before a lesson has made a lab
        }
        return {name: str(self.mark / place) for name, place in own.items()} | {"JUPYTER_PREFER_ENV_PATH": "1"}

    def _put(self, part: Part) -> str | None:
        path = self.folder / part.name
        try:
            present = path.read_bytes()
        except FileNotFoundError:
            present = b""
        if present == part.data:
            return None
        if not present or self._is_untouched(part.name, present):
            return "yours" if self._replace(part) else "updated" if present else "new"
        return "yours" if self._record().get(part.name, {}).get("version") == part.version else "older"

    def _replace(self, part: Part) -> str | None:
        """Put a file in the place of what is there; returns the name under which a changed one is kept.

        It is moved away first and looked at then: JupyterLab may save it at any moment.
        """
        path = self.folder / part.name
        path.parent.mkdir(exist_ok=True)
        if path.suffix == ".ipynb":
            self._sign(part)
        record = self._record()
        put = record.get(part.name, {}).get("put", [])
        record[part.name] = {"version": part.version, "put": sorted({*put, _sha256(part.data)})}
        write_atomically(self.mark / "lessons.json", json.dumps(record, indent=1).encode())
        backup = _moved_aside(path)
        try:
            _create(path, part.data)
        except FileExistsError:  # saved again meanwhile
            return self._replace(part)
        if backup and self._is_untouched(part.name, backup.read_bytes()):
            backup.unlink()
            return None
        return backup.name if backup else None

    def _is_untouched(self, name: str, data: bytes) -> bool:
        return not data or _sha256(data) in self._record().get(name, {}).get("put", [])

    def _record(self) -> dict[str, Any]:
        """What has been put into the folder: the versions of the lessons, and the digests of their files."""
        try:
            record: dict[str, Any] = json.loads((self.mark / "lessons.json").read_text("utf-8"))
        except (FileNotFoundError, ValueError):
            return {}  # a notebook that is not in the record counts as the learner's
        return record

    def _sign(self, part: Part) -> None:
        """Make JupyterLab trust the notebook."""
        import nbformat
        from nbformat.sign import NotebookNotary

        data = self.mark / "jupyter" / "data"
        data.mkdir(parents=True, exist_ok=True)
        NotebookNotary(data_dir=str(data)).sign(nbformat.reads(part.data.decode(), as_version=4))

    def _set_up(self) -> None:
        """Write the settings; those of JupyterLab only once, since the learner may change them."""
        profile = self.mark / "ipython" / "profile_default" / "ipython_kernel_config.py"
        profile.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(profile, _PROFILE.encode(), durable=False)
        style = self.mark / "jupyter" / "config" / "custom" / "custom.css"
        style.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(style, PAGE_STYLE.read_bytes(), durable=False)
        for name, settings in _SETTINGS.items():
            file = self.mark / "jupyter" / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
            if not file.exists():
                file.parent.mkdir(parents=True, exist_ok=True)
                write_atomically(file, json.dumps(settings).encode(), durable=False)


def _lessons() -> list[Part]:
    return [without_outputs(course.notebooks() / lesson.notebook) for lesson in course.LESSONS]


def _create(path: Path, data: bytes) -> None:
    """Make a file that holds these bytes, whole or not at all; raises FileExistsError if there is one."""
    whole = path.with_name(f".{path.name}.{os.urandom(16).hex()}")
    try:
        write_atomically(whole, data)
        try:
            os.link(whole, path)
        except FileExistsError:
            raise
        except OSError:  # a file system without links, as exFAT is
            path.open("xb").close()  # an empty notebook counts as none
            os.replace(whole, path)
    finally:
        whole.unlink(missing_ok=True)


def _moved_aside(path: Path) -> Path | None:
    """Rename a file to a backup's name; None if there is no file."""
    backup = backup_name(path)
    try:
        os.replace(path, backup)
    except OSError as error:
        backup.unlink()
        if isinstance(error, FileNotFoundError):
            return None
        raise
    return backup


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
