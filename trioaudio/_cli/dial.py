"""Calls that are dialled: a server for as long as they last, and a word about each."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from importlib import import_module

import trio

from .._errors import PluginError, RemoteProtocolError, RestError
from .._logs import mask_number
from .._serving.server import open_server
from ..sources._dialling import Dialler
from .screen import complain, printable
from .serve import Service

DONE, BROKEN = 0, 1
HANG_UP = 3.0
"""Seconds in which calls that are left are hung up when it is told to end."""
ANSWERED = "completed"


@dataclass(frozen=True, slots=True)
class DialOrder:
    """What was asked for."""

    caller: str
    numbers: tuple[str, ...]
    a_minute: int
    ring: int
    longest: int
    detect_machine: bool


@dataclass
class _Dialling:
    order: DialOrder
    going_on: dict[str, str] = field(default_factory=dict)
    """Numbers, masked, by the carrier's names for their calls."""
    failed: int = 0

    async def dial(self, listener: Dialler, number: str) -> None:
        """Dial, and wait for the end."""
        order, shown = self.order, mask_number(number)
        try:
            sid = await listener.dial(
                number, order.caller, ring=order.ring, longest=order.longest or None, detect_machine=order.detect_machine
            )
        except (ValueError, RestError, RemoteProtocolError, trio.BrokenResourceError) as error:
            self.failed += 1
            complain(f"{shown} was not called: {error}")
            return
        self.going_on[sid] = shown
        _tell(f"calling {shown}")
        outcome = "nobody knows"
        with trio.move_on_after(order.ring + order.longest + 60):
            outcome = await listener.wait_over(sid)
        del self.going_on[sid]
        self.failed += outcome != ANSWERED
        _tell(f"{shown}: {outcome}")

    async def hang_up(self, listener: Dialler) -> None:
        """End those that are left."""
        for sid in list(self.going_on):
            try:
                await listener.end_dialled(sid)
            except (RestError, trio.BrokenResourceError) as error:
                complain(f"the call of {self.going_on[sid]} could not be hung up: {error}")


def _tell(text: str) -> None:
    print(printable(text), flush=True)


def dial_numbers(service: Service, order: DialOrder) -> int:
    """Call them; return the exit code.

    Raises:
        TrioAudioError: something asked for cannot be after all.
        KeyboardInterrupt: Ctrl-C, after the calls have been hung up.
    """
    import_module("numpy")
    return trio.run(_dialled, service, order, restrict_keyboard_interrupt_to_checkpoints=True)


async def _dialled(service: Service, order: DialOrder) -> int:
    dialling = _Dialling(order)
    async with AsyncExitStack() as opened:
        door = await opened.enter_async_context(service.open_door())
        listener = await opened.enter_async_context(service.listeners[0](door))
        if not isinstance(listener, Dialler):
            raise PluginError(f"nobody can be called through {service.listeners[0].text!r}")
        listener.check_can_dial()
        opening = open_server(
            listener,
            model=service.model,
            agent=service.agent,
            fallback=service.fallback,
            limits=service.config.limits,
            timeouts=service.config.timeouts,
            record=service.options.record,
        )
        await opened.enter_async_context(opening)
        try:
            async with trio.open_nursery() as nursery:
                for i, number in enumerate(order.numbers):
                    if i and i % order.a_minute == 0:
                        await trio.sleep(60)
                    nursery.start_soon(dialling.dial, listener, number)
        finally:
            with trio.move_on_after(HANG_UP, shield=True):
                await dialling.hang_up(listener)
    return DONE if not dialling.failed else BROKEN
