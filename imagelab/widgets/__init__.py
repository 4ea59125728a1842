"""One idea: a widget is a window on an image or a lab, and keeps nothing of its own.

Plain ipywidgets, usable by keyboard. Each says the same as HTML where there is no kernel.
"""

from .building import BuildProgress
from .cache import CacheSimulator
from .explorer import LayerExplorer
from .microscope import DigestMicroscope
from .playground import ContainerPlayground
from .tags import TagBoard
from .waste import WasteMeter

__all__ = [
    "LayerExplorer", "CacheSimulator", "BuildProgress", "DigestMicroscope", "TagBoard", "WasteMeter",
    "ContainerPlayground",
]  # fmt: skip
