"""Drawings of images, tags, builds and containers: `from imagelab import draw`, then `draw.anatomy(image)`.

Each function returns a `Drawing`: SVG, DOT source, and the same facts in words.
"""

from .anatomy import anatomy
from .build import build
from .containers import containers
from .drawing import Drawing
from .merkle import merkle
from .sharing import sharing
from .stack import stack
from .tags import tags
from .timeline import timeline
from .transfer import transfer

__all__ = ["anatomy", "stack", "sharing", "containers", "merkle", "tags", "build", "transfer", "timeline", "Drawing"]
