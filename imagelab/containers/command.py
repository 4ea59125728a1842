"""What a container runs: argv, environment, user and working directory from image, settings and files.

As docker does it: PATH and HOSTNAME first, then the image's variables, then those given; HOME from /etc/passwd.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import Conflict, NotFound
from ..filesystem.users import home_of, user_of
from ..golang.quote import go_quoted
from ..host.root import Root
from ..runtime.binfmt import kind_of
from ..runtime.program import NO_CONTAINER, PATH, CannotStart, Program
from .record import Env, Record, Spec, environment
from .settings import checked


def program_of(
    record: Record, spec: Spec, argv: Sequence[str] = (), env: Env = (), workdir: str = ""
) -> Program:
    """The program of a container, or another one that is to run beside it.

    Raises LabError when the root folder is gone, and CannotStart, with docker's code 125, for a user or a directory
    that is not there.
    """
    root = Root(record.files(spec.name))
    try:
        who = user_of(spec.user, root)
    except NotFound as error:
        raise CannotStart(str(error), NO_CONTAINER) from None
    where = workdir or spec.workdir or "/"
    if not where.startswith("/"):
        raise CannotStart("Cwd must be an absolute path")
    try:
        if not argv:  # its own program's directory is made when it starts, if it is gone
            root.make_folders(f"/{root.place(where)}")
        cwd = "/" + root.resolve(where)
    except Conflict:
        raise CannotStart(f"Cannot mkdir: {where} is not a directory", NO_CONTAINER) from None
    except NotFound as error:
        why = str(error).rpartition(": ")[2]
        raise CannotStart(f"chdir to cwd ({go_quoted(where)}) set in config.json failed: {why}") from None
    every = {"PATH": PATH, "HOSTNAME": spec.hostname, **spec.env, **environment(env)}
    variables = {name: value for name, value in every.items() if value is not None}
    variables.setdefault("HOME", home_of(who[0], root))
    words = tuple(argv) or (*spec.entrypoint, *spec.command)
    checked(*words, *variables.values())
    return Program(words, variables, cwd, who, spec.hostname)


def runtime_of(asked: str, root: Root, program: Program) -> str:
    """The name of the runtime that is asked for, or else that the program's first bytes ask for.

    Raises CannotStart where the one that is asked for is another's; only the shell can do without the image's programs.
    """
    found = asked if asked == "shell" else kind_of(root, program)
    if asked and asked != found:
        raise CannotStart(f"exec {program.argv[0]}: the runtime {asked} cannot run it: it is for {found}")
    return found
