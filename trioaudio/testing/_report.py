"""What a conformance kit found: one line for each check, and one error for all that failed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

Verdict: TypeAlias = Literal["passed", "FAILED", "not checked"]
"""What became of a check; ``not checked`` when something it needs is missing."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What became of one check."""

    check: str
    """Its name."""
    promise: str
    """What it checks, in a sentence."""
    verdict: Verdict
    reason: str = ""
    """Why it failed, or what was missing."""
    error: BaseException | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """The findings of a kit; prints as a table."""

    subject: str
    findings: tuple[Finding, ...]

    def names(self, verdict: Verdict) -> list[str]:
        """The checks that ended so."""
        return [finding.check for finding in self.findings if finding.verdict == verdict]

    @property
    def passed(self) -> list[str]:
        """The checks that passed."""
        return self.names("passed")

    @property
    def failed(self) -> list[str]:
        """The checks that failed."""
        return self.names("FAILED")

    @property
    def not_checked(self) -> list[str]:
        """The checks that could not be made."""
        return self.names("not checked")

    def raise_failures(self) -> None:
        """Raise if anything failed.

        Raises:
            AssertionError: with the whole table; its cause is a group of all errors.
        """
        errors = [finding.error or AssertionError(finding.reason) for finding in self.findings if finding.verdict == "FAILED"]
        if errors:
            raise AssertionError(f"{self}") from BaseExceptionGroup(f"{len(errors)} checks failed", errors)

    def __str__(self) -> str:
        width = max((len(finding.check) for finding in self.findings), default=0)
        lines = [f"  {finding.check:<{width}}  {finding.verdict:<11}  {finding.reason}".rstrip() for finding in self.findings]
        counts = f"{len(self.passed)} passed, {len(self.failed)} failed, {len(self.not_checked)} not checked"
        return "\n".join([f"{self.subject}: {counts}", *lines])
