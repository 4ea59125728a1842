"""Containers: instances of an image, each with a writable layer and a life of its own.

`container` has the verbs, `collection` makes and finds containers, `record` is a container's folder on disk, `shim` the
process that runs its program.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .container import Container

__all__ = ["Container"]


def __getattr__(name: str) -> object:  # the shim does not need it, and must start fast
    if name in __all__:
        return getattr(import_module(".container", __name__), name)
    raise AttributeError(name)
