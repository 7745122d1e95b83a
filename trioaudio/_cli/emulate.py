"""A provider's server on this machine, until Ctrl-C; which provider's, the module beside this one says."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from importlib import import_module
from typing import TypeAlias

import trio

from .screen import printable

Listen: TypeAlias = Callable[[], AbstractAsyncContextManager[str]]


def serve_emulator(listen: Listen, lines: Callable[[str], Iterable[str]], last_word: Callable[[], str]) -> int:
    """Serve until Ctrl-C or SIGTERM; return the exit code.

    Args:
        listen: opens the server, and says at which URL.
        lines: what is printed then, given the URL.
        last_word: what is printed at the end.

    Raises:
        FrontDoorError: nobody can listen there.
        KeyboardInterrupt: Ctrl-C.
    """
    import_module("numpy")  # the first caller would wait for it
    return trio.run(_serve, listen, lines, last_word, restrict_keyboard_interrupt_to_checkpoints=True)


async def _serve(listen: Listen, lines: Callable[[str], Iterable[str]], last_word: Callable[[], str]) -> int:
    with trio.open_signal_receiver(signal.SIGTERM) as signals:
        async with listen() as url:
            try:
                for line in lines(url):
                    print(line, flush=True)
                number = await anext(signals)
            finally:
                print(last_word(), flush=True)
        return 128 + number


class MessageLog:
    """Prints what is said, one line each; what comes in crowds, such as audio, is counted until something else is said.

    Args:
        crowds: types of messages that are counted.
    """

    def __init__(self, crowds: Sequence[str]) -> None:
        self._crowds = frozenset(crowds)
        self._counted: dict[tuple[int, bool, str], int] = {}

    def tell(self, session: int, seconds: float, kind: str, *, received: bool, detail: str = "") -> None:
        """A message was received or sent; ``detail`` is what of it is worth a look."""
        if kind in self._crowds:
            key = (session, received, kind)
            self._counted[key] = self._counted.get(key, 0) + 1
            return
        for key in [key for key in self._counted if key[0] == session and key[1] == received]:
            self._print(session, seconds, key[2], received=received, detail=f"x {self._counted.pop(key)}")
        self._print(session, seconds, kind, received=received, detail=detail)

    def _print(self, session: int, seconds: float, kind: str, *, received: bool, detail: str) -> None:
        print(printable(f"#{session} {seconds:8.3f} {'<-' if received else '->'} {kind}  {detail}".rstrip()), flush=True)
