"""What ``trioaudio doctor`` finds: a verdict, what it is about, what was seen, and what to do."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, TextIO, TypeAlias

from .screen import printable

Verdict: TypeAlias = Literal["ok", "warning", "problem"]
"""``warning``: calls work, but something one may want does not; ``problem``: something is broken."""
WIDTH = 80
MARGIN = " " * 11


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor's report, and the remedy below it."""

    verdict: Verdict
    what: str
    seen: str
    remedy: str = ""

    def lines(self) -> list[str]:
        """As they are printed: never broken, so that commands and paths can be copied and lines be searched."""
        first = f"  {self.verdict:<9}{printable(self.what)}: {printable(self.seen)}"
        return [first, f"{MARGIN}-> {printable(self.remedy)}"] if self.remedy else [first]


def summary(findings: Iterable[Finding]) -> str:
    """The last line."""
    verdicts = [finding.verdict for finding in findings]
    problems, warnings = verdicts.count("problem"), verdicts.count("warning")
    return f"{_count(problems, 'problem')}, {_count(warnings, 'warning')}"


def _count(number: int, what: str) -> str:
    return f"{number or 'no'} {what}{'' if number == 1 else 's'}"


class Progress:
    """Shows what is being done, where somebody is watching; nothing of it stays."""

    def __init__(self, file: TextIO | None = None) -> None:
        self._file = sys.stderr if file is None else file
        self._watched = self._file is not None and self._file.isatty()

    def show(self, what: str) -> None:
        """Show this in place of what is shown."""
        if self._watched:
            self._file.write(f"\r\x1b[K  ...      {printable(what)[: WIDTH - len(MARGIN)]}")
            self._file.flush()

    def clear(self) -> None:
        """Show nothing."""
        if self._watched:
            self._file.write("\r\x1b[K")
            self._file.flush()
