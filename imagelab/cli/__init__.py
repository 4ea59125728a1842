"""The command line: docker's verbs on a Lab.

`imagelab images` and `%docker images` are the same click application. A docker command works as docker's does; one that
imagelab does not have is rejected with an error that names an alternative. imagelab's own commands have names that
docker does not use.

Modules: `command` (flags, errors and exit codes), `table` (columns and --format), `filters`, and one for each topic,
named after docker's command.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import NoReturn

import click

from .command import (
    BAD_FLAG,
    DOCKER_VARIABLE,
    DOCKERS,
    Session,
    Verbs,
    complain,
    docker_version,
    explain,
    fail,
    near,
    say,
)
from .unsupported import verb_instead

_CONTAINER = {
    "commit": ("exec:commit", "Create a new image from a container's changes"),
    "cp": ("cp:cp", "Copy files/folders between a container and the local filesystem"),
    "create": ("create:create", "Create a new container"),
    "diff": ("exec:diff", "Inspect changes to files or directories on a container's filesystem"),
    "exec": ("exec:exec_", "Run a command in a running container"),
    "export": ("cp:export", "Export a container's filesystem as a tar archive"),
    "inspect": ("inspect:inspect_container", "Display detailed information on one or more containers"),
    "kill": ("lifecycle:kill", "Kill one or more running containers"),
    "logs": ("exec:logs", "Fetch the logs of a container"),
    "ls": ("ps:ps", "List containers"),
    "prune": ("lifecycle:prune", "Remove all stopped containers"),
    "rename": ("lifecycle:rename", "Rename a container"),
    "restart": ("lifecycle:restart", "Restart one or more containers"),
    "rm": ("lifecycle:rm", "Remove one or more containers"),
    "run": ("create:run", "Run a command in a new container"),
    "start": ("lifecycle:start", "Start one or more stopped containers"),
    "stop": ("lifecycle:stop", "Stop one or more running containers"),
    "wait": ("lifecycle:wait", "Block until one or more containers stop, then print their exit codes"),
}
_IMAGE = {
    "build": ("build:build", "Build an image from a Dockerfile"),
    "history": ("images:history", "Show the history of an image"),
    "import": ("archive:import_", "Import the contents from a tarball to create a filesystem image"),
    "inspect": ("inspect:inspect_image", "Display detailed information on one or more images"),
    "load": ("archive:load", "Load an image from a tar archive or STDIN"),
    "ls": ("images:images", "List images"),
    "prune": ("tags:prune", "Remove unused images"),
    "pull": ("pull:pull", "Download an image from a registry"),
    "push": ("pull:push", "Upload an image to a registry"),
    "rm": ("tags:rmi", "Remove one or more images"),
    "save": ("archive:save", "Save one or more images to a tar archive (streamed to STDOUT by default)"),
    "tag": ("tags:tag", "Create a tag TARGET_IMAGE that refers to SOURCE_IMAGE"),
}
_BUILDER = {
    "build": _IMAGE["build"],
    "prune": ("builder:prune", "Remove build cache"),
}
_SYSTEM = {
    "df": ("df:df", "Show docker disk usage"),
    "info": ("version:info", "Display system-wide information"),
    "prune": ("prune:system_prune", "Remove unused data"),
}
_VOLUME = {
    "create": ("volume:create", "Create a volume"),
    "inspect": ("inspect:inspect_volume", "Display detailed information on one or more volumes"),
    "ls": ("volume:ls", "List volumes"),
    "prune": ("volume:prune", "Remove unused local volumes"),
    "rm": ("volume:rm", "Remove one or more volumes"),
}
_DOCKER = {
    **{name: _CONTAINER[name] for name in _CONTAINER if name not in ("inspect", "ls", "prune")},
    "build": _IMAGE["build"],
    "builder": ("__init__:builder", "Manage builds"),
    "buildx": ("__init__:buildx", "Build with BuildKit's commands"),
    "container": ("__init__:container", "Manage containers"),
    "history": _IMAGE["history"],
    "image": ("__init__:image", "Manage images"),
    "images": _IMAGE["ls"],
    "import": _IMAGE["import"],
    "info": _SYSTEM["info"],
    "inspect": ("inspect:inspect", "Return low-level information on Docker objects"),
    "load": _IMAGE["load"],
    "login": ("login:login", "Log in to a registry"),
    "logout": ("login:logout", "Log out from a registry"),
    "manifest": ("__init__:manifest", "Look at image manifests and manifest lists"),
    "ps": _CONTAINER["ls"],
    "pull": _IMAGE["pull"],
    "push": _IMAGE["push"],
    "rmi": _IMAGE["rm"],
    "save": _IMAGE["save"],
    "system": ("__init__:system", "Manage imagelab"),
    "tag": _IMAGE["tag"],
    "version": ("version:version", "Show the imagelab version information"),
    "volume": ("__init__:volume", "Manage volumes"),
}
_OUR_OWN = {
    "append": ("archive:append", "Add a layer to an image: a folder's contents, or a tar unchanged"),
    "cat": ("explore:cat", "Print a file of an image"),
    "completion": ("completion:completion", "Print what makes TAB complete commands, flags and names in a shell"),
    "diff-images": ("explore:diff_images", "Show what differs between two images' file systems"),
    "doctor": ("doctor:doctor", "Show whether this machine has what the lessons need"),
    "gc": ("tags:gc", "Delete content that no image uses"),
    "layers": ("explore:layers", "Show every identifier of every layer of an image"),
    "learn": (".lesson.learn:learn", "Open the course in JupyterLab, in a folder of your own"),
    "registry": ("__init__:registry", "Serve a registry, and manage its folder"),
    "tag-log": ("tags:tag_log", "Show where a tag has pointed"),
    "tag-undo": ("tags:tag_undo", "Undo a tag's last move"),
    "tree": ("explore:tree", "Show the merged file system, with the layer each file comes from"),
    "verify": ("explore:verify", "Hash all content again and list what is damaged"),
    "waste": ("explore:waste", "Show which bytes of an image later layers cover or remove"),
}
_MANIFEST = {
    "inspect": ("manifest:inspect", "Display an image manifest, or manifest list"),
}
_REGISTRY = {
    "ls": ("registry:ls", "List the repositories and tags of a registry, or of its folder"),
    "prune": ("registry:prune", "Delete what no manifest of a registry's folder needs"),
    "serve": ("registry:serve", "Serve a registry from a folder until Ctrl-C"),
    "useradd": ("registry:useradd", "Add a user to a file of users"),
}
_ALIASES = {
    "buildx": {"b": "build"},
    "container": {"list": "ls", "ps": "ls"},
    "image": {"list": "ls", "remove": "rm", "rmi": "rm"},
    "volume": {"list": "ls", "remove": "rm"},
}


class _Group(Verbs):
    """A command group with docker's aliases; the error for a missing docker command names an alternative."""

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        return super().get_command(ctx, _ALIASES.get(self.name or "", {}).get(name, name))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name, command = args[0], self.get_command(ctx, args[0])
        if command is not None or ctx.resilient_parsing:  # at TAB: no error, whatever is there
            return name if command else None, command, args[1:]
        top = ctx.find_root().info_name
        if name == "help":
            _help(ctx, self, args[1:])
        path = " ".join([*ctx.command_path.split()[1:], name])
        if instead := verb_instead(name, str(top), self.name or ""):
            fail(f"{top}: '{path}' is a docker command that imagelab does not have: {instead}")
        nearest = near(name, [*self.table, *_ALIASES.get(self.name or "", {})])
        fail(f"{top}: '{path}' is not a command of {top}.\nSee '{ctx.command_path} --help'{nearest}")


def _help(ctx: click.Context, group: click.Group, words: Sequence[str]) -> NoReturn:
    """Print the help of a command, such as `image ls`, and end."""
    command: click.Command = group
    for word in words:
        below = command.get_command(ctx, word) if isinstance(command, click.Group) else None
        if below is None:
            fail(f"unknown help topic: {' '.join(words)}")
        command, ctx = below, click.Context(below, ctx, word)
    say(command.get_help(ctx) + "\n")
    ctx.exit()


def _root(ctx: click.Context, home: str | None, docker: str | None) -> None:
    if ctx.obj is None:
        ctx.obj = Session(home)
    elif home is not None:
        ctx.obj = Session(home, notebook=ctx.obj.notebook, alone=ctx.obj.alone)
    text = docker if docker is not None else os.environ.get(DOCKER_VARIABLE) or DOCKERS[0]
    version = docker_version(text)
    if version is None:
        where = f"${DOCKER_VARIABLE}" if docker is None else "--as"
        fail(f"{where}: expected {' or '.join(DOCKERS)}, the version of Docker to print as, not {text!r}", BAD_FLAG)
    ctx.obj.docker = version
    if docker is not None and ctx.invoked_subcommand is None:
        _stay(ctx, version)
    else:
        _or_help(ctx)


def _stay(ctx: click.Context, docker: str) -> None:
    """Print as this Docker from here on: in a notebook until its kernel ends; a shell has to be told."""
    if not ctx.obj.notebook:
        say(f"To print as Docker {docker} does in this shell: export {DOCKER_VARIABLE}={docker}\n")
        return
    os.environ[DOCKER_VARIABLE] = docker
    other = next(version for version in DOCKERS if version != docker)
    store = "containerd store" if docker == "29" else "classic store"
    say(f"%docker prints as Docker {docker} ({store}) from here on. Back: %docker --as {other}\n")


def _or_help(ctx: click.Context) -> None:
    if ctx.invoked_subcommand is None:
        say(ctx.get_help() + "\n")


def _print_version(ctx: click.Context, param: click.Parameter, is_set: bool) -> None:
    if is_set:
        from .. import __version__

        say(f"imagelab version {__version__}\n")
        ctx.exit()


app = _Group(
    "imagelab",
    table=dict(sorted({**_DOCKER, **_OUR_OWN}.items())),
    callback=click.pass_context(_root),
    help="Real container images without Docker: docker's commands, and some of imagelab's own.",
    params=[
        click.Option(["--home"], metavar="DIR", help="The store's folder ($IMAGELAB_HOME, or ~/.imagelab)"),
        click.Option(
            ["--as", "docker"], metavar="VERSION", help="Print as Docker 20-28 or 29 does ($IMAGELAB_DOCKER, or 20-28)"
        ),
        click.Option(["-D", "--debug"], is_flag=True, expose_value=False, help="Accepted: there is no daemon to debug"),
        click.Option(["-l", "--log-level"], expose_value=False, metavar="LEVEL", help="Accepted: there is no such log"),
        click.Option(
            ["-v", "--version"], is_flag=True, is_eager=True, expose_value=False, callback=_print_version,
            help="Print version information and quit",
        ),
    ],
)  # fmt: skip
builder = _Group("builder", table=_BUILDER, callback=click.pass_context(_or_help), help="Manage builds")
buildx = _Group(
    "buildx", table=_BUILDER, callback=click.pass_context(_or_help), help="Build with BuildKit's commands"
)  # fmt: skip
container = _Group(
    "container", table=_CONTAINER, callback=click.pass_context(_or_help), help="Manage containers"
)  # fmt: skip
image = _Group("image", table=_IMAGE, callback=click.pass_context(_or_help), help="Manage images")
manifest = _Group(
    "manifest", table=_MANIFEST, callback=click.pass_context(_or_help),
    help="Look at image manifests and manifest lists",
)  # fmt: skip
registry = _Group(
    "registry", table=_REGISTRY, callback=click.pass_context(_or_help), help="Serve a registry, and manage its folder"
)  # fmt: skip
system = _Group("system", table=_SYSTEM, callback=click.pass_context(_or_help), help="Manage imagelab")
volume = _Group("volume", table=_VOLUME, callback=click.pass_context(_or_help), help="Manage volumes")


def run(args: Sequence[str], *, name: str = "imagelab", session: Session | None = None) -> int:
    """Run one command line and return its exit code; it writes to sys.stdout and sys.stderr.

    Errors are printed, not raised. 130 is Ctrl-C, 141 a closed pipe.
    """
    try:
        try:
            with app.make_context(name, list(args), obj=session) as ctx:
                app.invoke(ctx)
        finally:
            if sys.stdout is not None:
                sys.stdout.flush()
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except KeyboardInterrupt as interrupt:
        if str(interrupt) and not (session and session.notebook):  # a notebook shows the message itself
            complain(str(interrupt))
        return 130
    except BrokenPipeError:
        _no_more_output()
        return 141
    except OSError as error:
        _no_more_output()
        complain(explain(error))
        return 1
    return 0


def _no_more_output() -> None:
    """Redirect a broken stdout to /dev/null, so that Python's flush at exit does not fail again."""
    with suppress(OSError, ValueError):  # a test's or a notebook's stdout is not a file
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def main() -> None:
    """The command `imagelab`."""
    gc.set_threshold(100_000)  # imports make little garbage, and collecting it would take a fifth of the time
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    if asked := os.environ.get("_IMAGELAB_COMPLETE"):  # by a shell, at TAB
        from click.shell_completion import shell_complete

        sys.exit(shell_complete(app, {}, "imagelab", "_IMAGELAB_COMPLETE", asked))
    sys.exit(run(sys.argv[1:], session=Session(alone=True)))
