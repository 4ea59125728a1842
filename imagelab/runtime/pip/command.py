"""The pip runtime: the host's pip installs into the root folder of a container that could not download or unpack.

The container's `pip` is the pip of imagelab's own Python, told that it is where the container's would be: what is
installed there, which wheels its Python takes (pure-Python ones, for 3.12), what its markers say. It sees copies of the
container's files (see `shadow`), and installs into an empty folder, from where `packages` puts them in their place. It
runs no program and builds nothing: a build is code of the package's, and would run on this machine.

It heeds the learner's pip.conf and PIP_* variables, and of the image's those in `_FROM_IMAGE`.
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
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ...errors import LabError
from ...host.root import Root
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
    """imagelab's own checks: pip needs your network, settings and cache."""
    return "imagelab's own checks: it is the pip of this machine, and only installs wheels"


def missing() -> str:
    """What to install for it."""
    return "" if find_spec("pip") else "there is no pip beside imagelab: python -m ensurepip, or uv pip install pip"


def start(root: Path, program: Program, streams: Streams, beside: int | None = None) -> Running:
    """Run `pip …` or `python -m pip …`."""
    if lacks := missing():
        raise CannotStart(lacks)
    words = program.argv[3:] if program.argv[1:3] == ("-m", "pip") else program.argv[1:]
    told = {"root": str(root), "words": words, "env": dict(program.env), "cwd": program.cwd}
    return worker.start(__name__, told, streams)


def main() -> int:
    """The process of its own: told what to do, it does it."""
    told: dict[str, Any] = worker.told_to(sys.argv[1])
    folder = Path(tempfile.mkdtemp(prefix="imagelab-pip-")).resolve()
    shadow = Shadow(folder, Root(Path(told["root"])), told["cwd"], told["env"])
    sys.stdout, sys.stderr = _Said(sys.stdout, f"{folder}"), _Said(sys.stderr, f"{folder}")
    try:
        return _Pip(shadow).run(told["words"])
    except LabError as error:
        print(f"ERROR: {error}", file=sys.stderr)
        return 1
    finally:
        shadow.close()


class _Said(io.TextIOWrapper):
    """A standard stream on which the shadow's paths read as the container's; it keeps what it has seen of a failure."""

    def __init__(self, stream: Any, hidden: str) -> None:
        super().__init__(stream.buffer, "utf-8", "backslashreplace", write_through=True)
        self._hidden, self.unmatched = hidden, ""

    def write(self, text: str) -> int:
        if found := re.search(r"No matching distribution found for (\S+)", text):
            self.unmatched = found[1]
        return super().write(text.replace(f"file://{self._hidden}", "file://").replace(self._hidden, ""))


class _Pip:
    """The pip of this machine, in the container's place."""

    def __init__(self, shadow: Shadow) -> None:
        self.shadow, self.root = shadow, shadow.root
        self.stage = shadow.folder / "staged"
        self.packages = Packages(self.root, Path(shadow.site()))
        self._wheels: list[str] = []
        self._set_environment()
        os.chdir(shadow.folder / shadow.cwd.strip("/"))

    def run(self, words: list[str]) -> int:
        """Do what the command line says; returns its exit code, and raises LabError for what is not supported."""
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
        given = self._given(command, words)
        do: Callable[[Any, list[str]], int] = command.run

        def run(options: Any, names: list[str]) -> int:
            options.disable_pip_version_check = True
            try:
                if verb == "install":
                    self._place(options, given)
                    names = [self.shadow.requirement(name) for name in names]
            except LabError as error:
                raise CommandError(str(error)) from None  # which pip reports, and nothing else
            return do(options, names)

        command.run = run
        code = int(command.main(words))
        if name := getattr(sys.stderr, "unmatched", ""):
            print(
                f"ERROR: {name}: this Python takes pure-Python wheels (…-py3-none-any.whl) and nothing that must be "
                "built: of this package, where pip looked, there is none that fits",
                file=sys.stderr,
            )
        if verb == "install" and not code and not getattr(given, "dry_run", False):
            self.packages.put(self.stage, hidden=self.shadow.folder)
        return code

    def _given(self, command: Any, words: list[str]) -> Any:
        """The options of the command line itself; refuses those that would reach outside, or are not supported."""
        from optparse import Values

        from pip._internal.models.format_control import FormatControl

        given, _ = command.parser.parse_args(list(words), Values({"format_control": FormatControl()}))
        said = {name for name, value in vars(given).items() if name != "format_control" or value.no_binary}
        said -= {"cache_dir"} if getattr(given, "cache_dir", None) is False else set()  # --no-cache-dir
        for name in sorted(said - (_OPTIONS - {"format_control", "cache_dir"})):
            groups = (command.parser, *command.parser.option_groups)
            option = next(o.get_opt_string() for group in groups for o in group.option_list if o.dest == name)
            raise LabError(f"pip {command.name} {option} is not supported: packages go to /{SITE}, as wheels")
        for url in (getattr(given, "index_url", ""), *getattr(given, "extra_index_urls", ())):
            if url and not re.match(r"https?://", url):
                raise LabError(f"{url}: an index is asked by http; a folder of wheels is --find-links")
        return given

    def _place(self, options: Any, given: Any) -> None:
        """Paths on the command line are the container's; those of the learner's settings come before them."""
        for name, change in (
            ("requirements", self.shadow.requirements), ("constraints", self.shadow.requirements),
            ("find_links", self.shadow.path),
        ):  # fmt: skip
            all_of_them, said = getattr(options, name), len(getattr(given, name, None) or [])
            own = len(all_of_them) - said
            setattr(options, name, [*all_of_them[:own], *map(change, all_of_them[own:])])
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
                    raise LabError(f"{name}={value}: an index is asked by http; a folder of wheels is PIP_FIND_LINKS")
                os.environ[name] = value

    def _settle(self) -> None:
        """Tell pip where it is. These are names inside pip, which has no others for it."""
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
        sys.executable = PYTHON  # what scripts begin with
        for name in [name for name in vars(markers) if name.endswith("default_environment")]:
            setattr(markers, name, lambda: dict(_MARKERS))
        environment = select_backend().Environment
        from_paths, known = environment.from_paths, str(self.packages.known)
        environment.from_paths = classmethod(lambda cls, paths: from_paths(paths or [known]))
        environment.default = classmethod(lambda cls: from_paths([known]))
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
        req_install.InstallRequirement.uninstall = lambda *what, **how: None  # `packages` does it
        sdist.SourceDistribution.prepare_distribution_metadata = refuse
        logging.getLogger("pip._vendor.distlib.scripts").addFilter(lambda record: False)  # it misses PYTHON here
        sys.addaudithook(_run_nothing)

    def _dates(self, wheel: str) -> None:
        """Give what has just been installed one date, the newest in its wheel, and not the time of day."""
        with zipfile.ZipFile(wheel) as archive:
            newest = max((info.date_time for info in archive.infolist()), default=(1980, 1, 1, 0, 0, 0))
        when = calendar.timegm((max(newest[0], 1980), *newest[1:], 0, 0, 0))
        for directory, _, files in os.walk(self.stage):
            for path in (os.path.join(directory, file) for file in files):
                if path not in self._wheels:
                    self._wheels.append(path)
                    os.utime(path, (when, when))


def _run_nothing(event: str, what: tuple[Any, ...]) -> None:
    """An audit hook, the last word on it: this process starts no other."""
    if event in _STARTS:
        raise PermissionError(f"pip runs no programs here: {what[0]!r}")


if __name__ == "__main__":
    sys.exit(main())
