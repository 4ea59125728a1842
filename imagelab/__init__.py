"""imagelab: real container images in a notebook, with no Docker.

`from imagelab import Lab` is all a lesson needs. CONTRIBUTING.md has the order in which to read the packages.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from . import drawings as draw
    from . import tables
    from .analysis import docker_stores
    from .containers.container import Container
    from .errors import LabError
    from .filesystem.entry import Entry
    from .filesystem.tree import Changes, Tree
    from .lab import Lab
    from .oci import mutate
    from .oci.digest import Digest
    from .oci.image import Image
    from .oci.layer import Layer
    from .oci.reference import Reference

__version__ = "0.1.0"
__all__ = [
    "Changes", "Container", "Digest", "Entry", "Image", "Lab", "LabError", "Layer", "Reference", "Tree",
    "docker_stores", "draw", "mutate", "tables",
]  # fmt: skip

_WHERE = {
    "Changes": "filesystem.tree",
    "Container": "containers.container",
    "Digest": "oci.digest",
    "Entry": "filesystem.entry",
    "Image": "oci.image",
    "Lab": "lab",
    "LabError": "errors",
    "Layer": "oci.layer",
    "Reference": "oci.reference",
    "Tree": "filesystem.tree",
}

_MODULES = {
    "docker_stores": "analysis.docker_stores", "draw": "drawings", "mutate": "oci.mutate", "tables": "tables",
}  # fmt: skip


def __getattr__(name: str) -> Any:
    """Import what is asked for when it is asked for, so that `import imagelab` costs next to nothing."""
    if name in _MODULES:
        return import_module(f".{_MODULES[name]}", __name__)
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_WHERE[name]}", __name__), name)


def load_ipython_extension(shell: Any) -> None:
    """`%load_ext imagelab` brings `%docker` and `%%docker`."""
    import_module(".cli.magic", __name__).load_ipython_extension(shell)
