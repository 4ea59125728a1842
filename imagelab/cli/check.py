"""`docker build --check`: each warning with the lines that it is about.

Follows BuildKit (frontend/subrequests/lint) and buildx (commands/build.go).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from .command import say

if TYPE_CHECKING:
    from ..build.checks.rules import Warning

_LINE = "-" * 20


def report(warnings: Sequence[Warning]) -> None:
    """Print what the checks found; ends the command with 1 if they found something."""
    if not warnings:
        say("Check complete, no warnings found.\n")
        return
    several = "1 warning has" if len(warnings) == 1 else f"{len(warnings)} warnings have"
    say(f"Check complete, {several} been found!\n")
    for one in warnings:
        say(f"\nWARNING: {one.rule}" + (f" - {one.url}" if one.url else "") + f"\n{one.message}\n")
        say(f"{one.file}:{one.line}\n{_LINE}\n{one.excerpt}{_LINE}\n")
    raise click.exceptions.Exit(1)
