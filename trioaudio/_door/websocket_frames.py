"""Frames of a websocket: where one ends, and those of the plainest kind, which nearly all are (RFC 6455 section 5.2)."""

from __future__ import annotations

import os
from typing import NamedTuple

TEXT, BINARY = 0x81, 0x82
"""First bytes of a text and of a binary message in one frame, without extensions."""
_LENGTH_IN_TWO, _LENGTH_IN_EIGHT = 126, 127
_MASKED = 0x80
_SHORTEST = 6
"""Bytes of the shortest frame that is masked; one of ours that is shorter is no hurry."""
_DRAWN = 1024
"""Bytes of masks that are drawn at a time."""


class Head(NamedTuple):
    """What stands before a frame's payload; places are in the bytes that it was found in."""

    first: int
    end: int
    """Where the frame ends, which may be behind all that is there."""


def head_of(data: bytes, at: int) -> Head | None:
    """The head of the frame that begins at this place; None if it is not complete."""
    if len(data) < at + 2:
        return None
    length = data[at + 1] & 0x7F
    more = 0 if length < _LENGTH_IN_TWO else 2 if length == _LENGTH_IN_TWO else 8
    start = at + 2 + more + (4 if data[at + 1] >= _MASKED else 0)
    if len(data) < start:
        return None
    return Head(data[at], start + (int.from_bytes(data[at + 2 : at + 2 + more], "big") if more else length))


def plain_message(data: bytes, at: int, *, masked: bool, longest: int) -> tuple[str | bytes, int] | None:
    """A message that is one frame and begins at this place, with the place where it ends; None if anything is strange about it.

    Args:
        data: bytes of the far end.
        at: the place.
        masked: whether its frames must be.
        longest: bytes that it may have.
    """
    if len(data) < at + _SHORTEST:
        return None
    first, length, start = data[at], data[at + 1], at + 2
    if (first != TEXT and first != BINARY) or (length >= _MASKED) is not masked:
        return None
    length &= 0x7F
    if length >= _LENGTH_IN_TWO:
        start += 2 if length == _LENGTH_IN_TWO else 8
        least, length = (126 if length == _LENGTH_IN_TWO else 65_536), int.from_bytes(data[at + 2 : start], "big")
        if length < least:
            return None
    key = data[start : start + 4] if masked else b""
    start += len(key)
    end = start + length
    if length > longest or end > len(data):
        return None
    payload = data[start:end]
    if masked:
        payload = _masked(payload, key)
    try:
        return payload if first == BINARY else payload.decode(), end
    except UnicodeDecodeError:
        return None


class Masks:
    """A client's masks, of bytes that nobody can guess (section 10.3); drawn many at a time, for asking the system takes time."""

    def __init__(self) -> None:
        self._drawn, self._at = b"", 0

    def next(self) -> bytes:
        """Another one."""
        if self._at == len(self._drawn):
            self._drawn, self._at = os.urandom(_DRAWN), 0
        self._at += 4
        return self._drawn[self._at - 4 : self._at]


def frame(first: int, payload: bytes, mask: bytes | None = None) -> bytes:
    """A frame as it is sent; a client's has a mask."""
    length, bit = len(payload), 0x80 if mask else 0
    if length < _LENGTH_IN_TWO:
        head = bytes((first, bit | length))
    elif length <= 0xFFFF:
        head = bytes((first, bit | _LENGTH_IN_TWO)) + length.to_bytes(2, "big")
    else:
        head = bytes((first, bit | _LENGTH_IN_EIGHT)) + length.to_bytes(8, "big")
    return head + payload if mask is None else head + mask + _masked(payload, mask)


def _masked(payload: bytes, key: bytes) -> bytes:
    """With a mask laid over it, or taken off."""
    length = len(payload)
    keys = key * (length // 4 + 1)
    return (int.from_bytes(payload, "big") ^ int.from_bytes(keys[:length], "big")).to_bytes(length, "big")
