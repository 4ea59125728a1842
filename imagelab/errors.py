"""Errors whose messages are written for the user.

Every failure a learner can cause or meet raises a `LabError` whose text says what was wrong, where, and what
to do next. The command line prints that text and no traceback; a notebook shows it as the last line.
"""

from __future__ import annotations


class LabError(Exception):
    """An error whose message is meant for the user; `str(error)` is one line."""

    def _render_traceback_(self) -> list[str]:
        """What a notebook shows: the sentence, and no traceback (IPython asks an exception for this)."""
        return [f"{type(self).__name__}: {self}"]


class InvalidReference(LabError):
    """A name that breaks the reference grammar; the text says which part."""


class NotFound(LabError):
    """No image, tag, layer or path of that name."""


class Conflict(LabError):
    """The request is sound, but something that exists stands in its way."""


class Invalid(LabError):
    """Bytes that are not what they claim to be: a damaged tar, a wrong digest, JSON that is not JSON."""


class Unsupported(Invalid):
    """Bytes that may be sound, but are nothing that imagelab loads: a signature, an SBOM, a SHA-512 digest."""


class Interrupted(KeyboardInterrupt):
    """Ctrl-C, or a notebook's stop button: what it stopped, in one sentence."""

    def _render_traceback_(self) -> list[str]:
        """What IPython shows instead of a traceback: nobody needs to know where it was."""
        return [str(self)]
