"""The pip runtime: the host's pip installs into the root folder of a container that could not download or unpack.

The container's `pip` is the pip of imagelab's own Python, set to install for the container's: its installed packages,
the wheels its Python takes (pure-Python ones, for 3.12), and its environment markers. It reads copies of the
container's files (`copies`) and installs into an empty folder, from which `installed` moves the files into the root
folder. It runs no program and builds nothing, because a build runs the package's own code, here on this machine.

The learner's pip.conf and PIP_* variables apply, and of the image's variables those in `_FROM_IMAGE`.
"""

from __future__ import annotations

import calendar
import io
import logging
import os
import re
import sys
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ...errors import LabError
from .. import worker
from ..program import CannotStart, Program, Running, Streams
from .copies import SITE, Shadow
from .installed import Packages

ISOLATES = "files outside the root folder (copies are read), programs: none is run and nothing is built"
SHARES = "the network, pip's cache and settings, CPU and memory"

VERSION = (3, 12, 0)
PYTHON = "/usr/local/bin/python3.12"
_VERBS = ("install", "uninstall", "list", "freeze", "show", "check")
_OPTIONS = frozenset({
    "requirements", "constraints", "find_links", "index_url", "extra_index_urls", "no_index", "pre", "upgrade",
    "upgrade_strategy", "force_reinstall", "ignore_installed", "ignore_dependencies", "ignore_requires_python",
    "cache_dir", "require_hashes", "prefer_binary", "format_control", "compile", "warn_script_location",
    "warn_about_conflicts", "quiet", "verbose", "no_color", "no_input", "progress_bar", "trusted_hosts", "retries",
    "timeout", "proxy", "disable_pip_version_check", "root_user_action", "override_externally_managed", "dry_run",
    "yes", "no_clean", "use_pep517", "build_isolation", "list_format", "outdated", "uptodate", "not_required",
    "excludes", "freeze_all", "files", "exclude_editable", "isolated_mode", "resume_retries",
})  # fmt: skip
_FROM_IMAGE = frozenset({
    "INDEX_URL", "EXTRA_INDEX_URL", "NO_INDEX", "FIND_LINKS", "CONSTRAINT", "REQUIREMENT", "TRUSTED_HOST", "PRE",
    "NO_DEPS", "NO_CACHE_DIR", "UPGRADE", "UPGRADE_STRATEGY", "REQUIRE_HASHES", "PREFER_BINARY", "QUIET", "VERBOSE",
    "NO_COLOR", "PROGRESS_BAR", "RETRIES", "TIMEOUT", "DEFAULT_TIMEOUT", "PROXY", "DISABLE_PIP_VERSION_CHECK",
    "ROOT_USER_ACTION", "NO_INPUT",
})  # fmt: skip
_NOT_FROM_HOST = frozenset({
    "TARGET", "PREFIX", "ROOT", "USER", "PYTHON", "REQUIRE_VIRTUALENV", "REQUIRE_VENV", "EDITABLE", "SRC", "REPORT",
    "LOG", "NO_BINARY", "ONLY_BINARY", "PLATFORM", "PYTHON_VERSION", "IMPLEMENTATION", "ABI", "DRY_RUN", "COMPILE",
})  # fmt: skip
_PATHS = frozenset({"FIND_LINKS", "CONSTRAINT", "REQUIREMENT"})
_PROXIES = frozenset({"http_proxy", "https_proxy", "no_proxy", "all_proxy"})
_MARKERS = {
    "implementation_name": "cpython", "implementation_version": "3.12.0", "os_name": "posix",
    "platform_machine": "wasm32", "platform_python_implementation": "CPython", "platform_release": "0.0.0",
    "platform_system": "wasi", "platform_version": "0.0.0", "python_full_version": "3.12.0", "python_version": "3.12",
    "sys_platform": "wasi",
}  # fmt: skip
_STARTS = frozenset({
    "subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork", "os.forkpty", "os.spawn", "pty.spawn",
})  # fmt: skip
_HELP = f"""\
Usage: pip install [-r FILE] [-c FILE] [-f DIR] [-U] [PACKAGE…] | uninstall -y PACKAGE… | list | freeze | show | check

This is the pip of the machine that imagelab runs on. It installs pure-Python wheels into /{SITE}.
"""


def enforced_by() -> str:
    """imagelab's own checks, since pip needs the network, settings and cache of this machine."""
    return "imagelab's own checks: it is the pip of this machine, and only installs wheels"


def missing() -> str:
    """How to install pip, if it is missing."""
    return "" if find_spec("pip") else "there is no pip beside imagelab: python -m ensurepip, or uv pip install pip"


def start(root: Path, program: Program, streams: Streams, beside: int | None = None) -> Running:
    """Run `pip …` or `python -m pip …`.

    Raises CannotStart where pip is not installed.
    """
    if reason := missing():
        raise CannotStart(reason)
    words = program.argv[3:] if program.argv[1:3] == ("-m", "pip") else program.argv[1:]
    settings = {"root": str(root), "words": words, "program": asdict(program)}
    return worker.start(__name__, settings, streams)


def main() -> int:
    """The worker: run pip on copies of the container's files."""
    settings: dict[str, Any] = worker.read_settings(sys.argv[1])
    folder = Path(tempfile.mkdtemp(prefix="imagelab-pip-")).resolve()
    program = Program.from_json(settings["program"])
    shadow = Shadow(folder, program.files(Path(settings["root"])), program.cwd, dict(program.env))
    sys.stdout, sys.stderr = _Output(sys.stdout, f"{folder}"), _Output(sys.stderr, f"{folder}")
    try:
        return _Pip(shadow).run(settings["words"])
    except LabError as error:
        print(f"ERROR: {error}", file=sys.stderr)
        return 1
    finally:
        shadow.close()


class _Output(io.TextIOWrapper):
    """A standard stream that prints the shadow's paths as the container's, and notes the package pip cannot find."""

    def __init__(self, stream: Any, hidden: str) -> None:
        super().__init__(stream.buffer, "utf-8", "backslashreplace", write_through=True)
        self._hidden, self.unmatched = hidden, ""

    def write(self, text: str) -> int:
        if match := re.search(r"No matching distribution found for (\S+)", text):
            self.unmatched = match[1]
        return super().write(text.replace(f"file://{self._hidden}", "file://").replace(self._hidden, ""))


class _Pip:
    """The pip of this machine, which installs for the container's Python."""

    def __init__(self, shadow: Shadow) -> None:
        self.shadow, self.root = shadow, shadow.root
        self.stage = shadow.folder / "staged"
        self.packages = Packages(self.root, Path(shadow.site()))
        self._wheels: list[str] = []
        self._set_environment()
        os.chdir(shadow.folder / shadow.cwd.strip("/"))

    def run(self, words: list[str]) -> int:
        """Run a command line of pip; returns the exit code, and raises LabError for what is not supported."""
        import pip

        plain = [word for word in words if not word.startswith("-")]
        if "-V" in words or "--version" in words:
            print(f"pip {pip.__version__} from the machine that imagelab runs on (python 3.12)")
            return 0
        if not words or not plain or "--help" in words or "-h" in words or plain[0] == "help":
            print(_HELP, end="")
            return 0
        if any(word.split("=")[0] == "--python" for word in words):
            raise LabError("pip --python is not supported: there is one Python")
        from pip._internal.cli.main_parser import parse_command
        from pip._internal.exceptions import PipError

        try:
            verb, rest = parse_command(list(words))
        except PipError as error:
            raise LabError(str(error)) from None
        if verb not in _VERBS:
            raise LabError(f"pip {verb} is not supported (supported: {', '.join(_VERBS)})")
        self._settle()
        sys.argv[0] = "pip"
        return self.packages.uninstall(rest) if verb == "uninstall" else self._do(verb, rest)

    def _do(self, verb: str, words: list[str]) -> int:
        from pip._internal.commands import create_command
        from pip._internal.exceptions import CommandError

        command = create_command(verb)
        own = self._own_options(command, words)
        do: Callable[[Any, list[str]], int] = command.run

        def run(options: Any, names: list[str]) -> int:
            options.disable_pip_version_check = True
            try:
                if verb == "install":
                    self._place(options, own)
                    names = [self.shadow.requirement(name) for name in names]
            except LabError as error:
                raise CommandError(str(error)) from None  # the error that pip prints
            return do(options, names)

        command.run = run
        code = int(command.main(words))
        if name := getattr(sys.stderr, "unmatched", ""):
            print(
                f"ERROR: {name}: this Python takes pure-Python wheels (…-py3-none-any.whl): pip found none that fits",
                file=sys.stderr,
            )
        if verb == "install" and not code and not getattr(own, "dry_run", False):
            self.packages.put(self.stage, hidden=self.shadow.folder)
        return code

    def _own_options(self, command: Any, words: list[str]) -> Any:
        """The options of the command line alone; raises LabError for those that reach outside or are not supported."""
        from optparse import Values

        from pip._internal.models.format_control import FormatControl

        own, _ = command.parser.parse_args(list(words), Values({"format_control": FormatControl()}))
        names = {name for name, value in vars(own).items() if name != "format_control" or value.no_binary}
        names -= {"cache_dir"} if getattr(own, "cache_dir", None) is False else set()  # --no-cache-dir
        for name in sorted(names - (_OPTIONS - {"format_control", "cache_dir"})):
            groups = (command.parser, *command.parser.option_groups)
            option = next(o.get_opt_string() for group in groups for o in group.option_list if o.dest == name)
            raise LabError(f"pip {command.name} {option} is not supported: packages go to /{SITE}, as wheels")
        for url in (getattr(own, "index_url", ""), *getattr(own, "extra_index_urls", ())):
            if url and not re.match(r"https?://", url):
                raise LabError(f"{url}: an index must be an http URL; for a folder of wheels use --find-links")
        return own

    def _place(self, options: Any, own: Any) -> None:
        """Read the paths on the command line as the container's; those of the learner's settings stand before them."""
        for name, change in (
            ("requirements", self.shadow.requirements), ("constraints", self.shadow.requirements),
            ("find_links", self.shadow.path),
        ):  # fmt: skip
            values = getattr(options, name)
            first = len(values) - len(getattr(own, name, None) or [])
            setattr(options, name, [*values[:first], *map(change, values[first:])])
        options.override_externally_managed = True
        options.use_user_site = options.compile = options.warn_script_location = False

    def _set_environment(self) -> None:
        here = os.getcwd()
        for name in [name for name in os.environ if name.startswith("PIP_")]:
            if name[4:] in _NOT_FROM_HOST:
                del os.environ[name]
            elif name[4:] in _PATHS:
                words = (os.path.expanduser(word) for word in os.environ[name].split())
                os.environ[name] = " ".join(w if "://" in w else os.path.join(here, w) for w in words)
        for name, value in self.shadow.env.items():
            if name.lower() in _PROXIES:
                os.environ[name] = value
            elif name.startswith("PIP_") and name[4:] in _FROM_IMAGE:
                if name[4:] in _PATHS:
                    copy = self.shadow.path if name == "PIP_FIND_LINKS" else self.shadow.requirements
                    value = " ".join(map(copy, value.split()))
                elif name.endswith("INDEX_URL") and "file:" in value.lower():
                    hint = "for a folder of wheels use PIP_FIND_LINKS"
                    raise LabError(f"{name}={value}: an index must be an http URL; {hint}")
                os.environ[name] = value

    def _settle(self) -> None:
        """Make pip install for the container's Python. These names are private: pip has no public option for it.

        `--platform` and `--python-version` choose wheels, but pip evaluates markers for the Python that runs it
        (github.com/pypa/pip/issues/11664), and `--only-binary` does not keep it from building a folder or an archive.
        """
        from pip._internal.commands import install
        from pip._internal.distributions import sdist
        from pip._internal.exceptions import InstallationError
        from pip._internal.metadata import select_backend
        from pip._internal.models.scheme import Scheme
        from pip._internal.models.target_python import TargetPython
        from pip._internal.req import req_install
        from pip._vendor.packaging import markers

        prefix = self.stage / "usr/local"
        site = str(self.stage / SITE)
        sys.executable = PYTHON  # the interpreter line of console scripts
        for name in [name for name in vars(markers) if name.endswith("default_environment")]:
            setattr(markers, name, lambda: dict(_MARKERS))
        environment = select_backend().Environment
        from_paths, copies = environment.from_paths, str(self.packages.metadata)
        environment.from_paths = classmethod(lambda cls, paths: from_paths(paths or [copies]))
        environment.default = classmethod(lambda cls: from_paths([copies]))
        target = {"platforms": ["any"], "py_version_info": VERSION, "abis": ["none"], "implementation": "py"}
        install.make_target_python = lambda options: TargetPython(**target)
        install.get_lib_location_guesses = lambda **how: [site]
        install_one = req_install.InstallRequirement.install

        def scheme(name: str, **how: Any) -> Any:
            return Scheme(site, site, f"{prefix}/include/python3.12/{name}", f"{prefix}/bin", str(prefix))

        def dated(requirement: Any, *how: Any, **more: Any) -> None:
            install_one(requirement, *how, **more)
            self._dates(requirement.local_file_path)

        def refuse(distribution: Any, *how: Any, **more: Any) -> None:
            raise InstallationError(
                f"{distribution.req.name or distribution.req}: it would have to be built, which runs its own code on "
                "this machine: only wheels are installed"
            )

        req_install.get_scheme, req_install.InstallRequirement.install = scheme, dated
        req_install.InstallRequirement.uninstall = lambda *what, **how: None  # `packages` removes the old version
        sdist.SourceDistribution.prepare_distribution_metadata = refuse
        logging.getLogger("pip._vendor.distlib.scripts").addFilter(lambda record: False)  # of a missing PYTHON
        sys.addaudithook(_run_nothing)

    def _dates(self, wheel: str) -> None:
        """Date the files just installed by the newest one in their wheel, so that equal wheels give equal files."""
        with zipfile.ZipFile(wheel) as archive:
            newest = max((info.date_time for info in archive.infolist()), default=(1980, 1, 1, 0, 0, 0))
        when = calendar.timegm((max(newest[0], 1980), *newest[1:], 0, 0, 0))
        for directory, _, files in os.walk(self.stage):
            for path in (os.path.join(directory, file) for file in files):
                if path not in self._wheels:
                    self._wheels.append(path)
                    os.utime(path, (when, when))


def _run_nothing(event: str, what: tuple[Any, ...]) -> None:
    """An audit hook, the last line of defence: this process starts no other."""
    if event in _STARTS:
        raise PermissionError(f"pip runs no programs here: {what[0]!r}")


if __name__ == "__main__":
    sys.exit(main())
