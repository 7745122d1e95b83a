"""Which listeners and subscriptions type-check: read by mypy and pyright, never run.

A wrong use carries the complaint it must cause, once for each checker; a complaint that does not come is an error itself.
"""

from __future__ import annotations

from typing import assert_type

from trioaudio import Audio, Channel, Commit, Dtmf, Event, ResponseDone, Session, TurnInterrupted, open_channel
from trioaudio.audio import Frame


def hears_keys(event: Dtmf) -> None: ...
def hears_anything(event: Event) -> None: ...
def hears_commits(event: Commit) -> None: ...
def hears_nothing() -> None: ...
def wants_two(event: Dtmf, more: int) -> None: ...
async def hears_keys_later(event: Dtmf) -> None: ...
async def hears_commits_later(event: Commit) -> None: ...


def right_listeners(channel: Channel, session: Session) -> None:
    assert_type(channel.on(Dtmf, hears_keys).once(Dtmf, hears_keys_later).off(Dtmf, hears_keys), Channel)
    assert_type(session.on(ResponseDone, hears_anything), Session)
    channel.on(Dtmf, hears_anything)
    channel.on(Dtmf, lambda event: channel.interrupt() if event.digit == "*" else None)
    channel.on("dtmf", hears_keys)
    channel.on("acme.waved", hears_nothing)


async def right_listeners_from_the_start() -> None:
    async with open_channel("memory", on={Dtmf: hears_keys, Commit: hears_commits_later}):
        pass
    async with open_channel("memory", on={"dtmf": hears_keys, Commit: hears_anything}):
        pass


def wrong_listeners(channel: Channel, session: Session) -> None:
    channel.on(Dtmf, hears_commits)  # type: ignore[arg-type]  # pyright: ignore[reportCallIssue, reportArgumentType]
    channel.on(Dtmf, hears_commits_later)  # type: ignore[arg-type]  # pyright: ignore[reportCallIssue, reportArgumentType]
    channel.on(Dtmf, hears_nothing)  # type: ignore[arg-type]  # pyright: ignore[reportCallIssue, reportArgumentType]
    channel.on(Dtmf, wants_two)  # type: ignore[arg-type]  # pyright: ignore[reportCallIssue, reportArgumentType]
    channel.once(Dtmf, hears_commits)  # type: ignore[arg-type]  # pyright: ignore[reportCallIssue, reportArgumentType]
    session.on(ResponseDone, hears_commits)  # type: ignore[arg-type]  # pyright: ignore[reportCallIssue, reportArgumentType]
    channel.on(int, hears_anything)  # type: ignore[type-var, arg-type]  # pyright: ignore[reportCallIssue, reportArgumentType]
    channel.on(Dtmf, lambda event: event.frame)  # type: ignore[attr-defined]  # pyright: ignore


async def iterators(channel: Channel) -> None:
    async for frame in channel:
        assert_type(frame, Frame)
    with channel.subscribe(Dtmf) as keys:
        async for key in keys:
            assert_type(key, Dtmf)
    with channel.subscribe("dtmf", Commit) as events:
        assert_type(await events.receive(), Event)
    assert_type(await channel.wait_event(TurnInterrupted), TurnInterrupted)
    assert_type(await channel.wait_event("audio"), Event)
    assert_type((await channel.wait_event(Audio)).frame, Frame)
