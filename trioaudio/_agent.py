"""Who the model is to be in a session."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from os import PathLike
from typing import Literal

from ._agent_file import read_agent_file
from ._barge_in import BargeIn
from ._errors import OptionError
from ._events import KEYS
from ._reconnect import Reconnect
from ._spelling import suggest
from ._tool import Tool, as_tool


def _require_choice(what: str, value: object, choices: tuple[object, ...]) -> None:
    if value not in choices:
        near = suggest(value, [choice for choice in choices if isinstance(choice, str)]) if isinstance(value, str) else ""
        raise OptionError(f"{what} is {value!r}{near}; it may be {', '.join(map(str, choices))}")


@dataclass(frozen=True, slots=True)
class TurnDetection:
    """How the model finds the end of what the caller says. A provider that cannot do it in this way comes as near as it can.

    Args:
        mode: ``server``: the provider, by silence; ``semantic``: the provider, by the sense of what is said; ``manual``: the app or
            the far party, by a commit.
        silence_ms: silence that ends an utterance, in milliseconds; the provider's own default unless told otherwise.
        threshold: how loud speech is, from 0 to 1; the provider's own default unless told otherwise.
        eagerness: of ``semantic``: how soon an utterance counts as complete.
        interrupt: whether the provider stops its answer by itself when it hears the caller.

    Raises:
        OptionError: a value cannot be.
    """

    mode: Literal["server", "semantic", "manual"] = "server"
    silence_ms: float | None = None
    threshold: float | None = None
    eagerness: Literal["low", "medium", "high", "auto"] | None = None
    interrupt: bool = True

    def __post_init__(self) -> None:
        _require_choice("TurnDetection.mode", self.mode, ("server", "semantic", "manual"))
        _require_choice("TurnDetection.eagerness", self.eagerness, (None, "low", "medium", "high", "auto"))
        if self.silence_ms is not None and not self.silence_ms > 0:
            raise OptionError(f"TurnDetection.silence_ms is {self.silence_ms!r}; it must be more than 0 ms")
        if self.threshold is not None and not 0 <= self.threshold <= 1:
            raise OptionError(f"TurnDetection.threshold is {self.threshold!r}; it must be from 0 to 1")


@dataclass(frozen=True, slots=True)
class KeyGroups:
    """Keys the caller presses are told to the model in groups; made by `collect`."""

    n: int | None = None
    end: str | None = "#"
    timeout: float = 5.0

    def __post_init__(self) -> None:
        if self.n is not None and not self.n >= 1:
            raise OptionError(f"collect(n={self.n!r}): a group has at least one key")
        if self.end is not None and (len(self.end) != 1 or self.end not in KEYS):
            raise OptionError(f"collect(end={self.end!r}): it must be one key of a telephone ({''.join(sorted(KEYS))}), or None")
        if not self.timeout > 0:
            raise OptionError(f"collect(timeout={self.timeout!r}): it must be more than 0 s")


def collect(n: int | None = None, end: str | None = "#", timeout: float = 5.0) -> KeyGroups:
    """Tell the model the keys a caller presses in groups, one message each: ``Agent(dtmf=collect(4))``.

    Args:
        n: a group is complete with so many keys; any number unless told otherwise.
        end: a group is complete with this key, which is part of it; None for no such key.
        timeout: a group is complete when so many seconds have passed without a key.

    Raises:
        OptionError: a value cannot be.
    """
    return KeyGroups(n, end, timeout)


@dataclass(frozen=True, slots=True, init=False)
class Agent:
    """Who the model is to be, what it may do, and how it behaves; frozen: `replace` makes another one.

    Args:
        instructions: the system prompt.
        voice: the provider's name for a voice; its default unless told otherwise.
        tools: functions the model may call: plain ones, or made by `tool`. A model that can call none is reported as a `Fault`.
        greeting: what the agent says first, unasked; word for word if the model can `Model.say`. A model that cannot speak unasked
            is reported as a `Fault`.
        transcribe: ask the model for transcripts of what it hears.
        turn_detection: how the model finds the end of what the caller says.
        barge_in: what becomes of the agent's speech when the caller speaks into it.
        reconnect: what becomes of the call when the model is lost.
        dtmf: what becomes of keys the caller presses: ``"ignore"``, ``"text"`` (the model is told of each at once), or `collect`.
        variables: what ``{name}`` stands for in ``instructions`` and ``greeting``. A brace before a name that is to stay is doubled:
            ``{{name}}``.
        provider_options: handed to the model as they are; what they mean is the provider's affair.

    Raises:
        OptionError: a value cannot be.
        TypeError: a tool's signature says too little, or two tools have one name.
    """

    instructions: str = field(repr=False)  # a session's agent has its variables filled in, which may be anything
    voice: str | None
    tools: tuple[Tool, ...]
    greeting: str | None = field(repr=False)
    transcribe: bool
    turn_detection: TurnDetection
    barge_in: BargeIn
    reconnect: Reconnect
    dtmf: Literal["ignore", "text"] | KeyGroups
    variables: Mapping[str, object] = field(repr=False)
    provider_options: Mapping[str, object] = field(repr=False)

    def __init__(
        self,
        instructions: str = "",
        *,
        voice: str | None = None,
        tools: Iterable[Tool | Callable[..., object]] = (),
        greeting: str | None = None,
        transcribe: bool = True,
        turn_detection: TurnDetection = TurnDetection(),
        barge_in: BargeIn = BargeIn(),  # noqa: B008 - frozen
        reconnect: Reconnect = Reconnect(),  # noqa: B008 - frozen
        dtmf: Literal["ignore", "text"] | KeyGroups = "ignore",
        variables: Mapping[str, object] | None = None,
        provider_options: Mapping[str, object] | None = None,
    ) -> None:
        if not isinstance(dtmf, KeyGroups):
            _require_choice("Agent.dtmf", dtmf, ("ignore", "text", "a call of collect(...)"))
        values = {
            "instructions": instructions,
            "voice": voice,
            "tools": _distinct(tuple(as_tool(fn) for fn in tools)),
            "greeting": greeting,
            "transcribe": transcribe,
            "turn_detection": turn_detection,
            "barge_in": barge_in,
            "reconnect": reconnect,
            "dtmf": dtmf,
            "variables": dict(variables or {}),
            "provider_options": dict(provider_options or {}),
        }
        for name, value in values.items():
            object.__setattr__(self, name, value)

    def replace(self, **changes: object) -> Agent:
        """The same agent with some fields changed.

        Raises:
            TypeError: a name is not a field.
            OptionError: a value cannot be.
        """
        names = [each.name for each in fields(self)]
        for name in changes:
            if name not in names:
                raise TypeError(f"an Agent has no {name!r}{suggest(name, names)} (it has {', '.join(names)})")
        return replace(self, **changes)  # type: ignore[arg-type]  # their names are checked, their values by `__init__`

    @classmethod
    def from_file(cls, path: str | PathLike[str]) -> Agent:
        """The agent that a TOML file describes; its keys are the arguments of `Agent`.

        ```toml
        instructions = "You are the receptionist of {company}."
        greeting = "Welcome to {company}."
        tools = ["hang_up", "acme.tools:look_up", { use = "transfer", sales = "+49 30 1234" }]
        dtmf = { n = 4, end = "#" }
        variables = { company = "Acme" }

        [turn_detection]
        mode = "semantic"
        ```

        A tool is ``"package.module:function"``, or the name of one in ``trioaudio.tools``. As a table, ``use`` names what makes the
        tool, and the rest is given to that. Relative names of modules are looked up as ``import`` does.

        Raises:
            OptionError: the file is missing or no TOML, a key is unknown, a value of the wrong type, a tool not to be found. One line
                that names the file, the line if it is known, the key, and the nearest right one.
        """
        return read_agent_file(path, cls)

    def filled(self) -> Agent:
        """The agent with its variables put in, as a session does when it opens.

        Raises:
            OptionError: a variable is missing.
        """
        greeting = None if self.greeting is None else _fill(self.greeting, "greeting", self.variables)
        return replace(self, instructions=_fill(self.instructions, "instructions", self.variables), greeting=greeting)


def _distinct(tools: tuple[Tool, ...]) -> tuple[Tool, ...]:
    names = [each.name for each in tools]
    for name in names:
        if names.count(name) > 1:
            raise TypeError(f"two tools are called {name!r}; give one of them another name: tool(name=...)")
    return tools


_BRACES = re.compile(r"\{\{|\}\}|\{([A-Za-z_]\w*)\}")


def _fill(text: str, where: str, variables: Mapping[str, object]) -> str:
    """Put values in. Braces that hold no name stand for themselves, so that a prompt may show JSON as it is."""
    doubled = 0

    def put(match: re.Match[str]) -> str:
        nonlocal doubled
        if match[0] == "{{":
            doubled += 1
            return "{"
        if match[0] == "}}":
            closes, doubled = doubled > 0, max(doubled - 1, 0)
            return "}" if closes else "}}"
        if match[1] not in variables:
            known = f"there are {', '.join(variables)}" if variables else "there are none"
            hint = f"give it in Agent(variables={{{match[1]!r}: ...}}), or write {{{{{match[1]}}}}} for the braces themselves"
            raise OptionError(f"the agent's {where} has the variable {match[1]!r}{suggest(match[1], variables)} ({known}); {hint}")
        return str(variables[match[1]])

    return _BRACES.sub(put, text)
