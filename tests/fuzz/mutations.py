"""What a stranger might send: true messages with something wrong in them, garbage, and what is meant to cost a reader dear.

All of it is of one random number generator, so that a seed says everything.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from random import Random
from typing import Any, TypeAlias

Input: TypeAlias = Any
"""Text, bytes, or an object that was read of JSON."""

STRANGE: tuple[object, ...] = (
    None, True, False, 0, -1, 1, 2, 255, 1_000, 65_536, 24_000, 2**31, 2**53, -(2**63), 10**20, 10**39, 10**60, 1e308, -0.0, 0.5, 1e-320,
    "", " ", "0", "-1", "1e999", "99999999999999999999", "true", "null", "AAAA", "AAA=", "AAA", "A=AA", "====", "\x00", "\ud800", "é", "٣",
    "\u2028", "x" * 600, "../../etc", "%00", "${x}", "<a/>", "\r\nX: y", [], {}, [[]], [{}], {"": ""}, [None], ["x"], {"type": {}},
)  # fmt: skip
EDGES = b'\x00\x01\x7f\x80\xff\n\r" \\'
DEEPEST = 60_000


class Mutations:
    """Makes inputs out of true ones."""

    def __init__(self, random: Random) -> None:
        self._random = random

    def input(self, samples: Sequence[Input], *, either: bool) -> Input:
        """One of the samples, changed or not; with ``either``, text may come as bytes and bytes as text."""
        made = self._make(samples)
        if either and self._random.random() < 0.1:
            return made.encode("utf-8", "surrogatepass") if isinstance(made, str) else made.decode("latin-1")
        return made

    def _make(self, samples: Sequence[Input]) -> Input:
        sample, roll = self._random.choice(samples), self._random.random()
        if roll < 0.15:
            return sample
        if roll < 0.9:
            return self._changed(sample, samples)
        if roll < 0.97:
            return self._garbage(sample)
        return self._hostile(sample)

    # ---- something wrong

    def _changed(self, sample: Input, samples: Sequence[Input]) -> Input:
        if isinstance(sample, dict):
            return self._changed_value(sample, samples)
        found = _read(sample)
        if isinstance(found, dict | list) and self._random.random() < 0.8:
            text = json.dumps(self._changed_value(found, samples), ensure_ascii=self._random.random() < 0.7)
            return text if isinstance(sample, str) else text.encode("utf-8", "surrogatepass")
        return self._changed_text(sample) if isinstance(sample, str) else self._changed_bytes(sample)

    def _changed_value(self, value: Any, samples: Sequence[Input]) -> Any:
        value = _copied(value)
        for _ in range(self._random.randint(1, 3)):
            places = [place for place in _places(value) if place]
            if not places:
                break
            *way, last = self._random.choice(places)
            holder = value
            for step in way:
                holder = holder[step]
            self._change_in(holder, last, samples)
        return value

    def _change_in(self, holder: Any, key: Any, samples: Sequence[Input]) -> None:
        """One thing wrong with what ``holder`` has under ``key``."""
        roll = self._random.randrange(8)
        if roll == 0:
            del holder[key]
        elif roll == 1 and isinstance(holder, dict):
            holder[self._random.choice([key.upper(), f"{key}x", "", "__proto__", "event", "type"])] = holder.pop(key)
        elif roll == 2:
            holder[key] = [holder[key]] * self._random.choice([1, 2, 50])
        elif roll == 3:
            holder[key] = {"": holder[key]}
        elif roll == 4 and isinstance(holder[key], str):
            holder[key] = self._changed_text(holder[key])
        elif roll == 5 and isinstance(holder[key], int | float):
            holder[key] = self._random.choice([-holder[key], holder[key] * 10**9, str(holder[key]), holder[key] + 0.5, 10**39])
        elif roll == 6:
            holder[key] = self._elsewhere(samples)
        else:
            holder[key] = _copied(self._random.choice(STRANGE))

    def _elsewhere(self, samples: Sequence[Input]) -> Any:
        """A part of another sample."""
        value = self._random.choice(samples)
        value = value if isinstance(value, dict) else _read(value)
        for step in self._random.choice(list(_places(value))):
            value = value[step]
        return _copied(value)

    def _changed_text(self, text: str) -> str:
        place, roll = self._random.randint(0, len(text)), self._random.randrange(5)
        if roll == 0:
            return text[:place]
        if roll == 1:
            return text[:place] + self._random.choice(["\x00", "\ud800", '"', "\\", "{", "]", "=", " ", "é", "\u2029"]) + text[place:]
        if roll == 2:
            return text[:place] + text[place + self._random.randint(1, 8) :]
        if roll == 3:
            return text * self._random.choice([2, 3, 20])
        return text[:place] + chr(self._random.choice([*range(1, 128), 0x130, 0xFFFF, 0x1F600])) + text[place + 1 :]

    def _changed_bytes(self, data: bytes) -> bytes:
        changed = bytearray(data)
        for _ in range(self._random.randint(1, 4)):
            place, roll = self._random.randint(0, len(changed)), self._random.randrange(5)
            if roll == 0:
                del changed[place:]
            elif roll == 1:
                changed[place:place] = bytes([self._random.choice(EDGES)]) * self._random.choice([1, 2, 200])
            elif roll == 2:
                del changed[place : place + self._random.randint(1, 8)]
            elif roll == 3:
                changed += changed[place:]
            elif place < len(changed):
                changed[place] = self._random.randrange(256)
        return bytes(changed)

    # ---- nothing right

    def _garbage(self, like: Input) -> Input:
        length = self._random.choice([0, 1, 2, 3, 17, 300])
        if isinstance(like, str):
            return "".join(chr(self._random.choice([self._random.randrange(128), self._random.randrange(0x11000)])) for _ in range(length))
        if isinstance(like, bytes):
            return self._random.randbytes(length)
        return {str(self._random.choice(STRANGE))[:20]: self._random.choice(STRANGE) for _ in range(length % 7)}

    def _hostile(self, like: Input) -> Input:
        made = self._random.choice(HOSTILE)(self._random)
        if isinstance(like, str):
            return made
        if isinstance(like, bytes):
            return made.encode()
        key = self._random.choice([*like, "x"])
        return {**like, key: self._random.choice([["x"] * 20_000, "x" * 1_000_001, dict.fromkeys(map(str, range(5_000))), math.inf])}


def _copied(value: Any) -> Any:
    return json.loads(json.dumps(value))


def _read(sample: Input) -> Any:
    """The JSON in it, if it is any."""
    try:
        return json.loads(sample)
    except (ValueError, RecursionError, TypeError):
        return None


def _places(value: Any) -> list[tuple[Any, ...]]:
    """The ways to every value in it, itself first."""
    ways: list[tuple[Any, ...]] = [()]
    if isinstance(value, dict):
        ways += [(key, *way) for key, inner in value.items() for way in _places(inner)]
    elif isinstance(value, list):
        ways += [(index, *way) for index, inner in enumerate(value[:50]) for way in _places(inner)]
    return ways


def _deep(random: Random) -> str:
    depth = random.choice([100, 900, 5_000, DEEPEST])
    opening, closing = random.choice([("[", "]"), ('{"a":', "}"), ('{"event":', "}"), ('{"type":[', "]}")])
    middle = "1" if "{" in opening else ""
    return opening * depth + middle + closing * random.choice([0, depth])


def _long_number(random: Random) -> str:
    digits = random.choice([41, 400, 5_000, 200_000])
    return f'{{"{random.choice(["type", "event", "x"])}":{"-" if random.random() < 0.5 else ""}{"9" * digits}}}'


def _many(random: Random) -> str:
    return "[" + ",".join([random.choice(["{}", "[]", "0", '"x"'])] * random.choice([100, 20_000])) + "]"


def _same_keys(random: Random) -> str:
    return "{" + ",".join('"type":"x"' for _ in range(random.choice([2, 5_000]))) + "}"


def _spaces(random: Random) -> str:
    return '{"type":"x"' + random.choice([" ", "\t", "\n"]) * random.choice([1_000, 300_000]) + "}"


def _no_number(random: Random) -> str:
    return f'{{"type":{random.choice(["NaN", "Infinity", "-Infinity", "1e999", "-1e999", "0x1", "01", "1_000"])}}}'


def _repeated(random: Random) -> str:
    pieces = ["=", "%", "&", "a=b&", "%41", ":", ",", "/", ".", "\\u0000", "\r\n", "GET / HTTP/1.1\r\n"]
    return random.choice(pieces) * random.choice([5, 40_000])


HOSTILE: tuple[Callable[[Random], str], ...] = (_deep, _long_number, _many, _same_keys, _spaces, _no_number, _repeated)
