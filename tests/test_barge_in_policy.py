"""Who interrupts the agent, and when: a table of what is heard and what becomes of it; no clock, no task, no audio."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trioaudio import BargeIn, OptionError
from trioaudio._sessions.barge_in_policy import TRANSITIONS, BargeInPolicy


class Paused:
    """A pause that nobody but the policy decides about."""

    def __init__(self) -> None:
        self.outcome: str | None = None

    def reject(self) -> None:
        self.outcome = self.outcome or "rejected"


@dataclass
class Stage:
    """An agent that speaks since ``since``, if it speaks; it writes down what is done to it."""

    since: float | None = 0.0
    now: float = 0.0
    uninterruptible: bool = False
    done: list[tuple[float, str]] = field(default_factory=list)
    pauses: list[Paused] = field(default_factory=list)

    def heard(self) -> float | None:
        return None if self.since is None else max(0.0, self.now - self.since)

    def protected(self) -> bool:
        return self.uninterruptible

    def stop(self) -> None:
        self.done.append((self.now, "stop"))
        for pause in self.pauses:
            pause.outcome = pause.outcome or "confirmed"

    def pause(self) -> Paused:
        self.done.append((self.now, "pause"))
        self.pauses.append(Paused())
        return self.pauses[-1]


def play(rules: BargeIn, events: str, stage: Stage | None = None) -> list[str]:
    """What is done, and when: ``"1.0 model+, 1.3 model-"`` in, ``["1.0 stop"]`` out.

    ``+`` and ``-`` are edges of speech, ``local=0.2`` is how much of it was speech so far; ``words`` and ``turn`` happen.
    """
    stage = stage or Stage()
    policy = BargeInPolicy(rules, stage)
    told: list[str] = []

    def until(time: float) -> None:
        while policy.deadline <= time and policy.deadline < math.inf:
            stage.now = policy.deadline
            policy.pass_time(stage.now)
            note()
        stage.now = time

    def note() -> None:
        told.extend(f"{time:.1f} {what}" for time, what in stage.done)
        stage.done.clear()
        told.extend(f"{stage.now:.1f} resume" for pause in stage.pauses if pause.outcome == "rejected")
        stage.pauses[:] = [pause for pause in stage.pauses if pause.outcome is None]

    for event in events.split(", "):
        time, _, what = event.partition(" ")
        until(float(time))
        if what.endswith("+"):
            policy.speech_started(what[:-1], stage.now)
        elif what.endswith("-"):
            policy.speech_stopped(what[:-1], stage.now)
        elif "=" in what:
            policy.speech_goes_on("local", float(what.partition("=")[2]), stage.now)
        elif what == "words":
            policy.evidence(stage.now)
        elif what == "turn":
            policy.turn_started(stage.now)
        note()
    until(100.0)
    note()
    return told


PLAIN = BargeIn()
LOCAL = BargeIn("local")
BOTH = BargeIn("both")
OFF = BargeIn("off")
LONG = BargeIn(min_speech_ms=500)
LONG_LOCAL = BargeIn("local", min_speech_ms=500)
PROTECTED = BargeIn(protect_first_ms=2000)
PAUSE = BargeIn(mode="pause")
PAUSE_LONG = BargeIn(mode="pause", min_speech_ms=500)
PAUSE_LOCAL = BargeIn("local", mode="pause", min_speech_ms=500)


@pytest.mark.parametrize(
    ("rules", "events", "done"),
    [
        pytest.param(PLAIN, "1.0 model+, 1.2 model-", ["1.0 stop"], id="the model hears the caller: at once"),
        pytest.param(PLAIN, "1.0 model+, 1.2 model+, 1.3 model-", ["1.0 stop"], id="once, however often it says so"),
        pytest.param(PLAIN, "1.0 model+, 1.2 model-, 2.0 model+", ["1.0 stop", "2.0 stop"], id="each time anew"),
        pytest.param(PLAIN, "1.0 local+, 1.2 local-", [], id="what does not count is not heard"),
        pytest.param(LOCAL, "1.0 model+, 1.3 local+, 2.0 local-, 2.0 model-", ["1.3 stop"], id="only the local ear counts"),
        pytest.param(BOTH, "1.0 model+, 1.3 local+, 2.0 local-, 2.2 model-", ["1.0 stop"], id="whoever hears it first, once"),
        pytest.param(
            BOTH, "1.0 local+, 1.3 model+, 2.0 local-, 2.2 model-", ["1.0 stop"], id="whoever hears it first, the other way round"
        ),
        pytest.param(OFF, "1.0 model+, 1.3 local+, 2.0 words", [], id="nobody counts"),
        pytest.param(LONG, "1.0 model+, 1.4 model-", [], id="too short"),
        pytest.param(LONG, "1.0 model+, 1.6 model-", ["1.5 stop"], id="as soon as it is long enough"),
        pytest.param(LONG, "1.0 model+, 1.4 model-, 2.0 model+, 2.4 model-", [], id="two short ones are not a long one"),
        pytest.param(
            LONG_LOCAL,
            "1.0 local+, 1.1 local=0.2, 1.4 local=0.4, 2.0 local=0.4, 2.1 local-",
            [],
            id="only speech counts, not the silence after it",
        ),
        pytest.param(LONG_LOCAL, "1.0 local+, 1.1 local=0.2, 1.4 local=0.5, 2.1 local-", ["1.4 stop"], id="so much of it was speech"),
        pytest.param(PROTECTED, "1.0 model+, 1.5 model-", [], id="the beginning is protected"),
        pytest.param(PROTECTED, "1.0 model+, 3.0 model-", ["2.0 stop"], id="who still speaks when it is over interrupts then"),
        pytest.param(PROTECTED, "2.5 model+", ["2.5 stop"], id="the rest is not protected"),
        pytest.param(PAUSE, "1.0 model+, 1.2 model-", ["1.0 pause", "2.2 resume"], id="a pause: nothing was said"),
        pytest.param(PAUSE, "1.0 model+, 1.2 model-, 1.5 words", ["1.0 pause", "1.5 stop"], id="a pause: something was said"),
        pytest.param(PAUSE, "1.0 model+, 9.0 words, 9.1 model-", ["1.0 pause", "9.0 stop"], id="a pause lasts as long as somebody speaks"),
        pytest.param(
            PAUSE, "1.0 model+, 1.2 model-, 1.9 model+, 2.3 model-", ["1.0 pause", "3.3 resume"], id="who speaks again prolongs it"
        ),
        pytest.param(PAUSE, "1.0 model+, 1.2 model-, 4.0 words", ["1.0 pause", "2.2 resume"], id="words come too late"),
        pytest.param(PAUSE_LONG, "1.0 model+, 1.4 model-", ["1.0 pause", "1.4 resume"], id="a cough costs nothing"),
        pytest.param(PAUSE_LONG, "1.0 model+, 1.4 model-, 1.4 words", ["1.0 pause", "1.4 resume"], id="not even when the model answers it"),
        pytest.param(PAUSE_LONG, "1.0 model+, 1.6 model-", ["1.0 pause", "1.5 stop"], id="speech does"),
        pytest.param(PAUSE_LONG, "1.0 model+, 1.2 words, 1.4 model-", ["1.0 pause", "1.2 stop"], id="a short word does"),
        pytest.param(PAUSE_LOCAL, "1.0 local+, 1.1 local=0.2, 1.6 local-", ["1.0 pause", "1.6 resume"], id="a cough, heard here"),
        pytest.param(PAUSE_LOCAL, "1.0 local+, 1.1 local=0.2, 2.6 local-", ["1.0 pause", "2.1 resume"], id="a noise that never ends"),
        pytest.param(
            PAUSE_LOCAL, "1.0 local+, 1.1 local=0.2, 1.5 local=0.5, 2.6 local-", ["1.0 pause", "1.5 stop"], id="speech, heard here"
        ),
    ],
)
def test_what_is_heard_and_what_becomes_of_it(rules: BargeIn, events: str, done: list[str]):
    assert play(rules, events) == done


@pytest.mark.parametrize("rules", [LONG, PROTECTED, PAUSE, LOCAL, BOTH])
def test_where_nothing_is_said_nothing_is_stopped(rules: BargeIn):
    assert play(rules, "1.0 model+, 1.0 local+, 1.1 local=0.9, 3.0 words, 5.0 model-, 5.0 local-", Stage(since=None)) == []


@pytest.mark.parametrize("rules", [PLAIN, LONG, PROTECTED, PAUSE, LOCAL, BOTH])
def test_what_must_not_be_interrupted_is_not(rules: BargeIn):
    assert play(rules, "1.0 model+, 1.0 local+, 3.0 words, 5.0 model-, 5.0 local-", Stage(uninterruptible=True)) == []


def test_an_answer_of_which_nothing_was_heard_is_protected_too():
    """It begins to sound at 4 s."""
    assert play(PROTECTED, "1.0 model+, 4.0 turn, 9.0 model-", Stage(since=4.0)) == ["6.0 stop"]


def test_as_it_is_the_model_decides():
    assert not BargeIn().guards
    assert all(rules.guards for rules in (LOCAL, BOTH, OFF, LONG, PROTECTED, PAUSE))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"trigger": "modle"}, "BargeIn.trigger is 'modle'; did you mean 'model'?; it may be model, local, both, off"),
        ({"mode": "hold"}, "BargeIn.mode is 'hold'; it may be stop, pause"),
        ({"min_speech_ms": -1}, "BargeIn.min_speech_ms is -1; it must be milliseconds, from 0 to an hour"),
        ({"protect_first_ms": "500"}, "BargeIn.protect_first_ms is '500'; it must be milliseconds"),
        ({"resume_after_ms": math.nan}, "BargeIn.resume_after_ms is nan; it must be milliseconds"),
    ],
)
def test_what_cannot_be_is_refused(options: dict[str, object], said: str):
    with pytest.raises(OptionError) as refusal:
        BargeIn(**options)
    assert said in str(refusal.value)


EVENTS = st.sampled_from(["model+", "model-", "local+", "local-", "grow", "words", "turn", "wait", "protect", "silent", "speaks"])


@settings(max_examples=300, deadline=None)
@given(
    trigger=st.sampled_from(["model", "local", "both", "off"]),
    mode=st.sampled_from(["stop", "pause"]),
    numbers=st.tuples(*[st.sampled_from([0, 300, 1000])] * 3),
    events=st.lists(st.tuples(EVENTS, st.floats(0.0, 1.0)), max_size=40),
)
def test_however_many_triggers_fire_speech_has_one_effect(trigger, mode, numbers, events):
    least, first, after = numbers
    stage = Stage()
    policy = BargeInPolicy(BargeIn(trigger, least, first, mode, after), stage)
    effects = 0  # of the stretch of speech that goes on
    speaking = {"model": False, "local": False}
    counted = {"model": ("model",), "local": ("local",), "both": ("model", "local"), "off": ()}[trigger]
    spoken = 0.0
    for event, seconds in events:
        before = policy.state
        was_paused = before == "paused"
        if event == "wait":
            stage.now = min(stage.now + seconds, max(policy.deadline, stage.now))
            policy.pass_time(stage.now)
        elif event[-1] in "+-":
            speaking[event[:-1]] = event[-1] == "+"
            if not was_paused and event[-1] == "+" and sum(speaking[who] for who in counted) == 1 and policy.state == "silent":
                effects = 0
            getattr(policy, "speech_started" if event[-1] == "+" else "speech_stopped")(event[:-1], stage.now)
        elif event == "grow":
            spoken += seconds
            policy.speech_goes_on("local", spoken, stage.now)
        elif event == "words":
            policy.evidence(stage.now)
        elif event == "turn":
            policy.turn_started(stage.now)
        elif event == "protect":
            stage.uninterruptible = not stage.uninterruptible
        else:
            stage.since = None if event == "silent" else stage.now
        stops = sum(what == "stop" for _, what in stage.done)
        assert not (stops and stage.uninterruptible and not was_paused)
        assert stops <= 1
        effects += stops
        assert effects <= 1 or trigger == "off"
        assert not (stops and not counted)
        assert policy.state == before or policy.state in {after for state in TRANSITIONS[before] for after in (state, *TRANSITIONS[state])}
        stage.done.clear()
        if policy.state == "silent":
            effects = 0
            assert all(pause.outcome is not None for pause in stage.pauses)
            assert not any(speaking[who] for who in counted)
    policy.close()
    assert all(pause.outcome is not None for pause in stage.pauses)
