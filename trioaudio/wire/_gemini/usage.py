"""What an answer of Gemini cost: ``usageMetadata``, read."""

from __future__ import annotations

from ..._model_events import Usage
from .._json import MAX_TOKENS, Message, count, parts

MOST_DETAILS = 16
"""So many kinds of tokens are read of a message; there are five."""


def usage_untrusted(usage: Message) -> Usage:
    """A ``usageMetadata``.

    Raises:
        RemoteProtocolError: a field is of the wrong type.
    """
    return Usage(
        input_tokens=count(usage, "promptTokenCount", MAX_TOKENS),
        output_tokens=count(usage, "responseTokenCount", MAX_TOKENS),
        cached_tokens=count(usage, "cachedContentTokenCount", MAX_TOKENS),
        input_audio_tokens=_audio(usage, "promptTokensDetails"),
        output_audio_tokens=_audio(usage, "responseTokensDetails"),
    )


def _audio(usage: Message, key: str) -> int:
    return sum(count(each, "tokenCount", MAX_TOKENS) for each in parts(usage, key)[:MOST_DETAILS] if each.get("modality") == "AUDIO")
