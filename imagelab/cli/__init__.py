"""The command line: docker's verbs on a Lab.

`imagelab images` and `%docker images` are the same click application. A verb that docker has works as docker's does, or
is refused by name; verbs of our own have names that docker does not use.

Modules: `verbs` (grammar and errors), `table` (columns and --format), `filters`, and one for each topic.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence
from contextlib import suppress

import click

from .command import Desk, Verbs, complain, explain, fail, say
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
    "rm": ("tags:rmi", "Remove one or more images"),
    "save": ("archive:save", "Save one or more images to a tar archive (streamed to STDOUT by default)"),
    "tag": ("tags:tag", "Create a tag TARGET_IMAGE that refers to SOURCE_IMAGE"),
}
_SYSTEM = {
    "df": ("df:df", "Show docker disk usage"),
    "info": ("version:info", "Display system-wide information"),
}
_DOCKER = {
    **{name: _CONTAINER[name] for name in _CONTAINER if name not in ("inspect", "ls", "prune")},
    "build": _IMAGE["build"],
    "container": ("__init__:container", "Manage containers"),
    "history": _IMAGE["history"],
    "image": ("__init__:image", "Manage images"),
    "images": _IMAGE["ls"],
    "import": _IMAGE["import"],
    "info": _SYSTEM["info"],
    "inspect": ("inspect:inspect", "Return low-level information on Docker objects"),
    "load": _IMAGE["load"],
    "ps": _CONTAINER["ls"],
    "rmi": _IMAGE["rm"],
    "save": _IMAGE["save"],
    "system": ("__init__:system", "Manage imagelab"),
    "tag": _IMAGE["tag"],
    "version": ("version:version", "Show the imagelab version information"),
}
_OUR_OWN = {
    "append": ("archive:append", "Put one more layer on an image: a folder, or a tar as it is"),
    "cat": ("explore:cat", "Print a file of an image"),
    "diff-images": ("explore:diff_images", "Show what differs between two images' file systems"),
    "gc": ("tags:gc", "Delete content that no image holds"),
    "layers": ("explore:layers", "Show every identifier of every layer of an image"),
    "tag-log": ("tags:tag_log", "Show where a tag has pointed"),
    "tag-undo": ("tags:tag_undo", "Take back a tag's last move"),
    "tree": ("explore:tree", "Show the merged file system, with the layer each file comes from"),
    "verify": ("explore:verify", "Hash all content again, and name what is damaged"),
    "waste": ("explore:waste", "Show which bytes of an image later layers cover or remove"),
}
_ALIASES = {
    "container": {"list": "ls", "ps": "ls"},
    "image": {"list": "ls", "remove": "rm", "rmi": "rm"},
}


class _Group(Verbs):
    """A group of docker's: an alias is its verb, a verb of docker's that is not here is refused by name."""

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        return super().get_command(ctx, _ALIASES.get(self.name or "", {}).get(name, name))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name, command = args[0], self.get_command(ctx, args[0])
        if command is not None:
            return name, command, args[1:]
        top = ctx.find_root().info_name
        asked = " ".join([*ctx.command_path.split()[1:], name])
        if instead := verb_instead(name, str(top)):
            fail(f"{top}: '{asked}' is a docker command that imagelab does not have: {instead}")
        fail(f"{top}: '{asked}' is not a command of {top}.\nSee '{ctx.command_path} --help'")


def _root(ctx: click.Context, home: str | None) -> None:
    if ctx.obj is None:
        ctx.obj = Desk(home)
    elif home is not None:
        ctx.obj = Desk(home, notebook=ctx.obj.notebook, alone=ctx.obj.alone)
    _or_help(ctx)


def _or_help(ctx: click.Context) -> None:
    if ctx.invoked_subcommand is None:
        say(ctx.get_help() + "\n")


def _print_version(ctx: click.Context, param: click.Parameter, wanted: bool) -> None:
    if wanted:
        from .. import __version__

        say(f"imagelab version {__version__}\n")
        ctx.exit()


app = _Group(
    "imagelab",
    table=dict(sorted({**_DOCKER, **_OUR_OWN}.items())),
    callback=click.pass_context(_root),
    help="Real container images, with no Docker: docker's words, and some of our own.",
    params=[
        click.Option(["--home"], metavar="DIR", help="The store's folder ($IMAGELAB_HOME, or ~/.imagelab)"),
        click.Option(
            ["-v", "--version"], is_flag=True, is_eager=True, expose_value=False, callback=_print_version,
            help="Print version information and quit",
        ),
    ],
)  # fmt: skip
container = _Group(
    "container", table=_CONTAINER, callback=click.pass_context(_or_help), help="Manage containers"
)  # fmt: skip
image = _Group("image", table=_IMAGE, callback=click.pass_context(_or_help), help="Manage images")
system = _Group("system", table=_SYSTEM, callback=click.pass_context(_or_help), help="Manage imagelab")


def run(args: Sequence[str], *, name: str = "imagelab", desk: Desk | None = None) -> int:
    """Run one command line and return its exit code; what it has to say goes to sys.stdout and sys.stderr.

    A mistake is told in words. 130 is Ctrl-C, 141 a reader that went away (as when a shell's pipe breaks).
    """
    try:
        try:
            with app.make_context(name, list(args), obj=desk) as ctx:
                app.invoke(ctx)
        finally:
            if sys.stdout is not None:
                sys.stdout.flush()
    except click.exceptions.Exit as leaving:
        return leaving.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except KeyboardInterrupt as stopped:
        if str(stopped) and not (desk and desk.notebook):  # what came of it; a notebook says it itself
            complain(str(stopped))
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
    """Let Python's own last flush of a broken stdout go nowhere."""
    with suppress(OSError, ValueError):  # a stdout that is no real file is a test's or a notebook's
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def main() -> None:
    """The command `imagelab`."""
    gc.set_threshold(100_000)  # a short life with many imports makes little garbage, and looking for it takes a fifth
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    sys.exit(run(sys.argv[1:], desk=Desk(alone=True)))
