"""The events of the OpenAI Realtime protocol by name: those of the beta under today's names, and those nobody needs.

Source: OpenAI API reference, server events of the Realtime API (GA and beta), read 2026-11.
"""

from __future__ import annotations

BETA_NAMES: dict[str, str] = {
    "response.audio.delta": "response.output_audio.delta",
    "response.audio.done": "response.output_audio.done",
    "response.audio_transcript.delta": "response.output_audio_transcript.delta",
    "response.audio_transcript.done": "response.output_audio_transcript.done",
    "response.text.delta": "response.output_text.delta",
    "response.text.done": "response.output_text.done",
    "conversation.item.created": "conversation.item.added",
}
"""Names that compatible servers still use, and what they are called today."""

UNUSED_EVENTS = frozenset({
    "conversation.created",
    "conversation.item.done",
    "conversation.item.retrieved",
    "conversation.item.input_audio_transcription.segment",
    "input_audio_buffer.dtmf_event_received",
    "response.content_part.added",
    "response.content_part.done",
    "output_audio_buffer.started",
    "output_audio_buffer.stopped",
    "output_audio_buffer.cleared",
    "mcp_list_tools.in_progress",
    "mcp_list_tools.completed",
    "mcp_list_tools.failed",
    "response.mcp_call_arguments.delta",
    "response.mcp_call_arguments.done",
    "response.mcp_call.in_progress",
    "response.mcp_call.completed",
    "response.mcp_call.failed",
    "ping",
})  # fmt: skip
"""Known, and nothing comes of them: what they say is said by others, or is of no use over a websocket."""
