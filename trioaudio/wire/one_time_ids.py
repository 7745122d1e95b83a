"""Ids that are given out beforehand and are good once: they say which call a connection belongs to, and that it is expected."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal, TypeAlias
from uuid import UUID, uuid4

LIFETIME = 60.0
"""Seconds that an id is good for: it is asked for as a call comes in."""
MOST = 1_000
"""Ids that wait for their call, and used ones that are remembered as such."""
_NOTHING: Mapping[str, str] = MappingProxyType({})

Refusal: TypeAlias = Literal["unknown_id", "used_id"]


@dataclass(frozen=True, slots=True)
class _Given:
    until: float
    parameters: Mapping[str, str] = field(repr=False)


class OneTimeIds:
    """Ids by what came with them; remembers a bounded number of them. Times are of whatever clock the caller uses.

    Args:
        reuse: whether ids given by `allow` stay good; those of `issue` never do.
    """

    def __init__(self, *, reuse: bool = False) -> None:
        self._reuse = reuse
        self._given: OrderedDict[UUID, _Given] = OrderedDict()
        self._used: OrderedDict[UUID, None] = OrderedDict()

    def __len__(self) -> int:
        return len(self._given)

    def allow(self, id: UUID) -> None:
        """Let an id be good that somebody else has chosen, whenever it comes."""
        self._given[id] = _Given(math.inf, _NOTHING)

    def issue(self, now: float, parameters: Mapping[str, str] = _NOTHING) -> UUID | None:
        """A new id, which nobody can guess, for a call with these parameters; None if too many wait for their calls."""
        for id in [id for id, given in self._given.items() if given.until <= now]:
            del self._given[id]
        if len(self._given) >= MOST:
            return None
        id = uuid4()
        self._given[id] = _Given(now + LIFETIME, parameters)
        return id

    def take_untrusted(self, id: UUID, now: float) -> Mapping[str, str] | Refusal:
        """The parameters of the call that comes with an id, which is used up; or why there is none. Never raises."""
        given = self._given.get(id)
        if given is None or given.until <= now:
            return "used_id" if id in self._used else "unknown_id"
        if given.until < math.inf or not self._reuse:
            del self._given[id]
            self._used[id] = None
            if len(self._used) > MOST:
                self._used.popitem(last=False)
        return given.parameters
