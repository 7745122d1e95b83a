"""Decides what becomes of the agent's speech when the caller speaks into it: a machine that is told what is heard and when.

Theory of operation. A stretch of speech begins when the first of the ears that count hears it, and ends when none of them does. It has one
effect at most. `TRANSITIONS` says it all:

    silent --speech--> waiting --enough, and nothing protected--> stopped
                               --mode "pause", nothing protected--> paused --evidence--> stopped
                                                                           --too short, deadline--> let go
    and whatever it is, it is silent again when the speech has ended; a pause ends with it only if the speech was too short.

There is no task and no clock in it: ``now`` is passed in, ``deadline`` says when to come again.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

from .._barge_in import BargeIn
from .._outbound.pause import Pause

State: TypeAlias = Literal["silent", "waiting", "paused", "stopped", "let go"]
Who: TypeAlias = Literal["model", "local"]

TRANSITIONS: dict[State, tuple[State, ...]] = {
    "silent": ("waiting",),
    "waiting": ("silent", "paused", "stopped", "let go"),
    "paused": ("silent", "stopped", "let go"),
    "stopped": ("silent",),
    "let go": ("silent",),
}
"""What may follow on what."""


class Stage(Protocol):
    """The agent, as the policy sees and stops it."""

    def heard(self) -> float | None:
        """Seconds heard of what is being said; 0 while an answer is made that cannot be heard yet, None while there is nothing to stop."""

    def protected(self) -> bool:
        """Whether it must not be stopped at all."""

    def stop(self) -> None:
        """Stop it for good; also ends a pause."""

    def pause(self) -> Pause:
        """Stop it so that it can go on."""


@dataclass(slots=True)
class Ear:
    """What one of those who listen has heard of the caller."""

    speaking: bool = False
    since: float = 0.0
    spoken: float = 0.0
    """Seconds of speech, without what comes after it."""


class BargeInPolicy:
    """One for each session.

    Args:
        rules: what is to happen.
        stage: the agent.
    """

    def __init__(self, rules: BargeIn, stage: Stage) -> None:
        self.rules, self._stage = rules, stage
        self.state: State = "silent"
        self.deadline: float = math.inf
        """When `pass_time` has something to do."""
        self._ears: dict[Who, Ear] = {}
        if rules.trigger in ("model", "both"):
            self._ears["model"] = Ear()
        if rules.listens:
            self._ears["local"] = Ear()
        self._pause: Pause | None = None

    # ---- what it is told

    def speech_started(self, who: Who, now: float) -> None:
        """The caller began to speak, as the model or the local ear hears it."""
        ear = self._ears.get(who)
        if ear is None or ear.speaking:
            return
        ear.speaking, ear.since, ear.spoken = True, now, 0.0
        if self.state == "silent":
            self._become("waiting")
        self._decide(now)

    def speech_goes_on(self, who: Who, spoken: float, now: float) -> None:
        """So many seconds of it were speech so far."""
        ear = self._ears.get(who)
        if ear is not None and ear.speaking and spoken > ear.spoken:
            ear.spoken = spoken
            self._decide(now)

    def speech_stopped(self, who: Who, now: float) -> None:
        """The caller fell silent."""
        ear = self._ears.get(who)
        if ear is None or not ear.speaking:
            return
        if who == "model":
            ear.spoken = now - ear.since
        ear.speaking = False
        if not self._speaking:
            self._speech_over(now)

    def evidence(self, now: float) -> None:
        """Something was said, as words or an utterance that the model takes as complete show."""
        if self.state == "paused":
            self._stop()
            if not self._speaking:
                self._become("silent")

    def turn_started(self, now: float) -> None:
        """Something more is being said: what waited for it may go on."""
        self._decide(now)

    def pass_time(self, now: float) -> None:
        """Do what is due."""
        if now < self.deadline:
            return
        if self.state == "paused" and not (self.rules.min_speech_ms and self._long_enough(now)):
            self._let_go()
        self._decide(now)

    def spare(self) -> None:
        """What is being said must not be stopped any more: if it is paused, it goes on."""
        if self.state == "paused":
            self._let_go()

    def close(self) -> None:
        """The session is over: nobody decides any more, so what is paused goes on."""
        if self._pause is not None:
            self._pause.reject()
        self.deadline = math.inf

    # ---- what it makes of it

    @property
    def _speaking(self) -> bool:
        return any(ear.speaking for ear in self._ears.values())

    def _spoken(self, now: float) -> float:
        """Seconds of real speech; a model says how long it was only when it is over, so until then all of it counts."""
        if "local" in self._ears:
            return self._ears["local"].spoken
        ear = self._ears["model"]
        return now - ear.since if ear.speaking else ear.spoken

    def _become(self, state: State) -> None:
        assert state in TRANSITIONS[self.state], f"{self.state} -> {state}"
        self.state, self.deadline = state, math.inf

    def _decide(self, now: float) -> None:
        if self.state == "waiting":
            self._decide_whether(now)
        if self.state == "paused":
            self._decide_how_it_ends(now)

    def _decide_whether(self, now: float) -> None:
        heard, rules = self._stage.heard(), self.rules
        if self._stage.protected() or (heard is None and rules.guards):
            self._become("let go")
            return
        protected = rules.protect_first_ms / 1000 - (heard or 0.0)
        if protected > 0:
            self.deadline = now + protected  # at the earliest
        elif rules.mode == "pause":
            self._become("paused")
            self._pause = self._stage.pause()
        elif self._long_enough(now):
            self._stop()
        else:
            self.deadline = self._when_long_enough(now)

    def _decide_how_it_ends(self, now: float) -> None:
        if self._pause is None or self._pause.outcome is not None:  # somebody else has
            self._become("let go")
        elif self.rules.min_speech_ms and self._long_enough(now):
            self._stop()
        elif "local" in self._ears or not self._speaking:
            self.deadline = now + self.rules.resume_after_ms / 1000
        else:
            self.deadline = self._when_long_enough(now) if self.rules.min_speech_ms else math.inf

    def _long_enough(self, now: float) -> bool:
        return self._spoken(now) >= self.rules.min_speech_ms / 1000 - 1e-9

    def _when_long_enough(self, now: float) -> float:
        """Those who listen themselves will say so."""
        return math.inf if "local" in self._ears else now + self.rules.min_speech_ms / 1000 - self._spoken(now)

    def _stop(self) -> None:
        self._become("stopped")
        self._pause = None
        self._stage.stop()

    def _let_go(self) -> None:
        pause, self._pause = self._pause, None
        self._become("let go")
        if pause is not None:
            pause.reject()
        if not self._speaking:
            self._become("silent")

    def _speech_over(self, now: float) -> None:
        if self.state == "paused":
            if self.rules.min_speech_ms and not self._long_enough(now):
                self._let_go()
            else:
                self._decide(now)
        elif self.state != "silent":
            self._become("silent")
