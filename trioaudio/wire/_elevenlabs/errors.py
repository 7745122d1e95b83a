"""What the errors and the close codes of ElevenLabs agents mean: whether connecting again can help.

An ``error`` event comes before a close frame that says less. Codes: 1000 the end, also when a conversation has lasted as long as
the agent allows; 1002 something did not work (the language model took 20 s, nobody spoke for 60 s, no credit is left); 1008 what
we sent cannot be; 1011 their mistake. An agent that does not exist, or may not be talked to, is refused with 3000 or 1008.

Source: the vendor's AsyncAPI file of the agents websocket (``ErrorType``, ``WebSocketCloseCode``), read 2026-11; 3000 from issues.
"""

from __future__ import annotations

from dataclasses import dataclass

from .._json import Message, number_or_none, part, text

_REFUSED = (
    *("telephony_agent_error", "mcp_tool_error", "mcp_https_error", "missing_fields", "override_error"),
    *("missing_dynamic_variable", "missing_dynamic_variable_transfer"),
)
"""Types of errors that come again however often one connects: agent and message do not fit together."""
_FINAL_CODES = (1008, 3000)
_FINAL_WORDS = ("quota", "credit", "unauthorized", "not authorized", "does not exist", "override")
_LONGEST = 500


@dataclass(frozen=True, slots=True)
class AgentError:
    """An ``error`` event, read; ``final``: connecting again cannot help."""

    code: str
    message: str
    final: bool


def error_untrusted(message: Message) -> AgentError:
    """Read an ``error`` event; some come flat.

    Raises:
        RemoteProtocolError: a field is of the wrong type.
    """
    error = part(message, "error_event") or message
    close = number_or_none(error, "code") if not isinstance(error.get("code"), str) else None
    kind = text(error, "error_type", "") or (f"{close:g}" if close is not None else text(error, "code", "")) or "error"
    said = text(error, "message", "") or text(error, "reason", "") or "the agent does not say why"
    return AgentError(kind[:100], said[:_LONGEST], kind in _REFUSED or is_final(close, said))


def is_final(code: float | None, reason: str) -> bool:
    """Whether a close frame says that connecting again cannot help."""
    said = reason.lower()
    return code in _FINAL_CODES or (code not in (None, 1000, 1011) and any(word in said for word in _FINAL_WORDS))
