"""Where the account of a call appears: rows of three columns, with a progress bar below them when somebody is watching.

Nobody has to listen: once standard output is gone (``trioaudio demo | head -1``, a closed terminal, a full disk), the account
falls silent and the call goes on.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol, TextIO

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID
    from rich.table import Table

ROWS_OF_PROGRESS = 60.0
"""Seconds of call between two rows of progress, where there is no bar."""
STEPS = 500
"""How often a bar moves, from end to end."""
COLOURS = {"caller": "cyan", "agent": "green", "model": "magenta"}


class Screen(Protocol):
    """Rows, each with a time or another figure, who it is about, and what there is to say; and how far the call has come."""

    def row(self, figure: str, who: str, what: str, style: str = "") -> None:
        """Add a row; ``style`` colours what is said, where there are colours."""

    def progress(self, seconds: float) -> None:
        """The call has come so far."""

    def close(self) -> None:
        """Take the bar away; rows can still be added."""


def open_screen(file: TextIO, length: float | None) -> Screen:
    """Colours and a bar on a terminal, if rich is installed (extra ``demo``); plain lines elsewhere.

    Args:
        file: where to write.
        length: seconds the caller has to say, if known.
    """
    if file.isatty():
        try:
            return _TerminalScreen(file, length)
        except ImportError:
            pass
    return _PlainScreen(file, length)


def printable(text: str) -> str:
    """The text on one line, without what would command a terminal: it may come from a file's name or a model."""
    return "".join(letter if letter.isprintable() else " " if letter.isspace() else "\N{REPLACEMENT CHARACTER}" for letter in text)


def complain(error: object) -> None:
    """Say in one line, on standard error, what cannot be done."""
    print(f"trioaudio: {printable(str(error))}", file=sys.stderr)


def fall_silent(file: TextIO) -> None:
    """Let everything that is still written to a file go nowhere, also what is in its buffer when the process ends."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, file.fileno())
    os.close(nowhere)


@contextmanager
def libraries_silenced() -> Iterator[None]:
    """Let C libraries print nothing on standard error, as decoders do of damaged files: our own complaint says what is wrong."""
    try:
        spoken = os.dup(2)
    except OSError:  # nobody listens there anyway
        yield
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)
    try:
        yield
    finally:
        os.dup2(spoken, 2)
        os.close(spoken)


class _PlainScreen:
    def __init__(self, file: TextIO, length: float | None) -> None:
        self._file, self._length = file, length
        self._next = ROWS_OF_PROGRESS

    def row(self, figure: str, who: str, what: str, style: str = "") -> None:
        try:
            print(f"{figure:>9}  {who:6}  {what}".rstrip(), file=self._file, flush=True)
        except OSError:
            fall_silent(self._file)

    def progress(self, seconds: float) -> None:
        if seconds >= self._next and self._length is not None and seconds < self._length:
            self._next += ROWS_OF_PROGRESS
            self.row("", "", f"... {seconds:.0f} of {self._length:.0f} s")

    def close(self) -> None:
        pass


class _TerminalScreen:
    def __init__(self, file: TextIO, length: float | None) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn

        self._file, self._length, self._shown = file, length, -1
        self._console = Console(file=file, highlight=False)
        columns = (TextColumn("{task.description:>9}", style="dim"), BarColumn(bar_width=None), TextColumn("{task.fields[note]}"))
        self._bar: Progress = Progress(*columns, console=self._console, auto_refresh=False, transient=True)
        self._task: TaskID = self._bar.add_task("", total=length, note="")
        self._bar.start()

    def row(self, figure: str, who: str, what: str, style: str = "") -> None:
        from rich.text import Text

        grid = self._grid()
        grid.add_row(Text(figure, "dim"), Text(who, COLOURS.get(who, "")), Text(what, style))
        try:
            self._console.print(grid)
        except OSError:
            fall_silent(self._file)

    def _grid(self) -> Table:
        from rich.table import Table

        grid = Table.grid(padding=(0, 2, 0, 0))
        grid.add_column(width=9, justify="right")
        grid.add_column(width=6)
        grid.add_column()  # what is too long goes on below itself
        return grid

    def progress(self, seconds: float) -> None:
        step = int(seconds / self._length * STEPS) if self._length else int(seconds * 5)
        if step != self._shown:
            self._shown = step
            self._show(seconds)

    def _show(self, seconds: float) -> None:
        note = "" if self._length is None else f"of {self._length:.1f} s" if seconds < self._length else "caller has said all"
        try:
            self._bar.update(self._task, completed=seconds, description=f"{seconds:.1f} s", note=note, refresh=True)
        except OSError:
            fall_silent(self._file)

    def close(self) -> None:
        try:
            self._bar.stop()
        except OSError:
            fall_silent(self._file)
