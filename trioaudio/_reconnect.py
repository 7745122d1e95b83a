"""What becomes of a call when its model is lost, or is about to be."""

from __future__ import annotations

from dataclasses import dataclass, fields
from math import isfinite
from random import Random

from ._errors import OptionError


@dataclass(frozen=True, slots=True)
class Reconnect:
    """How a session keeps its call when the connection with the model breaks. As it is: eight attempts within a minute.

    Args:
        attempts: how often it is tried in one outage; 0: a model that is lost ends the session. A connection that breaks again
            within 10 s counts as another failure of the same outage.
        give_up_after: for how many seconds it is tried.
        delay: seconds before the first attempt; before each further one ``factor`` times as many, up to ``longest_delay``.
        factor: see ``delay``.
        longest_delay: see ``delay``.
        jitter: the share of each delay that is left to chance, 0 to 1, so that the calls of a server do not all come back at once.
        fallback_after: failures of one model after which the next is tried, if there are others.
        hold_after: seconds without a model, and without anything to be heard, after which ``hold`` sounds.
        hold: what the caller hears meanwhile: ``"tone"``, the path of an audio file, which is repeated, or None for silence.
        on_failure: the path of an audio file that is played when it is given up, also if there was no model from the beginning.
        then: what becomes of the call after that: ``"hang_up"``; ``"leave"``: the channel stays open, for the app; anything else is a
            target to which the caller is transferred.
        rollover: how many seconds before the provider ends a connection another one is made, to be changed to while nobody speaks.

    Raises:
        OptionError: a value cannot be.
    """

    attempts: int = 8
    give_up_after: float = 60.0
    delay: float = 0.2
    factor: float = 2.0
    longest_delay: float = 5.0
    jitter: float = 0.5
    fallback_after: int = 2
    hold_after: float = 1.5
    hold: str | None = "tone"
    on_failure: str | None = None
    then: str = "hang_up"
    rollover: float = 30.0

    def __post_init__(self) -> None:
        least = {"attempts": 0, "fallback_after": 1, "factor": 1}
        for each in fields(self):
            value, whole = getattr(self, each.name), isinstance(each.default, int)
            if whole or isinstance(each.default, float):
                number = isinstance(value, int if whole else int | float) and not isinstance(value, bool) and isfinite(value)
                low = least.get(each.name, 0)
                if not (number and value >= low):
                    raise OptionError(f"Reconnect.{each.name} is {value!r}; it must be a {'whole ' if whole else ''}number from {low} up")
            elif value == "":
                raise OptionError(f"Reconnect.{each.name} is empty; name something, or leave it out")
        if self.jitter > 1:
            raise OptionError(f"Reconnect.jitter is {self.jitter!r}; it must be from 0 to 1")

    def delay_before(self, attempt: int, chance: Random) -> float:
        """Seconds to wait before an attempt, the first of which is number 1."""
        longest = min(self.delay * self.factor ** min(attempt - 1, 64), self.longest_delay)
        return longest * (1 - self.jitter * chance.random())
