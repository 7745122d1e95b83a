"""Opens and starts connections: the first of a call with whichever model can be reached, the others as they are told."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import trio

from .._agent import Agent
from .._limits import Timeouts
from ..abc import Model
from ..audio import AudioFormat
from .adapted import adapted
from .connection import Connection, is_lost
from .connections import Connections

log = logging.getLogger("trioaudio.session")


class Starter:
    """Starts connections in one session's formats, and with its agent (``agent``, which may change).

    Args:
        connections: begins to open them.
        timeouts: `Timeouts.start` and `Timeouts.close` count here.
    """

    agent: Agent

    def __init__(self, connections: Connections, timeouts: Timeouts) -> None:
        self._connections, self._timeouts = connections, timeouts
        self._has_begun = False
        self._refusal: Exception | None = None  # why the call did not begin with the first model

    async def open(self) -> Connection:
        """Open the first connection, with whichever model can be reached; errors come out bare. Checkpoint: yes."""
        return await self._open_one_of(range(len(self._connections.opens)))

    async def _open_one_of(self, specs: Sequence[int]) -> Connection:
        for spec in specs:
            connection = self._connections.begin(spec)
            await connection.opened.wait()
            if connection.was_opened:
                return connection
            failed = connection.error
            assert failed is not None
            self._refusal = _with_note(self._refusal, failed)
            if not is_lost(failed):
                break
        assert self._refusal is not None
        raise self._refusal

    async def start(self, connection: Connection, agent: Agent, input_format: AudioFormat, output_format: AudioFormat) -> Connection:
        """Start the first connection; if its model does not start, others may take its place. Return the one that did.

        Checkpoint and errors as for `Model.start`.
        """
        self.agent, self._formats = agent, (input_format, output_format)
        while True:
            try:
                await self.configure(connection)
            except Exception as exc:  # noqa: BLE001 - raised again, unless another model may do
                connection.close(self._timeouts.close)
                self._refusal = _with_note(self._refusal, exc)
                if not is_lost(exc) or connection.spec + 1 >= len(self._connections.opens):
                    raise self._refusal from self._refusal.__cause__
                log.warning("the model %s did not start: %s: %s", connection.model.name, type(exc).__name__, exc)
                connection = await self._open_one_of(range(connection.spec + 1, len(self._connections.opens)))
            else:
                self._has_begun = True
                return connection

    async def configure(self, connection: Connection, token: str | None = None) -> None:
        """Start a connection that has been opened, in the session's formats; ``token``: where another one was.

        Raises:
            trio.BrokenResourceError: it was refused, or did not start in time.
        """
        model = connection.model = adapted(connection.model, *self._formats)
        if token is not None:
            model.resume(token)
        with trio.move_on_after(self._timeouts.start) as starting:
            await model.start(self._agent_for(model), *self._formats)
        if starting.cancelled_caught:
            limit = self._timeouts.start
            raise trio.BrokenResourceError(f"the model {model.name!r} did not start within {limit} s (Timeouts.start)")

    def _agent_for(self, model: Model) -> Agent:
        """A model that greets by itself does so once in a call."""
        greets = "greeting" in model.capabilities and self.agent.greeting is not None
        return self.agent.replace(greeting="") if self._has_begun and greets else self.agent


def _with_note(first: Exception | None, error: Exception) -> Exception:
    """The error that counts: the first model's, with a note of what others failed with."""
    if first is None:
        return error
    first.add_note(f"another model that was to take its place failed too: {type(error).__name__}: {error}")
    return first
