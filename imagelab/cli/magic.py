"""`%docker` and `%%docker` in notebooks.

    %docker images --format '{{.ID}} {{.Size}}'

    %%docker
    # a comment; a line may go on after a backslash
    tag myapp:1.0 \\
        myapp:latest
    history myapp

The commands are those of `imagelab` on the command line, on the Lab that was made last in this kernel, or else on the
default store. A cell stops at the first command that fails. What docker would write to the terminal appears as text:
an error's words on stderr, then one line in the place of a traceback, which says which command ended with which exit
code; so a failed command is a failed cell for those who run notebooks without looking (CI), and a cell that is meant
to fail can be tagged `raises-exception`.

A word that is nothing but `{name}` stands for the value of that Python name, where there is one: `build {folder}`. All
other braces and dollars are left alone: they belong to Go templates.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from typing import Any

from ..errors import Interrupted, LabError
from . import run
from .command import BAD_FLAG, Desk, complain


class CommandFailed(LabError):
    """A `%docker` command that ended with an exit code other than 0; it has told why on stderr."""

    def __init__(self, command: str, code: int) -> None:
        super().__init__(f"docker {command}: exit code {code}")
        self.code = code

    def _render_traceback_(self) -> list[str]:
        """What IPython shows instead of a traceback: nobody's Python is at fault."""
        return [str(self)]


def commands(text: str) -> list[str]:
    """The commands of a cell, one a line: comments and empty lines gone, lines that end in a backslash joined."""
    lines = re.sub(r"[ \t]*\\\n[ \t]*", " ", text).splitlines()
    return [line.strip() for line in lines if line.strip() and not line.strip().startswith("#")]


def words(command: str, names: Mapping[str, Any] | None = None) -> list[str]:
    """A command's arguments, quoted as in a shell; a leading `docker` is dropped. Raises LabError for a lone quote.

    `{name}` as a whole word is the value of that name in `names`.
    """
    try:
        found = [_meant(word, names or {}) for word in shlex.split(command)]
    except ValueError as error:
        raise LabError(f"docker {command}: {str(error).lower()}") from None
    return found[1:] if found[:1] == ["docker"] else found


def _meant(word: str, names: Mapping[str, Any]) -> str:
    name = re.fullmatch(r"\{([A-Za-z_]\w*)\}", word)
    return str(names[name[1]]) if name and name[1] in names else word


def docker(line: str, cell: str | None = None) -> None:
    """Run the command of a `%docker` line, or all of a `%%docker` cell; raises CommandFailed at the first error."""
    from IPython import get_ipython

    from ..lab import Lab

    todo = commands(line) if cell is None else [*commands(line), *commands(cell)]
    for number, command in enumerate(todo or [""]):
        if len(todo) > 1:
            print("\n" * (number > 0) + f"$ docker {command.removeprefix('docker ')}", flush=True)
        try:
            args = words(command, getattr(get_ipython(), "user_ns", None))
        except LabError as error:
            complain(str(error))
            raise CommandFailed(command.removeprefix("docker "), BAD_FLAG) from None
        code = run(args, name="docker", desk=Desk(lab=Lab.current(), notebook=True))
        if code == 130:
            raise Interrupted(f"docker {shlex.join(args)}: interrupted")
        if code:
            raise CommandFailed(shlex.join(args), code)


def load_ipython_extension(shell: Any) -> None:
    """Make `%docker` and `%%docker` known to IPython."""
    from IPython.core.magic import no_var_expand

    shell.register_magic_function(no_var_expand(docker), "line_cell", "docker")
