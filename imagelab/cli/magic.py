"""`%docker` and `%%docker` in notebooks.

    %docker images --format '{{.ID}} {{.Size}}'

    %%docker
    # a comment; a backslash continues a line
    tag myapp:1.0 \\
        myapp:latest
    history myapp

The commands are those of `imagelab` on the command line, on the Lab that was made last in this kernel, or else on the
default store. A cell stops at the first command that fails: its message is on stderr, and one line with the command
and its exit code takes the place of a traceback. So a failed command is a failed cell in CI too; tag a cell that is
meant to fail `raises-exception`.

`%docker --as 29 images` prints as Docker 29 does, with its containerd store; see `docker29` for the commands.
`%docker --as 29` alone makes all of this kernel's commands do so, until `%docker --as 20-28`.

There is no shell: what only a shell can do, such as a pipe, is an error that says what to do instead.

A word that consists of `{name}` is replaced by the value of that Python variable, if it exists: `build {folder}`. So
are an attribute of one, and the parts of a word between `/`, `:`, `@`, `=` and `,`: `load -i {task.folder}/shop.tar`,
`tag shop shop:{version}`, `--secret id=token,src={path}`. All other braces and dollar signs are left unchanged, for Go
templates.
"""

from __future__ import annotations

import operator
import re
import shlex
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack
from typing import TYPE_CHECKING, Any

from ..errors import Interrupted, LabError
from . import run
from .command import BAD_FLAG, Session, complain

if TYPE_CHECKING:
    from ..lab import Lab

around_each: list[
    Callable[[Lab], AbstractContextManager[None]]
] = []  # entered before a command on a lab, left after it


_QUOTED_OR_SIGN = re.compile(
    r"""\\. | '[^']*'? | "(?:\\.|[^"\\])*"? | (?P<sign>\$\(|`|\|\|?|&&?|;|>>?|<)""", re.VERBOSE | re.DOTALL
)
_VARIABLE = re.compile(r"(?:^|(?<=[=,:/@]))\{([A-Za-z_]\w*)((?:\.[A-Za-z_]\w*)*)\}(?=$|[=,:/@])")
INSTEAD_OF_A_SHELL = {  # signs of a shell, and what does the same in a notebook
    ("|",): "Run the command without what follows: it prints everything",
    (">", ">>", "<"): "Name the file with docker's own flag, if there is one: save -o FILE, load -i FILE",
    ("&&", "||", ";", "&"): "Write each command on its own line, in a cell that begins with %%docker",
    ("$(", "`"): "Run the inner command first, and copy what it prints. A Python value goes in braces: {name}",
}


class CommandFailed(LabError):
    """A `%docker` command that ended with an exit code other than 0; its message is on stderr."""

    def __init__(self, command: str, code: int) -> None:
        super().__init__(f"docker {command}: exit code {code}")
        self.code = code

    def _render_traceback_(self) -> list[str]:
        """What IPython shows instead of a traceback."""
        return [str(self)]


def commands(text: str) -> list[str]:
    """The commands of a cell, one per line, without comments; lines that end in a backslash are joined."""
    lines = re.sub(r"[ \t]*\\\n[ \t]*", " ", text).splitlines()
    return [line.strip() for line in lines if line.strip() and not line.strip().startswith("#")]


def words(command: str, names: Mapping[str, Any] | None = None) -> list[str]:
    """Split a command as a shell does, without a leading `docker`; `{name}` becomes the value of that name in `names`.

    Raises LabError for a quote that is not closed, and for what only a shell could do: a pipe, `>`, `&&`, `$(…)`.
    """
    if operator_and_advice := _asks_for_a_shell(command):
        sign, advice = operator_and_advice
        raise LabError(
            f"%docker runs one docker command, without a shell, which {sign!r} would need. {advice}. For the shell of "
            "a container, use quotes: %docker exec NAME sh -c '…'"
        )
    try:
        args = [_substituted(word, names or {}) for word in shlex.split(command)]
    except ValueError as error:
        raise LabError(f"docker {command}: {str(error).lower()}") from None
    return args[1:] if args[:1] == ["docker"] else args


def _asks_for_a_shell(command: str) -> tuple[str, str] | None:
    """The first sign outside quotes that only a shell understands, and what to do instead of it; None without one."""
    for match in _QUOTED_OR_SIGN.finditer(command):
        if sign := match["sign"]:
            return sign, next(advice for signs, advice in INSTEAD_OF_A_SHELL.items() if sign in signs)
    return None


def _substituted(word: str, names: Mapping[str, Any]) -> str:
    def value(match: re.Match[str]) -> str:
        name, attributes = match.groups()
        if name not in names:
            return match[0]
        try:
            return str(operator.attrgetter(attributes[1:])(names[name]) if attributes else names[name])
        except AttributeError as error:
            raise LabError(f"{word}: {error}") from None

    return _VARIABLE.sub(value, word)


def docker(line: str, cell: str | None = None) -> None:
    """Run the command of a `%docker` line, or all of a `%%docker` cell; raises CommandFailed at the first error."""
    from IPython import get_ipython

    from ..lab import Lab

    batch = commands(line) if cell is None else [*commands(line), *commands(cell)]
    for number, command in enumerate(batch or [""]):
        if len(batch) > 1:
            print("\n" * (number > 0) + f"$ docker {command.removeprefix('docker ')}", flush=True)
        try:
            args = words(command, getattr(get_ipython(), "user_ns", None))
        except LabError as error:
            complain(str(error))
            raise CommandFailed(command.removeprefix("docker "), BAD_FLAG) from None
        lab = Lab.current()
        with ExitStack() as around:
            for enter in around_each:
                if lab:
                    around.enter_context(enter(lab))
            code = run(args, name="docker", session=Session(lab=lab, notebook=True))
        if code == 130:
            after = ". Its container may go on: see %docker ps. With -d, the cell does not wait" * (args[:1] == ["run"])
            raise Interrupted(f"docker {shlex.join(args)}: interrupted{after}")
        if code:
            raise CommandFailed(shlex.join(args), code)


def load_ipython_extension(shell: Any) -> None:
    """Register `%docker` and `%%docker` with IPython."""
    from IPython.core.magic import no_var_expand

    shell.register_magic_function(no_var_expand(docker), "line_cell", "docker")
