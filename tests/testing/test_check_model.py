"""The acceptance of models: sound ones pass, each of the broken ones fails exactly the check that is there for it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from testing.broken_models import BROKEN, DropsFrames, Make, Sound, close_left_open
from testing.model_pairs import parrot, scripted

from trioaudio.testing import check_model


@pytest.fixture
def _closed_afterwards() -> Iterator[None]:
    yield
    close_left_open()


@pytest.mark.parametrize("make", [lambda model, script: model, Sound], ids=["as it is", "wrapped"])
def test_a_sound_model_passes_every_check(make: Make) -> None:
    report = check_model(scripted(make))
    assert not report.not_checked


@pytest.mark.usefixtures("_closed_afterwards")
@pytest.mark.parametrize(("make", "check"), BROKEN, ids=[f"{make.__name__}" for make, _ in BROKEN])
def test_a_broken_model_fails_the_check_made_for_it_and_no_other(make: Make, check: str) -> None:
    report = check_model(scripted(make), raise_=False)
    assert report.failed == [check], str(report)


def test_every_check_can_fail() -> None:
    checks = [finding.check for finding in check_model(scripted(), raise_=False).findings]
    assert set(checks) == {check for _, check in BROKEN}


def test_a_model_that_can_do_little_passes_with_little() -> None:
    report = check_model(scripted(capabilities=frozenset()))
    assert not report.failed


def test_the_parrot_conforms() -> None:
    report = check_model(parrot)
    assert report.not_checked == [
        "appended audio is whole and in order",
        "append nowait takes all or nothing",
        "cancelled append completes or breaks",
        "end ends receive",
        "failure breaks receive",
        "append breaks after end",
        "append breaks after failure",
        "say makes an answer",
        "respond makes an answer",
        "answers come one after the other",
        "tool call is whole",
        "tool result arrives",
        "history makes no answer",
        "session closes although server stalls",
    ]


def test_failures_are_raised_together_with_the_whole_table() -> None:
    with pytest.raises(AssertionError, match=r"appended audio is whole and in order +FAILED"):
        check_model(scripted(DropsFrames))
