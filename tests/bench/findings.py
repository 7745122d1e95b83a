"""What a bench finds out, and the table that shows it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

Tell: TypeAlias = Callable[[str], None]
"""Shows how far a bench has come."""


@dataclass(frozen=True, slots=True)
class Effort:
    """How long a bench may take.

    Args:
        quick: seconds instead of minutes; good for seeing that it runs, and for orders of magnitude.
        day: simulate the day, too.
    """

    quick: bool = False
    day: bool = False

    def rounds(self, full: int, quick: int) -> int:
        """The number that fits."""
        return quick if self.quick else full


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the table."""

    what: str
    value: float
    unit: str
    ratio: float | None = None
    to: str = ""
    """What the ratio is to; measured in the same run."""
    aim: float | None = None
    """The most that is acceptable."""
    aim_is_for: Literal["value", "ratio"] = "value"

    @property
    def judged(self) -> float | None:
        """The figure that the aim is for."""
        return self.ratio if self.aim_is_for == "ratio" else self.value

    @property
    def met(self) -> bool | None:
        """Whether the aim is met; None if there is none."""
        if self.aim is None or self.judged is None:
            return None
        return self.judged <= self.aim


def table(sections: Iterable[tuple[str, list[Finding]]]) -> str:
    """All findings, readable."""
    return "\n".join(line for title, findings in sections for line in ("", title, "-" * 118, *map(_line, findings)))


def _line(finding: Finding) -> str:
    ratio = "" if finding.ratio is None else f"{finding.ratio:6.2f} x {finding.to}"
    verdict = {None: "", True: "met", False: "MISSED"}[finding.met]
    return f"  {finding.what:<50} {_figure(finding.value):>9} {finding.unit:<9} {ratio:<28} {_aim(finding):<10} {verdict}".rstrip()


def _figure(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.{1 if abs(value) >= 10 else 2}f}"


def _aim(finding: Finding) -> str:
    if finding.aim is None:
        return ""
    return f"<= {finding.aim:g}" + (" x" if finding.aim_is_for == "ratio" else "")


def missed(sections: Iterable[tuple[str, list[Finding]]]) -> Iterator[Finding]:
    """The findings that fall short of their aim."""
    return (finding for _, findings in sections for finding in findings if finding.met is False)
