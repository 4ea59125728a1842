"""One idea: a container does not know what it looks like; who does says so here, without importing it.

The notebook's face of the other nouns is put on their classes (see `face`). That of a container waits here until there
is one: its module is not needed for images, and takes its time to import.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Looks:
    """What shows a container: `html` as a page, and `diff_table` what it changed."""

    html: Callable[[Any], str] = staticmethod(repr)
    diff_table: Callable[[Any], Any] = staticmethod(lambda container: container.diff())
