"""Where the account of a call appears: lines, with a progress bar below them when somebody is watching."""

from __future__ import annotations

from typing import Protocol, TextIO

LINE_EVERY = 60.0
"""Seconds of call between two lines of progress, where there is no bar."""


class Screen(Protocol):
    """Lines of text, and how far the call has come."""

    def line(self, text: str, style: str = "") -> None:
        """Write a line."""

    def progress(self, seconds: float) -> None:
        """The call has come so far."""

    def close(self) -> None:
        """Leave the screen as it is."""


def open_screen(file: TextIO, length: float | None) -> Screen:
    """A bar on a terminal, if rich is installed (extra ``demo``); plain lines elsewhere.

    Args:
        file: where to write.
        length: seconds of the whole, if known.
    """
    if file.isatty():
        try:
            return _BarScreen(file, length)
        except ModuleNotFoundError:
            pass
    return _LineScreen(file, length)


class _LineScreen:
    def __init__(self, file: TextIO, length: float | None) -> None:
        self._file, self._length = file, length
        self._next = LINE_EVERY

    def line(self, text: str, style: str = "") -> None:
        print(text, file=self._file, flush=True)

    def progress(self, seconds: float) -> None:
        if seconds >= self._next:
            self._next += LINE_EVERY
            whole = f" of {self._length:.0f}" if self._length else ""
            self.line(f"          ... {seconds:.0f}{whole} s")

    def close(self) -> None:
        pass


class _BarScreen:
    STEPS = 500

    def __init__(self, file: TextIO, length: float | None) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn

        self._length, self._shown = length, -1
        columns = (TextColumn("{task.description}"), BarColumn(bar_width=None), TextColumn("{task.fields[time]}"))
        self._progress = Progress(*columns, console=Console(file=file, highlight=False), auto_refresh=False, transient=True)
        self._task = self._progress.add_task("call", total=length, time="0.0 s")
        self._progress.start()

    def line(self, text: str, style: str = "") -> None:
        from rich.text import Text

        self._progress.console.print(Text(text, style=style))

    def progress(self, seconds: float) -> None:
        step = int(seconds / self._length * self.STEPS) if self._length else int(seconds * 5)
        if step != self._shown:
            self._shown = step
            whole = f" / {self._length:.1f}" if self._length else ""
            self._progress.update(self._task, completed=min(seconds, self._length or seconds), time=f"{seconds:.1f}{whole} s", refresh=True)

    def close(self) -> None:
        self._progress.stop()
