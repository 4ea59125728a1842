"""Widgets for images, tags, builds and containers. They keep no state besides the Lab's.

Plain ipywidgets, usable by keyboard. Each says the same as HTML where there is no kernel.
"""

from .build_progress import BuildProgress
from .cache_simulator import CacheSimulator
from .container_playground import ContainerPlayground
from .digest_microscope import DigestMicroscope
from .layer_explorer import LayerExplorer
from .tag_board import TagBoard
from .waste_meter import WasteMeter

__all__ = [
    "LayerExplorer", "CacheSimulator", "BuildProgress", "DigestMicroscope", "TagBoard", "WasteMeter",
    "ContainerPlayground",
]  # fmt: skip
