"""Completion by TAB in a shell, of commands, flags, and the names of images, containers and volumes.

`imagelab completion bash` prints what a shell has to read once; TAB then asks imagelab itself, with the line typed so
far in the environment (click's `shell_completion`). In bash a colon ends a word, so click's script would complete no
tag: this one is ours.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

import click
from click.shell_completion import CompletionItem, get_completion_class

from ..errors import LabError
from ..lab import Lab
from ..units import harmless
from .command import Session, fail, say, verb

VARIABLE = "_IMAGELAB_COMPLETE"  # click's: bash_complete, zsh_complete or fish_complete
INSTALL = {
    "bash": 'add to ~/.bashrc:  eval "$(imagelab completion bash)"',
    "zsh": 'add to ~/.zshrc:  eval "$(imagelab completion zsh)"',
    "fish": "run once:  imagelab completion fish > ~/.config/fish/completions/imagelab.fish",
}
BASH = """_imagelab_completion() {
    local line="${COMP_LINE:0:COMP_POINT}" words typed reply
    read -ra words <<< "$line"
    [[ "$line" == *' ' ]] && words+=('')
    typed="${words[${#words[@]}-1]}"
    COMPREPLY=()
    while IFS= read -r reply; do
        [[ "$typed" == *:* ]] && reply="${reply#"${typed%:*}:"}"  # bash puts what follows the colon in its place
        COMPREPLY+=("$reply")
    done < <(COMP_WORDS="${words[*]}" COMP_CWORD=$((${#words[@]}-1)) """ + VARIABLE + """=bash_complete imagelab |
        sed -n 's/^plain,//p')
}
complete -o default -F _imagelab_completion imagelab
"""


@verb("bash|zsh|fish", takes=(1, 1))
def completion(session: Session, args: tuple[str, ...]) -> None:
    """Print what makes TAB complete commands, flags and names in a shell."""
    shell = args[0]
    if shell not in INSTALL:
        fail(f"expected bash, zsh or fish, not {shell!r}")
    source = BASH if shell == "bash" else _source(shell)
    say(f"# {INSTALL[shell]}\n{source}")


def _source(shell: str) -> str:
    made = get_completion_class(shell)
    assert made is not None
    return str(made(click.Group(), {}, "imagelab", VARIABLE).source())


def names(ctx: click.Context, typed: str, metavar: str) -> list[CompletionItem]:
    """What may stand in the place of an argument: by its name in the usage, images, containers or volumes.

    None where the arguments are a command line of a container, and none for a store that cannot be read.
    """
    given = len(ctx.params.get("args") or ())
    expected = metavar.split()[min(given, metavar.count(" "))] if metavar else ""
    if "..." in metavar and "COMMAND" not in metavar:
        expected = metavar
    try:
        lab = Lab(ctx.find_root().params.get("home"), current=False)
        every = sorted({name for kind, list_ in _LISTS.items() if re.search(kind, expected) for name in list_(lab)})
    except (LabError, OSError):
        return []
    return [CompletionItem(harmless(name)) for name in every if name.startswith(typed)]


_LISTS: dict[str, Callable[[Lab], Iterable[str]]] = {
    "IMAGE|^NAME": lambda lab: (name.familiar for image in lab.images() for name in image.names),
    "CONTAINER|^NAME": lambda lab: (one.name for one in lab.containers()),
    "VOLUME|^NAME": lambda lab: (one.name for one in lab.volumes()),
}
