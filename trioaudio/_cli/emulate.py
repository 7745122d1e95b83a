"""A provider's server on this machine, until Ctrl-C."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

import trio

from .._errors import OptionError
from ..testing import OpenAIEmulator, OpenAIServerOptions, read_openai_faults

DONE = 0


def emulate_openai(port: int, *, speed: float, lasts: float, keys: Sequence[str] | None, beta: bool, faults: Path | None) -> int:
    """Serve until Ctrl-C; return the exit code.

    Raises:
        OptionError: an option cannot be, or the file of faults makes no sense.
        FrontDoorError: nobody can listen there.
        KeyboardInterrupt: Ctrl-C.
    """
    if not 0 <= port <= 65_535:
        raise OptionError(f"--port {port} is no port; give 0 to 65535")
    if not speed > 0:
        raise OptionError(f"--speed {speed:g} must be more than 0")
    options = OpenAIServerOptions(keys=None if keys is None else frozenset(keys), speed=speed, lasts=lasts, beta_names=beta)
    emulator = OpenAIEmulator(options=options, faults=[] if faults is None else read_openai_faults(faults))
    import_module("numpy")  # the first caller would wait for it
    trio.run(_serve, emulator, port, restrict_keyboard_interrupt_to_checkpoints=True)
    return DONE


async def _serve(emulator: OpenAIEmulator, port: int) -> None:
    async with emulator.listen(port=port) as url:
        print(f"an OpenAI Realtime server listens at {url}; Ctrl-C ends it", flush=True)
        print(f"  trioaudio run --source wavfile:caller.wav --model 'openai:gpt-realtime-2.1?base_url={url}'", flush=True)
        await trio.sleep_forever()
