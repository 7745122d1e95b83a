"""A playhead whose gaps are filled counts only what is said: compared with one that writes down every sample it was given."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from trioaudio.audio import Playhead
from trioaudio.audio._filled_playhead import FilledPlayhead

RATE = 1000


class Naive:
    """The far end, sample by sample: True is said, False fills a gap."""

    def __init__(self) -> None:
        self.given: list[bool] = []
        self.horizon = 0

    def give(self, said: bool, num_samples: int, now: int) -> None:
        self.horizon = max(self.horizon, now) + num_samples
        self.given += [said] * num_samples

    def played(self, now: int) -> int:
        return len(self.given) - max(0, self.horizon - now)

    def heard(self, played: int) -> int:
        return sum(self.given[:played])


STEPS = st.lists(st.tuples(st.sampled_from(["say", "fill", "wait"]), st.integers(1, 60)), max_size=60)


@example([("say", 20), ("fill", 30), ("say", 10)], 0)
@given(STEPS, st.integers(0, 100))
def test_it_counts_only_what_is_said(steps: list[tuple[str, int]], ahead: int):
    playhead, naive, now = FilledPlayhead(Playhead(RATE, 0.04, 0.0)), Naive(), 0
    for what, number in steps:
        if what == "wait":
            now += number
        else:
            naive.give(what == "say", number, now)
            (playhead.hand_over if what == "say" else playhead.fill)(number, now / RATE)
        assert playhead.sent == sum(naive.given)
        assert playhead.given == len(naive.given)
        for later in (now, now + ahead):
            assert playhead.heard(later / RATE) == naive.heard(naive.played(later))
        assert round(playhead.silent_at * RATE) == naive.horizon - (
            naive.given[::-1].index(True) if True in naive.given else len(naive.given)
        )
        assert playhead.position_at(len(naive.given) - ahead) == naive.heard(max(0, len(naive.given) - ahead))


@given(STEPS, st.integers(0, 50))
def test_a_report_of_all_that_was_played_is_understood(steps: list[tuple[str, int]], behind: int):
    playhead, naive, now = FilledPlayhead(Playhead(RATE, 0.04, 0.0)), Naive(), 0
    for what, number in steps:
        now += number
        naive.give(what == "say", number, now)
        (playhead.hand_over if what == "say" else playhead.fill)(number, now / RATE)
    played = max(0, len(naive.given) - behind)
    playhead.report(played, now / RATE)
    assert playhead.reported == playhead.heard(now / RATE) == naive.heard(played)
    assert round((playhead.horizon - now / RATE) * RATE) == len(naive.given) - played


def test_it_goes_on_where_the_other_one_was():
    before = Playhead(RATE, 0.04, 1.0)
    before.hand_over(30, 1.0)
    playhead = FilledPlayhead(before)
    assert (playhead.sent, playhead.horizon, playhead.due, playhead.heard(1.01)) == (30, before.horizon, before.due, 10)
