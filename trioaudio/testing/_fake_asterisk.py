"""An Asterisk for tests: it calls over AudioSocket and over its media websocket, in memory or over sockets."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from uuid import UUID

from ..abc import Pipe, connect_tcp
from ..audio import PCM16_8K, AudioFormat
from ._fake_audiosocket import FakeAudioSocket, audiosocket_to, living_audiosocket


class FakeAsterisk:
    """A PBX that does what a test says.

    ```python
    asterisk = FakeAsterisk()
    async with asterisk.audiosocket("127.0.0.1", 9092, id) as call:
        call.speak(audio)
        await call.wait_heard(1.0)
    ```

    Args:
        format: of the audio of its calls.
        line_open: whether a caller who says nothing sends silence, as a telephone does.
    """

    def __init__(self, format: AudioFormat = PCM16_8K, *, line_open: bool = False) -> None:
        self.format: AudioFormat = format
        self.line_open: bool = line_open

    def audiosocket_to(
        self, take: Callable[[Pipe, str], Awaitable[None]], id: UUID | str | None
    ) -> AbstractAsyncContextManager[FakeAudioSocket]:
        """Call without a network, also on a virtual clock; yields the call, which is hung up when the block ends.

        Args:
            take: what a listener gives to `trioaudio.abc.open_tcp`, such as ``AudioSocketListener.take``.
            id: of the call; None says none.
        """
        return audiosocket_to(take, id, self.format, self.line_open)

    @asynccontextmanager
    async def audiosocket(self, host: str, port: int, id: UUID | str | None) -> AsyncGenerator[FakeAudioSocket, None]:
        """Call over a socket, as ``AudioSocket(id,host:port)`` does in a dialplan.

        Raises:
            trio.BrokenResourceError: nobody listens there.
        """
        async with connect_tcp(host, port) as pipe, living_audiosocket(pipe, id, self.format, self.line_open) as call:
            yield call
