"""Containers: instances of an image, each with a writable layer and a life of its own.

Reading order: `record` (what is known of one, on disk) → `roots` (its files) → `log` → `shim` (who runs its program) →
`container` (its verbs) → `shelf` (making and finding them), `transfer` (cp and export); `names` is for fun.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .container import Container

__all__ = ["Container"]


def __getattr__(name: str) -> object:  # the shim does not need it, and must start at once
    if name in __all__:
        return getattr(import_module(".container", __name__), name)
    raise AttributeError(name)
