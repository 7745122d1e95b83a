"""The beta of the OpenAI Realtime protocol, which some compatible servers still speak: a flat session, and names of its own.

Source: OpenAI API reference, Realtime API (beta), and its migration guide, read 2026-11.
"""

from __future__ import annotations

from ..._agent import Agent
from ...audio import ALAW_8K, MULAW_8K, PCM16_24K, AudioFormat
from .._json import Message
from .dialect import Dialect
from .session import SessionOptions, session_object

_FORMATS = {PCM16_24K: "pcm16", MULAW_8K: "g711_ulaw", ALAW_8K: "g711_alaw"}
_CONTENT = {"output_text": "text", "output_audio": "audio"}


class BetaDialect(Dialect):
    """The protocol as it was until the spring of 2026."""

    name: str = "openai-beta"

    def session(self, agent: Agent, options: SessionOptions, input_format: AudioFormat, output_format: AudioFormat) -> Message:
        """As `Dialect.session`: what is nested today was flat."""
        today = session_object(agent, input_format, output_format, options)
        heard, said = today["audio"]["input"], today["audio"]["output"]
        flat = {
            "instructions": today["instructions"],
            "modalities": _modalities(today["output_modalities"]),
            "tools": today["tools"],
            "input_audio_format": _FORMATS[input_format],
            "output_audio_format": _FORMATS[output_format],
            "input_audio_transcription": heard["transcription"],
            "turn_detection": heard["turn_detection"],
            "voice": agent.voice,
            "speed": said.get("speed"),
            "input_audio_noise_reduction": heard.get("noise_reduction"),
            "max_response_output_tokens": today.get("max_output_tokens"),
        }
        optional = ("voice", "speed", "input_audio_noise_reduction", "max_response_output_tokens")
        return {name: value for name, value in flat.items() if value is not None or name not in optional}

    def response(self, wanted: Message) -> Message:
        """As `Dialect.response`."""
        if "output_modalities" not in wanted:
            return wanted
        rest = {name: value for name, value in wanted.items() if name != "output_modalities"}
        return {**rest, "modalities": _modalities(wanted["output_modalities"])}

    def item(self, item: Message) -> Message:
        """As `Dialect.item`."""
        if "content" not in item:
            return item
        return {**item, "content": [{**part, "type": _CONTENT.get(part["type"], part["type"])} for part in item["content"]]}


def _modalities(today: list[str]) -> list[str]:
    """Speech always came with its words."""
    return ["audio", "text"] if today == ["audio"] else today


BETA = BetaDialect()
"""The beta."""
