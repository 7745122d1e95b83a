"""Frames of a websocket: where one ends, and those of the plainest kind, which nearly all are (RFC 6455 section 5.2)."""

from __future__ import annotations

import os
from typing import NamedTuple

TEXT, BINARY = 0x81, 0x82
"""First bytes of a text and of a binary message in one frame, without extensions."""
_LENGTH_IN_TWO, _LENGTH_IN_EIGHT = 126, 127
_DRAWN = 1024
"""Bytes of masks that are drawn at a time."""


class Head(NamedTuple):
    """What stands before a frame's payload; places are in the bytes that it was found in."""

    first: int
    masked: bool
    shortest: bool
    """The length is written in as few bytes as it must be."""
    start: int
    """Where the payload begins."""
    end: int
    """Where the frame ends, which may be behind all that is there."""


def head_of(data: bytes, at: int) -> Head | None:
    """The head of the frame that begins at this place; None if it is not complete."""
    if len(data) < at + 2:
        return None
    length, masked = data[at + 1] & 0x7F, data[at + 1] >= 0x80
    more = 0 if length < _LENGTH_IN_TWO else 2 if length == _LENGTH_IN_TWO else 8
    start = at + 2 + more + (4 if masked else 0)
    if len(data) < start:
        return None
    if not more:
        return Head(data[at], masked, True, start, start + length)
    length = int.from_bytes(data[at + 2 : at + 2 + more], "big")
    return Head(data[at], masked, length > (0xFFFF if more == 8 else 125), start, start + length)


def payload_of(data: bytes, head: Head) -> bytes:
    """The payload of a frame that is complete, unmasked."""
    payload = data[head.start : head.end]
    return _masked(payload, data[head.start - 4 : head.start]) if head.masked else payload


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
