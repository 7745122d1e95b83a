"""What becomes of the agent's speech when the caller speaks into it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from ._errors import OptionError
from ._spelling import suggest

Trigger: TypeAlias = Literal["model", "local", "both", "off"]
Mode: TypeAlias = Literal["stop", "pause"]


@dataclass(frozen=True, slots=True)
class BargeIn:
    """When the caller's speech interrupts the agent, and how. As it is, the agent stops as soon as the model hears the caller.

    With any other value the session decides, and the provider is asked not to interrupt by itself (``TurnDetection.interrupt``).

    Args:
        trigger: who hears the caller speak: the model; the session's own voice activity detection (``local``); whichever hears it first
            (``both``); nobody (``off``: only the app, the caller's stop button and keys interrupt).
        min_speech_ms: speech that is shorter interrupts nothing. Local detection counts speech alone; a model tells of the end only after
            a silence, which counts as speech here: with ``trigger="model"`` let it be more than ``TurnDetection.silence_ms``.
        protect_first_ms: nothing is interrupted before so much of it was heard; a caller who is still speaking then interrupts it then.
        mode: ``stop``: the agent stops once all conditions are met. ``pause``: it falls silent at once, and goes on where it was if
            the speech turns out to be shorter than ``min_speech_ms``, or, without that, if nothing shows that something was said:
            words, or an utterance that the model takes as complete.
        resume_after_ms: of ``pause``: how long after the last sign of speech it goes on by itself.

    Raises:
        OptionError: a value cannot be.
    """

    trigger: Trigger = "model"
    min_speech_ms: float = 0
    protect_first_ms: float = 0
    mode: Mode = "stop"
    resume_after_ms: float = 1000

    def __post_init__(self) -> None:
        _require("trigger", self.trigger, get_args(Trigger))
        _require("mode", self.mode, get_args(Mode))
        for name in ("min_speech_ms", "protect_first_ms", "resume_after_ms"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 3_600_000:
                raise OptionError(f"BargeIn.{name} is {value!r}; it must be milliseconds, from 0 to an hour")

    @property
    def guards(self) -> bool:
        """Whether the session decides, and not the model alone."""
        return self.trigger != "model" or self.mode != "stop" or bool(self.min_speech_ms or self.protect_first_ms)

    @property
    def listens(self) -> bool:
        """Whether the session listens for speech itself."""
        return self.trigger in ("local", "both")


def _require(name: str, value: object, choices: tuple[str, ...]) -> None:
    if value not in choices:
        near = suggest(value, choices) if isinstance(value, str) else ""
        raise OptionError(f"BargeIn.{name} is {value!r}{near}; it may be {', '.join(choices)}")
