"""What a container runs: arguments, environment, user, working directory, and the runtime for them.

As in docker, PATH and HOSTNAME have defaults, and HOME comes from the container's /etc/passwd.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import Conflict, NotFound
from ..filesystem.users import home_of, user_of
from ..golang.quote import go_quoted
from ..host.root import Bind, Root
from ..runtime.binfmt import kind_of
from ..runtime.program import NO_CONTAINER, PATH, CannotStart, Program
from .record import Env, Record, Spec, environment
from .settings import checked


def program_of(
    record: Record, spec: Spec, argv: Sequence[str] = (), env: Env = (), workdir: str = "", *, binds: Sequence[Bind]
) -> Program:
    """The program of a container, or with `argv`, another one to run in it (exec), with `binds` mounted.

    Raises LabError when the root folder is gone, and CannotStart, with docker's code 125, for a user or a directory
    that does not exist.
    """
    root = Root(record.root_folder(), binds)
    try:
        user = user_of(spec.user, root)
    except NotFound as error:
        raise CannotStart(str(error), NO_CONTAINER) from None
    folder = workdir or spec.workdir or "/"
    if not folder.startswith("/"):
        raise CannotStart("Cwd must be an absolute path")
    try:
        if not argv:  # docker makes the directory of the container's own program
            root.make_folders(f"/{root.place(folder)}")
        cwd = "/" + root.resolve(folder)
    except Conflict:
        raise CannotStart(f"Cannot mkdir: {folder} is not a directory", NO_CONTAINER) from None
    except NotFound as error:
        why = str(error).rpartition(": ")[2]
        raise CannotStart(f"chdir to cwd ({go_quoted(folder)}) set in config.json failed: {why}") from None
    every = {"PATH": PATH, "HOSTNAME": spec.hostname, **spec.env, **environment(env)}
    variables = {name: value for name, value in every.items() if value is not None}
    variables.setdefault("HOME", home_of(user[0], root))
    words = tuple(argv) or (*spec.entrypoint, *spec.command)
    checked(*words, *variables.values())
    return Program(words, variables, cwd, user, spec.hostname, mounts=tuple(binds), readonly=spec.read_only)


def runtime_of(spec: Spec, record: Record, program: Program, beside: str = "") -> str:
    """The name of the runtime that runs a program: the container's own choice, or what the first bytes decide.

    `beside` is the runtime of the container's own program, if that runs. Raises CannotStart where the chosen runtime
    cannot run this program, or where it would not be safe beside the other.
    """
    chosen = spec.runtime
    needed = chosen if chosen == "shell" else kind_of(program.files(record.root), program)  # it has its own commands
    if chosen and chosen != needed:
        raise CannotStart(f"exec {program.argv[0]}: the runtime {chosen} cannot run it: it is for {needed}")
    if beside in ("", needed):
        return needed
    from ..runtime import sandbox

    if not sandbox.available():
        raise CannotStart(
            f"exec {program.argv[0]}: {spec.name} runs a program under {beside}, and this one needs {needed}: on a "
            "machine without mount namespaces and Landlock, a container runs one kind of program at a time"
        )
    return needed
