"""The acceptance of sources: sound ones pass, each of the broken ones fails exactly the check that is there for it."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from testing.broken_sources import BROKEN, LEFT_OPEN, DropsFrames, Make, ReportsBackwards, Sound
from testing.socket_pair import open_socket_pair
from testing.source_pairs import memory, scripted

from trioaudio.abc import Buffering, Paced
from trioaudio.audio import ALAW_8K, MULAW_8K, PCM16_24K
from trioaudio.testing import check_source

WITHOUT_REPORTS = ["reports count up from each clear"]
SOUND = {
    "as it is": (scripted(), WITHOUT_REPORTS),
    "wrapped": (scripted(Sound), WITHOUT_REPORTS),
    "line open": (scripted(line_open=True), WITHOUT_REPORTS),
    "paced": (scripted(plays=Paced()), ["clear forgets what is unplayed", *WITHOUT_REPORTS]),
    "deaf to clears": (scripted(plays=Buffering(can_clear=False)), ["clear forgets what is unplayed", *WITHOUT_REPORTS]),
    "reporting": (scripted(report_every=0.1), []),
    "slow": (scripted(send_delay=lambda: 0.004), ["send nowait takes all or nothing", *WITHOUT_REPORTS]),
    "mu-law": (scripted(format=MULAW_8K), WITHOUT_REPORTS),
    "A-law": (scripted(format=ALAW_8K), WITHOUT_REPORTS),
    "24 kHz": (scripted(format=PCM16_24K), WITHOUT_REPORTS),
}


@pytest.fixture
def _closed_afterwards() -> Iterator[None]:
    yield
    while LEFT_OPEN:
        os.close(LEFT_OPEN.pop())


@pytest.mark.parametrize("name", SOUND)
def test_a_sound_source_passes_everything_that_can_be_checked(name: str) -> None:
    open_pair, unchecked = SOUND[name]
    report = check_source(open_pair)
    assert report.not_checked == unchecked
    assert not report.failed


@pytest.mark.usefixtures("_closed_afterwards")
@pytest.mark.parametrize(("make", "options", "check"), BROKEN, ids=[f"{make.__name__}" for make, _, _ in BROKEN])
def test_a_broken_source_fails_the_check_made_for_it_and_no_other(make: Make, options: dict[str, object], check: str) -> None:
    report = check_source(scripted(make, **options), raise_=False)
    assert report.failed == [check], str(report)


def test_every_check_can_fail() -> None:
    checks = [finding.check for finding in check_source(scripted(), raise_=False).findings]
    assert set(checks) == {check for _, _, check in BROKEN}


def test_failures_are_raised_together_with_the_whole_table() -> None:
    with pytest.raises(AssertionError, match="1 failed") as caught:
        check_source(scripted(DropsFrames))
    assert "audio out is whole and in order         FAILED" in str(caught.value)
    assert isinstance(caught.value.__cause__, ExceptionGroup)


def test_a_check_that_would_only_repeat_a_failure_is_not_made() -> None:
    report = check_source(scripted(DropsFrames), raise_=False)
    reason = next(finding.reason for finding in report.findings if finding.check == "clear forgets what is unplayed")
    assert reason == "'audio out is whole and in order' failed already"


def test_a_missing_verb_is_named() -> None:
    report = check_source(memory(PCM16_24K), raise_=False)
    reason = next(finding.reason for finding in report.findings if finding.check == "failure breaks receive")
    assert reason == "the other end has no fail()"


def test_a_failure_says_what_is_wrong_and_what_to_do() -> None:
    report = check_source(scripted(ReportsBackwards, report_every=0.1), raise_=False)
    reason = next(finding.reason for finding in report.findings if finding.verdict == "FAILED")
    assert "came after" in reason


def test_a_source_with_sockets_is_checked_on_the_real_clock() -> None:
    quick = ["every method is a checkpoint", "audio in is whole and in order", "hang up ends receive", "failure breaks receive"]
    assert check_source(open_socket_pair, clock="real", only=quick).passed == quick


def test_an_unknown_check_is_refused() -> None:
    with pytest.raises(ValueError, match="there is no check 'hangs up'; there are 'declares what it is', "):
        check_source(scripted(), only=["hangs up"])


def test_a_pair_that_cannot_be_opened_fails_every_check_and_says_why() -> None:
    def cannot(far: object) -> Sound:
        raise OSError("no such device")

    report = check_source(scripted(cannot), raise_=False)
    assert report.failed[0] == "declares what it is"
    assert report.findings[0].reason == "opening or closing the pair raised OSError('no such device')"
