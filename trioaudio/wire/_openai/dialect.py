"""What servers that speak the OpenAI Realtime protocol do each in their own way: the seam for those that differ from OpenAI's."""

from __future__ import annotations

from ..._agent import Agent
from ...audio import AudioFormat
from .._json import Message
from .names import BETA_NAMES
from .session import SessionOptions, session_object


class Dialect:
    """The protocol as OpenAI speaks it today; others override what they do differently."""

    name: str = "openai"
    correlates: bool = True
    """Whether a ``response.create`` may have metadata, which the response then carries: so it is known whose response it is."""

    def session(self, agent: Agent, options: SessionOptions, input_format: AudioFormat, output_format: AudioFormat) -> Message:
        """The ``session`` of a ``session.update``.

        Raises:
            FormatError: the protocol does not know a format.
        """
        return session_object(agent, input_format, output_format, options)

    def response(self, wanted: Message) -> Message:
        """The parameters of a ``response.create``, which are given as OpenAI names them."""
        return wanted

    def item(self, item: Message) -> Message:
        """An item for the conversation, which is given as OpenAI writes it."""
        return item

    def asked(self, create: Message) -> Message:
        """The message that asks for a response, which is given as OpenAI writes it."""
        return {**create, "response": self.response(create["response"])} if "response" in create else create

    def heard(self, message: Message) -> Message | None:
        """An event of the server in OpenAI's words; None: it says nothing that matters.

        Raises:
            RemoteProtocolError: it makes no sense.
        """
        return message

    def event_name(self, kind: str) -> str:
        """What OpenAI calls an event of this type."""
        return BETA_NAMES.get(kind, kind)


GA = Dialect()
"""OpenAI's own."""
