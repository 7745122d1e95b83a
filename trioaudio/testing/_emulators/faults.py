"""What goes wrong in an emulated session, and when: written down before, so that it goes wrong in the same way every time."""

from __future__ import annotations

import math
import re
import tomllib
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Literal, TypeAlias

from ... import OptionError

Verb: TypeAlias = Literal["close", "break", "error", "stall", "deaf", "send"]

_AT = re.compile(r"(?P<seconds>\d+(\.\d+)?)s|event:(?P<event>[\w.]+)(#(?P<number>[1-9]\d{0,5}))?")
_DO = re.compile(r"(?P<verb>close|break|error|stall|deaf|send)(\s+(?P<rest>.*))?", re.DOTALL)
_NEEDS = {"close": r"\d{4}( .*)?", "break": r"", "error": r"\S+( .*)?", "stall": r"\d+(\.\d+)?", "deaf": r"\d+(\.\d+)?", "send": r".+"}


@dataclass(frozen=True, slots=True)
class OpenAIFault:
    """Something that goes wrong once.

    Args:
        at: ``"3.2s"`` after the session began, or ``"event:response.created#2"``: right after the second event of that type.
        do: ``"close 1011 overloaded"`` the connection; ``"break"`` it, without a goodbye (at a port it is reset);
            ``"error server_error It broke."``; ``"stall 2.5"``: say nothing for so many seconds; ``"deaf 2.5"``: read nothing for so
            many seconds; or ``"send {...}"``: say just this, sense or nonsense.

    Raises:
        OptionError: either makes no sense.
    """

    at: str
    do: str

    def __post_init__(self) -> None:
        if not _AT.fullmatch(self.at):
            raise OptionError(f"a fault at {self.at!r}: write 3.2s, or event:response.created#2")
        match = _DO.fullmatch(self.do)
        if match is None or not re.fullmatch(_NEEDS[match["verb"]], match["rest"] or "", re.DOTALL):
            verbs = "close CODE [REASON], break, error CODE [MESSAGE], stall SECONDS, deaf SECONDS or send TEXT"
            raise OptionError(f"a fault that does {self.do!r}: write {verbs}")

    @property
    def seconds(self) -> float:
        """When it is due, in seconds after the session began; never, if it waits for an event."""
        match = _AT.fullmatch(self.at)
        assert match
        return math.inf if match["seconds"] is None else float(match["seconds"])

    @property
    def event(self) -> tuple[str, int] | None:
        """The event that it waits for, and which one of that type."""
        match = _AT.fullmatch(self.at)
        assert match
        return None if match["event"] is None else (match["event"], int(match["number"] or 1))

    @property
    def verb(self) -> Verb:
        """What it does."""
        verb: Verb = self.do.split(maxsplit=1)[0]  # type: ignore[assignment]  # checked when it was made
        return verb

    @property
    def words(self) -> tuple[str, str]:
        """With what: the first word, and the rest."""
        _, _, rest = self.do.partition(" ")
        first, _, more = rest.strip().partition(" ")
        return first, more


def read_openai_faults(path: str | PathLike[str]) -> list[OpenAIFault]:
    """Faults from a TOML file: a table ``[[fault]]`` with ``at`` and ``do`` for each.

    Raises:
        OptionError: the file is missing, no TOML, or has something else in it; one line that names it.
    """
    try:
        content = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as exc:
        raise OptionError(f"the file {path} cannot be read: {(exc.strerror or str(exc)).lower()}") from None
    except ValueError as exc:  # of which the errors of TOML and of UTF-8 are kinds
        raise OptionError(f"the file {path} is no TOML: {exc}") from None
    tables = content.pop("fault", [])
    fine = isinstance(tables, list) and all(isinstance(each, dict) and set(each) == {"at", "do"} for each in tables)
    if content or not fine or not all(isinstance(value, str) for each in tables for value in each.values()):
        raise OptionError(f"the file {path} must hold tables [[fault]] with the texts at and do, and nothing else")
    return [OpenAIFault(**each) for each in tables]


def first_type(message: str | bytes) -> str:
    """The type of a message of our own servers, which stands first in it."""
    return str(message).split('"', 4)[3]


class FaultSchedule:
    """Which faults are due in one session that began at ``now``; ``kind`` is how they name a message."""

    def __init__(self, faults: Iterable[OpenAIFault], now: float, kind: Callable[[str | bytes], str] = first_type) -> None:
        self._waiting, self._kind = list(faults), kind
        self._begin = now
        self._seen: Counter[str] = Counter()

    @property
    def due(self) -> float:
        """When the next one is due by the clock."""
        return self._begin + min((fault.seconds for fault in self._waiting), default=math.inf)

    def by_clock(self, now: float) -> list[OpenAIFault]:
        """Those that are due by now."""
        return self._take([fault for fault in self._waiting if self._begin + fault.seconds <= now])

    def after(self, message: str | bytes) -> list[OpenAIFault]:
        """Those that waited for this message of our own server, which was just sent."""
        if not self._waiting:
            return []
        event = self._kind(message)
        self._seen[event] += 1
        return self._take([fault for fault in self._waiting if fault.event == (event, self._seen[event])])

    def _take(self, faults: list[OpenAIFault]) -> list[OpenAIFault]:
        self._waiting = [fault for fault in self._waiting if fault not in faults]
        return faults
