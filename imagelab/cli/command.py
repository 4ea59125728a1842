"""The grammar of docker's command line on click: flags, errors and exit codes.

`Verb` is a click command that counts arguments, reads `--flag=false` and reports mistakes as docker's client does:
125 for a flag that cannot be read, 1 for anything else. `Verbs` is a group that imports a verb's module only when the
verb is used, so that `imagelab version` does not load the engine.

Follows docker/cli (cli/required.go, cobra and pflag's texts), version 20.10.
"""

from __future__ import annotations

import itertools
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import click

from ..errors import LabError
from ..host.space import in_words
from ..units import harmless

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from ..lab import Lab

F = TypeVar("F", bound=Callable[..., Any])

BAD_FLAG = 125  # docker's exit code for a flag that cannot be read
DOCKERS = ("20-28", "29")  # the versions of Docker that a command can print as: the keys of docker_stores.STORES
_OF_A_DAEMON = {
    **dict.fromkeys(["-H", "--host"], "there is no daemon to talk to; --home DIR, or IMAGELAB_HOME, is another store"),
    **dict.fromkeys(["-c", "--context"], "there are no contexts; --home DIR, or IMAGELAB_HOME, is another store"),
    **dict.fromkeys(["--tls", "--tlscacert", "--tlscert", "--tlskey", "--tlsverify"], "there is no daemon to talk to"),
    "--config": "logins are kept in config.json in $DOCKER_CONFIG, or ~/.docker",
}
DOCKER_VARIABLE = "IMAGELAB_DOCKER"  # one of them, for all commands
_BOOLEANS = dict.fromkeys(["1", "t", "T", "TRUE", "true", "True"], True) | dict.fromkeys(
    ["0", "f", "F", "FALSE", "false", "False"], False
)


class Failed(click.ClickException):
    """The end of a command: an error message for stderr, and an exit code."""

    def __init__(self, message: str, code: int = 1) -> None:
        super().__init__(message)
        self.exit_code = code  # type: ignore[misc]  # click declares it on the class and reads it from the instance

    def show(self, file: Any = None) -> None:
        complain(self.message)


class Session:
    """The Lab that a command works on, opened on first use, and the surroundings of the command.

    `notebook`: there is no terminal, so no prompt and no binary output. `alone`: the process runs only this command.
    `docker`: the version of Docker, one of DOCKERS, whose listings it prints.
    """

    docker = DOCKERS[0]

    def __init__(
        self, home: str | None = None, lab: Lab | None = None, *, notebook: bool = False, alone: bool = False
    ) -> None:
        self.home = home
        self.notebook, self.alone = notebook, alone
        self._lab = lab

    @property
    def lab(self) -> Lab:
        """The Lab; raises LabError for a home that is not usable."""
        if self._lab is None:
            from ..lab import Lab

            self._lab = Lab(self.home, current=False)  # Lab.current() stays the notebook's
        return self._lab

    @property
    def busy_lab(self) -> Lab:
        """The Lab, for commands that start programs; a process that runs only this command may be forked."""
        from ..runtime import worker

        worker.alone = self.alone
        return self.lab


def say(text: str) -> None:
    """Print text on stdout, with control characters escaped, since names and labels come from images."""
    click.echo(harmless(text), nl=False)


def complain(text: str) -> None:
    """Print a line on stderr, with control characters escaped."""
    click.echo(harmless(text), err=True)


def fail(message: str, code: int = 1) -> NoReturn:
    """End the command with a message on stderr and an exit code: raises Failed."""
    raise Failed(message, code)


def explain(error: Exception) -> str:
    """An error as one line for the user; an OSError in docker's order of words."""
    if isinstance(error, OSError) and error.strerror:
        return f"Error: {in_words(error, None, sys.stdout)}"
    return f"Error: {' '.join(str(error).splitlines()) or type(error).__name__}"


class Verb(click.Command):
    """A command with docker's rules for flags, arguments and errors. `takes`: how many arguments (least, most or None).

    Where the arguments are another program's command line, flags end at the first of them (`allow_interspersed_args`).
    """

    takes: tuple[int, int | None] = (0, 0)
    arguments = ""
    instead: Mapping[str, str] = MappingProxyType({})  # docker's flags that imagelab does not have: an alternative

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if ctx.resilient_parsing:  # at TAB, when the line is not complete yet
            return super().parse_args(ctx, args)
        args, booleans = self._split_booleans(ctx, args)
        try:
            super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            if instead := self.instead.get(error.option_name):
                flag = f"'{error.option_name}' is a docker flag that imagelab does not have"
                fail(f"{ctx.command_path}: {flag}: {instead}", BAD_FLAG)
            nearest = near(error.option_name, [*_flags_of(self), *self.instead])
            self._refuse(ctx, _unknown(error.option_name, args), nearest)
        except click.BadOptionUsage as error:
            self._refuse(ctx, f"flag needs an argument: {_flag(error.option_name)}")
        except click.BadParameter as error:
            names = ", ".join(error.param.opts) if error.param else ""
            self._refuse(ctx, f'invalid argument {getattr(error, "given", "")}for "{names}" flag: {error.message}')
        ctx.params.update(booleans)
        count = len(ctx.params.get("args", ()))
        least, most = self.takes
        if count < least or (most is not None and count > most):
            self._miscounted(ctx)
        return []

    def _split_booleans(self, ctx: click.Context, args: list[str]) -> tuple[list[str], dict[str, bool]]:
        """Take out `--human=false`, which click does not accept, and turn `-f=x` into `-fx`, which means the same."""
        flags = {name: p for p in self.get_params(ctx) if isinstance(p, click.Option) for name in p.opts}
        rest: list[str] = []
        booleans: dict[str, bool] = {}
        queue = iter(args)
        for arg in queue:
            is_argument = arg == "-" or not arg.startswith("-")
            if arg == "--" or (is_argument and not self.allow_interspersed_args):
                return [*rest, arg, *queue], booleans
            match = re.fullmatch(r"(--[\w-]+|-\w)=(.*)", arg, re.DOTALL)
            option = flags.get(match[1]) if match else None
            if not match or not option or not option.is_flag:
                rest.append(f"{match[1]}{match[2]}" if match and option and len(match[1]) == 2 else arg)
                if not is_argument and _wants_the_next(arg, flags):
                    rest += itertools.islice(queue, 1)
            elif match[2] in _BOOLEANS:
                if option.expose_value:
                    booleans[str(option.name)] = _BOOLEANS[match[2]]
            else:
                self._refuse(
                    ctx,
                    f'invalid argument "{match[2]}" for "{", ".join(option.opts)}" flag: '
                    f'strconv.ParseBool: parsing "{match[2]}": invalid syntax',
                )
        return rest, booleans

    def _refuse(self, ctx: click.Context, why: str, nearest: str = "") -> NoReturn:
        fail(f"{why}\nSee '{ctx.command_path} --help'.{nearest}", BAD_FLAG)

    def _miscounted(self, ctx: click.Context) -> NoReturn:
        least, most = self.takes
        if most == 0:
            rule = "accepts no arguments"
        elif least and most not in (None, least):
            rule = f"requires at least {least} and at most {most} arguments"
        else:
            number = most if least == 0 else least
            how = "exactly" if least == most else "at most" if least == 0 else "at least"
            rule = f"requires {how} {number} argument{'s' * (number != 1)}"
        fail(
            f"\"{ctx.command_path}\" {rule}.\nSee '{ctx.command_path} --help'.\n\n"
            f"Usage:  {ctx.command_path} {' '.join(self.collect_usage_pieces(ctx))}\n\n{self.short_help}"
        )

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        return ["[OPTIONS]", self.arguments] if self.arguments else ["[OPTIONS]"]

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (BrokenPipeError, click.exceptions.Exit):
            raise
        except (LabError, OSError) as error:
            raise Failed(explain(error)) from error
        except MemoryError as error:
            raise Failed("Error: out of memory") from error


class Verbs(click.Group):
    """A group; `table` holds each command's module, function and help: {"images": ("images:images", "List images")}.

    A module outside this package begins with a dot: `.lesson.learn`.
    """

    def __init__(self, *args: Any, table: Mapping[str, tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.table = table
        self.invoke_without_command = True
        self.no_args_is_help = False

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.table)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in self.table:
            return None
        module, attribute = self.table[name][0].split(":")
        command: click.Command = getattr(import_module(f".{module}", __package__), attribute)
        return command

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            if why := _OF_A_DAEMON.get(error.option_name):
                fail(f"{ctx.info_name}: {error.option_name}: {why}", BAD_FLAG)
            nearest = near(error.option_name, _flags_of(self))
            fail(f"{_unknown(error.option_name, args)}\nSee '{ctx.command_path} --help'.{nearest}", BAD_FLAG)
        except click.BadOptionUsage as error:
            flag = _flag(error.option_name)
            fail(f"flag needs an argument: {flag}\nSee '{ctx.command_path} --help'.", BAD_FLAG)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, what) for name, (_, what) in self.table.items()])


def near(word: str, known: Iterable[str]) -> str:
    """A line for the known word that a mistyped one is near to; nothing for a word that is near to none."""
    from difflib import get_close_matches

    close = get_close_matches(word, list(known), 1) if len(word) > 2 else []
    return f"\nDid you mean {close[0]}?" if close else ""


def _flags_of(command: click.Command) -> list[str]:
    return [name for param in command.params if isinstance(param, click.Option) for name in param.opts]


def _unknown(option: str, args: list[str]) -> str:
    if option.startswith("--"):
        return f"unknown flag: {option}"
    cluster = next((a for a in args if re.match(r"-\w", a) and option[1:2] in a), option)
    return f"unknown shorthand flag: {option[1:2]!r} in -{cluster[cluster.find(option[1:2]) :]}"


def _wants_the_next(arg: str, flags: Mapping[str, click.Option]) -> bool:
    """Whether the next argument is the value of this one: `--name x`, `-w /srv`, or `-dw /srv`."""
    if arg.startswith("--"):
        return arg in flags and not flags[arg].is_flag
    for number, letter in enumerate(arg[1:], 2):
        option = flags.get(f"-{letter}")
        if option is None or not option.is_flag:
            return option is not None and number == len(arg)
    return False


def _flag(option: str) -> str:
    return option if option.startswith("--") else f"{option[1:2]!r} in {option}"


class Checked(click.ParamType):  # type: ignore[type-arg]  # it has none in older clicks
    """A flag's value, parsed by a function that raises ValueError with docker's message."""

    def __init__(self, name: str, read: Callable[[str], Any]) -> None:
        self.name, self._read = name, read

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            return self._read(value)
        except ValueError as why:
            error = click.BadParameter(str(why), ctx, param)
            error.given = f'"{value}" '  # type: ignore[attr-defined]
            raise error from None


def docker_version(text: str) -> str | None:
    """The key in DOCKERS of a version such as `29`, `28.1` or `20-28`; None for another text."""
    number = re.fullmatch(r"(\d+)(?:\.\d+)*", text)
    if not number:
        return text if text in DOCKERS else None
    return DOCKERS[0] if 20 <= int(number[1]) <= 28 else DOCKERS[1] if int(number[1]) == 29 else None


def whole(text: str | int) -> int:
    """Parse a whole number; raises ValueError with Go's message."""
    try:
        return int(text)
    except ValueError:
        raise ValueError(f'strconv.ParseInt: parsing "{text}": invalid syntax') from None


def verb(
    arguments: str = "", takes: tuple[int, int | None] = (0, 0), *, flags_first: bool = False,
    instead: Mapping[str, str] = MappingProxyType({}),
) -> Callable[[F], Verb]:  # fmt: skip
    """Make a function a Verb: the first line of its docstring is the help; it gets `session`, `args` and its flags."""

    def make(function: F) -> Verb:
        summary = (function.__doc__ or "").strip().partition("\n")[0].rstrip(".")
        args = click.argument(
            "args", nargs=-1, metavar=arguments or None, type=click.UNPROCESSED, shell_complete=_names
        )  # fmt: skip
        command = click.command(cls=Verb, short_help=summary)(args(click.pass_obj(function)))
        command.takes = takes
        command.arguments = arguments
        command.instead = instead
        command.allow_interspersed_args = not flags_first
        return command

    return make


def _names(ctx: click.Context, param: click.Parameter, typed: str) -> list[CompletionItem]:
    from .completion import names

    return names(ctx, typed, str(param.metavar or ""))


def flag(*names: str, help: str, default: bool | None = False) -> Callable[[F], F]:
    """A flag that is on or off; with `default=None` it is None if absent."""
    return click.option(*names, is_flag=True, help=help, default=default)


def option(
    *names: str, kind: str, help: str, many: bool = False, default: str | int | None = None,
    read: Callable[[str], Any] | None = None,
) -> Callable[[F], F]:  # fmt: skip
    """A flag with a value; `kind` is its type in docker's help, `read` parses it (see `Checked`)."""
    type_ = Checked(kind, read) if read else None
    return click.option(*names, metavar=kind, help=help, multiple=many, default=default, type=type_)
