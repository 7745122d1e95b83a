"""What an answer cost and what is left: usage and rate limits of the OpenAI Realtime protocol, read."""

from __future__ import annotations

from ..._model_events import RateLimit, Usage
from .._json import MAX_TOKENS, Message, count, number_or_none, part, parts, text

MOST_LIMITS = 16
"""So many rate limits are read of a message; there are two."""


def usage_untrusted(response: Message) -> Usage | None:
    """The ``usage`` of a response, if it says it.

    Raises:
        RemoteProtocolError: a field is of the wrong type.
    """
    usage = part(response, "usage")
    if not usage:
        return None
    heard, said = part(usage, "input_token_details"), part(usage, "output_token_details")
    return Usage(
        input_tokens=count(usage, "input_tokens", MAX_TOKENS),
        output_tokens=count(usage, "output_tokens", MAX_TOKENS),
        cached_tokens=count(heard, "cached_tokens", MAX_TOKENS),
        input_audio_tokens=count(heard, "audio_tokens", MAX_TOKENS),
        output_audio_tokens=count(said, "audio_tokens", MAX_TOKENS),
        input_image_tokens=count(heard, "image_tokens", MAX_TOKENS),
        cached_audio_tokens=count(part(heard, "cached_tokens_details"), "audio_tokens", MAX_TOKENS),
    )


def limits_untrusted(message: Message) -> tuple[RateLimit, ...]:
    """The limits of a ``rate_limits.updated``.

    Raises:
        RemoteProtocolError: a field is of the wrong type.
    """
    return tuple(
        RateLimit(
            name=text(limit, "name", "")[:100],
            limit=count(limit, "limit", MAX_TOKENS),
            remaining=count(limit, "remaining", MAX_TOKENS),
            reset_seconds=number_or_none(limit, "reset_seconds"),
        )
        for limit in parts(message, "rate_limits")[:MOST_LIMITS]
    )
