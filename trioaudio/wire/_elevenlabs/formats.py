"""The audio formats of ElevenLabs agents, by the names they have there.

Source: the vendor's AsyncAPI file of the agents websocket (``AudioFormat``, ``UserInputAudioFormat``), read 2026-11.
"""

from __future__ import annotations

from ..._errors import OptionError
from ..._spelling import suggest
from ...audio import MULAW_8K, AudioFormat

FORMATS: dict[str, AudioFormat] = {
    **{f"pcm_{rate}": AudioFormat("pcm16", rate) for rate in (8_000, 16_000, 22_050, 24_000, 44_100, 48_000)},
    "ulaw_8000": MULAW_8K,
}
"""What an agent can be set to hear and to speak."""
DEFAULT = "pcm_16000"
"""What an agent hears and speaks unless its settings say otherwise."""


def format_named(name: str, option: str) -> AudioFormat:
    """The format that an option names.

    Raises:
        OptionError: there is none of that name.
    """
    if not isinstance(name, str) or name not in FORMATS:
        near = suggest(name, FORMATS) if isinstance(name, str) else ""
        raise OptionError(f"elevenlabs: {option}={name!r} is no format of an agent{near}; there are {', '.join(FORMATS)}")
    return FORMATS[name]


def written_format(format: AudioFormat) -> str:
    """The name of a format; for one that agents do not have, how this package names it."""
    return next((name for name, known in FORMATS.items() if known == format), str(format))
