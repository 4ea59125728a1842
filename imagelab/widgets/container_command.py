"""A command that the container playground runs: what it prints as it comes, how it ends, and how it is stopped."""

from __future__ import annotations

import threading
from collections.abc import Callable

from ..containers import Container
from ..errors import LabError
from ..runtime.process import kill_watched_by

MOST = 20_000  # characters shown of its output


class Command:
    """A command of one container: what it has printed so far, and how it ended."""

    def __init__(self, text: str, container: Container) -> None:
        self.text, self._container = text, container
        self.code = 0
        self.error: BaseException | None = None
        self._output: list[str] = []
        self._thread = 0  # that waits for it
        self._stopped = False

    @property
    def printed(self) -> str:
        """What it has printed, without the last newline; of much output the end."""
        text = "".join(self._output)
        if len(text) > MOST:
            text = f"({len(text) - MOST:,} characters left out)\n{text[-MOST:]}"
        return text.removesuffix("\n")

    def run(self, seconds: float) -> None:
        """Run it to its end; keeps the error if it cannot be run, takes too long or is stopped."""
        self._thread = threading.get_ident()
        try:
            self.code = self._container.exec(
                "sh", "-c", self.text, timeout=seconds,
                output=lambda _, data: self._output.append(data.decode("utf-8", "replace")),
            )  # fmt: skip
            if self._stopped:
                raise LabError("sh was stopped")
        except BaseException as error:
            self.error = error

    def run_and(self, seconds: float, then: Callable[[], object]) -> None:
        """Run it, and then call this, in the same thread."""
        self.run(seconds)
        then()

    def end(self) -> None:
        """Stop it, from another thread."""
        self._stopped = True
        kill_watched_by(self._thread)
