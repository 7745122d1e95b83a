"""The quick way through a websocket's bytes finds what wsproto finds in them, however they are cut and whatever is wrong with them."""

from __future__ import annotations

from itertools import pairwise
from typing import TypeAlias

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from wsproto.connection import Connection, ConnectionState, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Message, Ping, TextMessage

from trioaudio._door.websocket_codec import Asked, Item, Left, Malformed, Role, WebSocketCodec
from web.raw_websocket import BINARY, CLOSE, PING, TEXT

LONGEST = 200
Frame: TypeAlias = tuple[int, int, bool, int]
"""First byte, how the length is written, whether it is masked as it must be, which payload."""


def written(first: int, length_bytes: int, masked: bool, payload: bytes) -> bytes:
    bit, size = 0x80 if masked else 0, len(payload)
    if length_bytes == 0 and size < 126:
        head = bytes((first, bit | size))
    elif length_bytes <= 2 and size <= 0xFFFF:
        head = bytes((first, bit | 126)) + size.to_bytes(2, "big")
    else:
        head = bytes((first, bit | 127)) + size.to_bytes(8, "big")
    return head + (b"\x01\x02\x03\x04" + bytes(byte ^ (1, 2, 3, 4)[i % 4] for i, byte in enumerate(payload)) if masked else payload)


def by_wsproto(role: Role, chunks: list[bytes]) -> list[Item]:
    """The same out of wsproto alone."""
    connection = Connection(ConnectionType.SERVER if role == "server" else ConnectionType.CLIENT)
    items, parts, length = list[Item](), list[Message](), 0
    for chunk in chunks:
        connection.receive_data(chunk)
        for event in connection.events():
            if isinstance(event, TextMessage | BytesMessage):
                parts, length = [*parts, event], length + len(event.data)
                if length > LONGEST:
                    return [*items, Malformed(1009, f"a message is longer than {LONGEST} bytes")]
                if event.message_finished:
                    texts = [part.data for part in parts]
                    items.append("".join(texts) if isinstance(event, TextMessage) else b"".join(map(bytes, texts)))
                    parts, length = [], 0
            elif isinstance(event, Ping):
                items.append(Asked(bytes(event.payload)))
            elif isinstance(event, CloseConnection):
                kind = Malformed if connection.state is ConnectionState.OPEN else Left
                return [*items, kind(int(event.code), event.reason or "")]
    return items


def by_us(role: Role, chunks: list[bytes]) -> list[Item]:
    codec, items = WebSocketCodec(role, LONGEST), list[Item]()
    for chunk in chunks:
        items += codec.read_untrusted(chunk)
        if items and isinstance(items[-1], Left | Malformed):
            break
    return items


PAYLOADS = (
    *(b"", b"one", "grüß dich".encode(), b"\xc3", b"\xff", b"\x03\xe8bye"),
    *(bytes(125), bytes(126), "é".encode() * 150, bytes(201), bytes(70_000)),
)
PLAIN = (0x80 | TEXT, 0x80 | BINARY)
ANY = (*PLAIN, TEXT, BINARY, 0, 0x80, 0x80 | PING, 0x80 | CLOSE, PING, 0xC1, 0x83)
frames = st.tuples(
    st.sampled_from(PLAIN) | st.sampled_from(ANY),
    st.sampled_from([0, 0, 0, 2, 8]),
    st.sampled_from([True, True, True, False]),
    st.integers(0, len(PAYLOADS) - 1),
)


@pytest.mark.parametrize("role", ["server", "client"])
@example(stream=[(TEXT, 0, True, 1), (0x80 | TEXT, 0, True, 1)], cuts=[])
@example(stream=[(0x80 | TEXT, 0, False, 1)], cuts=[])
@settings(max_examples=120, deadline=None)
@given(stream=st.lists(frames, max_size=6), cuts=st.lists(st.integers(0, 400), max_size=4))
def test_plain_frames_and_strange_ones_mean_what_wsproto_says(role: Role, stream: list[Frame], cuts: list[int]) -> None:
    data = b"".join(written(first, length, masked is (role == "server"), PAYLOADS[which]) for first, length, masked, which in stream)
    places = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    chunks = [data[start:end] for start, end in pairwise(places)]
    assert by_us(role, chunks) == by_wsproto(role, chunks)


@pytest.mark.parametrize("message", ["", "grüß dich", b"\x00" * 125, b"\x01" * 126, "x" * 70_000])
@pytest.mark.parametrize(("ours", "theirs"), [("server", "client"), ("client", "server")])
def test_what_is_written_is_what_wsproto_reads(ours: Role, theirs: Role, message: str | bytes) -> None:
    connection = Connection(ConnectionType.SERVER if theirs == "server" else ConnectionType.CLIENT)
    connection.receive_data(WebSocketCodec(ours, LONGEST).message(message))
    parts = [event.data for event in connection.events()]  # type: ignore[union-attr]
    assert type(message)().join(parts) == message  # which may come as a bytearray


def test_no_two_frames_of_a_client_have_the_same_mask() -> None:
    codec = WebSocketCodec("client", LONGEST)
    frames = [codec.message(b"") for _ in range(600)]
    masks = {frame[2:] for frame in frames}
    assert {len(mask) for mask in masks} == {4}
    assert len(masks) > 590
