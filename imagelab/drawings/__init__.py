"""One idea: an image is easier to see than to say. `from imagelab import draw`, then `draw.anatomy(image)`.

Each function returns a `Drawing`: SVG, DOT source, and the same facts in words.
"""

from .anatomy import anatomy
from .containers import containers
from .graph import build
from .merkle import merkle
from .picture import Drawing
from .sharing import sharing
from .stack import stack
from .tags import tags

__all__ = ["anatomy", "stack", "sharing", "containers", "merkle", "tags", "build", "Drawing"]
