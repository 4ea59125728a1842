"""A terminal: a pty of some rows and columns, and the screen that the bytes written to it make."""

from __future__ import annotations

import fcntl
import os
import re
import struct
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TextIO


@dataclass
class Screen:
    """What a terminal shows: it wraps long lines, and scrolls. It knows the codes that docker's progress needs."""

    rows: int
    columns: int
    scrolled: list[str] = field(default_factory=list)  # the lines that have left it at the top
    lines: list[str] = field(default_factory=lambda: [""])
    row: int = 0
    column: int = 0

    def write(self, text: str) -> None:
        for part in re.findall(r"\x1b\[\d*[A-Z]|[\r\n]|[^\x1b\r\n]", text):
            if part == "\r":
                self.column = 0
            elif part == "\n":
                self._down()
            elif part.endswith("A") and part.startswith("\x1b"):
                self.row = max(0, self.row - int(part[2:-1]))
            elif part == "\x1b[2K":
                self.lines[self.row] = ""
            else:
                assert len(part) == 1, f"{part!r} is not a code that this screen knows"
                if self.column == self.columns:
                    self.column = 0
                    self._down()
                line = self.lines[self.row].ljust(self.column)
                self.lines[self.row] = line[: self.column] + part + line[self.column + 1 :]
                self.column += 1

    def _down(self) -> None:
        self.row += 1
        if self.row == len(self.lines):
            self.lines.append("")
        if len(self.lines) > self.rows:
            self.scrolled.append(self.lines.pop(0))
            self.row -= 1

    @property
    def all(self) -> list[str]:
        """Every line, those above the screen too."""
        return [*self.scrolled, *self.lines[: self.row]]


@dataclass
class Terminal:
    """`out` is the program's stdout; `screen()` is what can be seen now."""

    rows: int
    columns: int
    out: TextIO
    master: int
    written: str = ""

    def screen(self) -> Screen:
        self.out.flush()
        os.set_blocking(self.master, False)
        while True:
            try:
                self.written += os.read(self.master, 1 << 16).decode()
            except BlockingIOError:
                break
        screen = Screen(self.rows, self.columns)
        screen.write(self.written)
        return screen


@contextmanager
def terminal(rows: int, columns: int) -> Iterator[Terminal]:
    """A terminal of this size, until the block ends."""
    master, slave = os.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    with open(slave, "w") as out:
        yield Terminal(rows, columns, out, master)
    os.close(master)
