"""The responses of an OpenAI Realtime server: one at a time in the conversation, any number beside it, and what each is to say."""

from __future__ import annotations

import math
from collections import deque
from typing import NamedTuple

from ...audio import AudioFormat, Frame
from .._json import Message
from .checks import MisuseError
from .items import Conversation, Unanswered, sound_of
from .options import OpenAIServerOptions
from .outbox import Outbox
from .reply import OpenAIAnswer, OpenAIQuestion, OpenAIReply
from .response import ResponseMaker, ResponsePlan
from .session import ServerSession, format_of
from .transcripts import Transcripts


class Unspoken(NamedTuple):
    """Words that a voice is to speak, for a response."""

    response_id: str
    text: str
    format: AudioFormat


class Answers:
    """Makes responses and moves them on, step by step."""

    def __init__(
        self,
        answer: OpenAIAnswer,
        options: OpenAIServerOptions,
        session: ServerSession,
        conversation: Conversation,
        outbox: Outbox,
        transcripts: Transcripts,
    ) -> None:
        self.active: ResponseMaker | None = None
        """What is being said in the conversation."""
        self.heard_until: float = -math.inf
        """When the last answer will have been heard, if it is heard as it comes."""
        self.unspoken: list[Unspoken] = []
        """What a voice is to speak and nobody has taken."""
        self.has_voice: bool = False
        """Whether words without audio are spoken by somebody."""
        self._answer, self._options, self._session = answer, options, session
        self._conversation, self._outbox, self._transcripts = conversation, outbox, transcripts
        self._beside: list[tuple[float, ResponseMaker]] = []
        self._given: deque[OpenAIReply] = deque()
        self._owes = 0
        self._step_due, self._began = math.inf, 0.0

    @property
    def due(self) -> float:
        """When `advance` has something to do."""
        return self._step_due if not self._beside else min(self._step_due, *(due for due, _ in self._beside))

    def advance(self, now: float) -> None:
        """Do what is due at ``now``, one step."""
        if self._step_due <= now:
            self._step(now)
        else:
            self._step_beside(now)

    def give(self, reply: OpenAIReply, now: float) -> None:
        """Let this be the next answer, as soon as one can begin."""
        self._given.append(reply)
        self.begin_when_free(now)

    def begin_when_free(self, now: float) -> None:
        """Answer now, or after the answer that is being made."""
        if self.active is None:
            self._begin({}, now)
        else:
            self._owes += 1

    def create(self, wanted: Message, now: float) -> None:
        """The client asks for one."""
        if wanted.get("conversation") == "none":
            self._beside.append((now, self._maker(wanted)))
        elif self.active is not None:
            words = f"Conversation already has an active response in progress: {self.active.plan.response_id}."
            raise MisuseError("conversation_already_has_active_response", f"{words} Wait until the response is finished.")
        else:
            self._begin(wanted, now)

    def cancel(self, response_id: str | None, now: float) -> None:
        """The client wants no more of one: of the one in the conversation, unless it names another."""
        for entry in self._beside:
            if entry[1].plan.response_id == response_id:
                self._beside.remove(entry)
                entry[1].stop("client_cancelled")
                return
        if self.active is None or response_id not in (None, self.active.plan.response_id):
            raise MisuseError("response_cancel_not_active", "Cancellation failed: no active response found")
        self.active.stop("client_cancelled")
        self._over(now)

    def interrupt(self, now: float) -> None:
        """The caller speaks: no more of what is being said."""
        if self._options.slips and self.active is not None:
            self.active.step()
        if self.active is not None:
            self.active.stop("turn_detected")
            self._over(now)

    def voice(self, response_id: str, audio: Frame | str, now: float) -> None:
        """Words have been spoken; a code instead of audio says why not."""
        makers = [self.active, *(maker for _, maker in self._beside)]
        maker = next((each for each in makers if each is not None and each.plan.response_id == response_id), None)
        if maker is None or not maker.waits_for_voice:
            return
        if isinstance(audio, Frame):
            maker.voice(audio)
        else:
            maker.silence(audio)
        self._beside = [(now if each is maker else due, each) for due, each in self._beside]
        if maker is self.active:
            self._step_due = now

    # ---- one response

    def _begin(self, wanted: Message, now: float) -> None:
        self.active, self._step_due, self._began = self._maker(wanted), now, now
        self._step(now)

    def _maker(self, wanted: Message) -> ResponseMaker:
        fields = self._session.fields
        output = {**fields["audio"]["output"], **wanted.get("audio", {}).get("output", {})}
        session = {**fields, "audio": {**fields["audio"], "output": output}}
        settings = {**session, **{name: value for name, value in wanted.items() if name not in ("audio", "metadata", "input")}}
        format = format_of(session, "output")
        in_conversation = wanted.get("conversation") != "none"
        reply = self._reply(settings, format, wanted, in_conversation=in_conversation)
        modality = settings["output_modalities"][0]
        spoken = self.has_voice and modality == "audio" and bool(reply.text) and reply.audio is None
        plan = ResponsePlan(
            response_id=self._outbox.new_id("resp"),
            reply=reply,
            modality=modality,
            format=format,
            format_name=output["format"],
            voice=output["voice"],
            metadata=wanted.get("metadata"),
            in_conversation=in_conversation,
            max_output_tokens=settings["max_output_tokens"],
            speed=self._options.speed,
            delta_ms=self._options.delta_ms,
            burst_ms=self._options.burst_ms,
            spoken=spoken,
        )
        if spoken:
            self.unspoken.append(Unspoken(plan.response_id, reply.text, format))
        return ResponseMaker(plan, self._conversation, self._outbox)

    def _reply(self, settings: Message, format: AudioFormat, wanted: Message, *, in_conversation: bool) -> OpenAIReply:
        said = self._said_in(wanted["input"]) if "input" in wanted else self._conversation.unanswered
        if in_conversation:
            self._conversation.unanswered = Unanswered()
        if self._given:
            return self._given.popleft()
        question = OpenAIQuestion(
            settings["instructions"],
            format,
            said.heard,
            said.words,
            said.results,
            tuple(tool["name"] for tool in settings["tools"] if tool["type"] == "function"),
            said.images,
            _tool_choice(settings["tool_choice"]),
        )
        return self._answer(question)

    def _said_in(self, items: list[Message]) -> Unanswered:
        """What a response is to answer that brings what it answers with it."""
        said = Unanswered()
        for item in items:
            if item["type"] == "item_reference":
                kept = self._conversation.find(item["id"], "response_input_invalid_item_id")
                said.add(kept.item, kept.sound)
            else:
                said.add(item, sound_of(item, self._session.input_format))
        return said

    def _step(self, now: float) -> None:
        assert self.active is not None
        wait = self.active.step()
        if self.active.sounding:
            self._session.voice_is_fixed = True
            self._transcripts.answering()
        if wait is None:
            self._over(now)
        else:
            self._step_due = now + wait

    def _step_beside(self, now: float) -> None:
        due, maker = min(self._beside, key=lambda each: each[0])
        self._beside.remove((due, maker))
        wait = maker.step()
        if wait is not None:
            self._beside.append((now + wait, maker))

    def _over(self, now: float) -> None:
        assert self.active is not None
        self.heard_until = max(now, self._began + self.active.seconds)
        self.active, self._step_due = None, math.inf
        self._transcripts.write()
        if self._options.extras:
            self._outbox.say("response.afterthought", thought="no document knows this event")
        if self._owes:
            self._owes -= 1
            self._begin({}, now)


def _tool_choice(choice: object) -> str:
    return str(choice.get("name", "auto")) if isinstance(choice, dict) else str(choice)
