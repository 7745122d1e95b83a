"""Every function that reads what a stranger sends is driven with strange inputs; ``nox -s fuzz`` gives them a hundred thousand."""

from __future__ import annotations

import pytest
from fuzz.drive import drive, drive_endlessly
from fuzz.registry import TARGETS, complaints
from fuzz.targets import Take, Target, function


def test_all_of_them_are_driven() -> None:
    assert not complaints(), "\n".join(complaints())


def test_strange_inputs_raise_only_what_is_documented_in_bounded_time_and_memory() -> None:
    assert [str(failure) for failure in drive(TARGETS, 2_000, seed="suite")] == []


@pytest.mark.parametrize(
    ("what", "reader"),
    [
        ("raises KeyError", function(['{"event":"start"}'], lambda data: {}[data])),
        ("took", function(['{"event":"start"}'], lambda data: bytes(90 * len(data) + 5_000_000))),
    ],
)
def test_a_reader_that_is_not_as_it_should_be_is_found_out(what: str, reader: Target) -> None:
    failures = drive({"reader": reader}, 500, seed="suite")
    assert what in str(next(failures))


def test_so_is_one_that_remembers_all_it_was_sent() -> None:
    def fresh() -> Take:
        kept: list[str] = []
        return kept.append

    failure = drive_endlessly("reader", Target(['{"event":"' + "x" * 4_000 + '"}'], fresh), seed="suite")
    assert failure is not None
    assert "keeps" in str(failure)
