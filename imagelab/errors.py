"""Errors whose messages are written for the user.

A failure that a user can cause raises a `LabError`, whose message says what was expected, what was found, where, and
what to do next. The command line and notebooks show the message without a traceback.
"""

from __future__ import annotations


class LabError(Exception):
    """An error whose message is meant for the user; `str(error)` is one line."""

    def _render_traceback_(self) -> list[str]:
        """The lines that IPython shows instead of a traceback."""
        return [f"{type(self).__name__}: {self}"]


class InvalidReference(LabError):
    """An image name that does not match the reference grammar; the message says which part."""


class NotFound(LabError):
    """An image, tag, layer, container or path that does not exist."""


class Conflict(LabError):
    """A valid request that conflicts with something that exists, such as a container that uses the image."""


class Invalid(LabError):
    """Malformed data: a damaged tar, a wrong digest, a syntax error in JSON."""


class Unsupported(Invalid):
    """Data that may be valid but that imagelab does not support: a signature, an SBOM, a SHA-512 digest."""


class Interrupted(KeyboardInterrupt):
    """Ctrl-C, or a notebook's stop button; the message says what was interrupted."""

    def _render_traceback_(self) -> list[str]:
        """The line that IPython shows instead of a traceback."""
        return [str(self)]
