"""imagelab: real container images in a notebook, with no Docker.

Reading order: digest → reference → entry → tree → tar → layer → rootfs → manifest → image → blobs → index → taglog →
store → remove → gc → save → staging → load → lab. `from imagelab import Lab` is all a lesson needs.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .digest import Digest
    from .entry import Entry
    from .errors import LabError
    from .image import Image
    from .lab import Lab
    from .layer import Layer
    from .reference import Reference
    from .tree import Changes, Tree

__version__ = "0.1.0"
__all__ = ["Changes", "Digest", "Entry", "Image", "Lab", "LabError", "Layer", "Reference", "Tree", "draw"]

_WHERE = {
    "Changes": "tree", "Digest": "digest", "Entry": "entry", "Image": "image", "Lab": "lab", "LabError": "errors",
    "Layer": "layer", "Reference": "reference", "Tree": "tree",
}  # fmt: skip


def __getattr__(name: str) -> Any:
    """Import what is asked for when it is asked for, so that `import imagelab` costs next to nothing."""
    if name == "draw":
        return import_module(".drawings", __name__)
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import_module(".face", __name__).put_on()
    return getattr(import_module(f".{_WHERE[name]}", __name__), name)


def load_ipython_extension(shell: Any) -> None:
    """`%load_ext imagelab` brings `%docker` and `%%docker`."""
    import_module(".magic", __name__).load_ipython_extension(shell)
