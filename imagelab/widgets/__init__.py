"""Widgets for images, tags, builds and containers. They keep no state besides the Lab's.

Their drawings can be taken hold of by mouse, touch and keyboard (`touch`); buttons do the same. Each says the same as
HTML where there is no kernel.
"""

from .anatomy import Anatomy
from .build_progress import BuildProgress
from .cache_simulator import CacheSimulator
from .container_playground import ContainerPlayground
from .digest_microscope import DigestMicroscope
from .layer_explorer import LayerExplorer
from .tag_board import TagBoard
from .transfer_board import TransferBoard
from .waste_meter import WasteMeter

__all__ = [
    "LayerExplorer", "CacheSimulator", "BuildProgress", "DigestMicroscope", "TagBoard", "WasteMeter",
    "ContainerPlayground", "Anatomy", "TransferBoard",
]  # fmt: skip
