"""The official SDK of ElevenLabs: its types judge what we send, and its client talks to the emulated agent as to a real one.

The client runs threads of its own, so it has a process of its own. Needs the dependency group ``sdk`` (``nox -s sdk``).
"""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
import trio
from wire.elevenlabs_says import Talk

from trioaudio import Agent
from trioaudio.testing import ElevenLabsCall, ElevenLabsEmulator, ElevenLabsQuestion, ElevenLabsReply, ElevenLabsServerOptions
from trioaudio.wire._elevenlabs.initiation import UNDERSTOOD

elevenlabs = pytest.importorskip("elevenlabs", reason="the dependency group sdk is not installed")

CLIENT = """
import sys, threading, time, wave
from elevenlabs.client import ElevenLabs
from elevenlabs.conversational_ai.conversation import AudioInterface, ClientTools, Conversation, ConversationInitiationData

class Telephone(AudioInterface):
    def __init__(self):
        self.spoken, self.interrupted, self.over = 0, 0, threading.Event()

    def start(self, input_callback):
        threading.Thread(target=self.speak, args=(input_callback,), daemon=True).start()

    def speak(self, say):
        self.over.wait(1.0)  # into what the agent says first
        with wave.open(sys.argv[2]) as clip:
            pieces = [clip.readframes(clip.getframerate() // 50) for _ in range(2 * 50)]
        for piece in [*pieces, *[bytes(len(pieces[0]))] * 60]:
            if self.over.is_set():
                return
            say(piece)
            time.sleep(0.02)

    def output(self, audio):
        self.spoken += len(audio)

    def interrupt(self):
        self.interrupted += 1

    def stop(self):
        self.over.set()

phone, tools, done = Telephone(), ClientTools(), threading.Event()
tools.register("look_up", lambda parameters: done.set() or "warm in " + parameters["city"])
tell = lambda kind: lambda *said: print(kind, *said, sep="|", flush=True)
conversation = Conversation(
    ElevenLabs(api_key="right", base_url=sys.argv[1]),
    "agent_1",
    requires_auth=True,
    audio_interface=phone,
    client_tools=tools,
    config=ConversationInitiationData(conversation_config_override={"agent": {"first_message": "one two three four"}}),
    callback_agent_response=tell("agent"),
    callback_agent_response_correction=tell("corrected"),
    callback_user_transcript=tell("caller"),
)
conversation.start_session()
done.wait(20)
time.sleep(0.5)
conversation.send_user_message("Thanks.")
time.sleep(0.5)
conversation.end_session()
conversation.wait_for_session_end()
print("heard", phone.spoken > 16_000, phone.interrupted, sep="|", flush=True)
"""


def answer(question: ElevenLabsQuestion) -> ElevenLabsReply:
    if question.results:
        return ElevenLabsReply(f"It is {question.results[0]}.")
    return ElevenLabsReply("You are welcome.") if question.words else ElevenLabsReply(calls=(ElevenLabsCall("look_up", '{"city":"Rome"}'),))


async def test_the_official_client_has_a_conversation(tmp_path: object) -> None:
    from trioaudio.clips import clip_path

    emulator = ElevenLabsEmulator(answer, ElevenLabsServerOptions(keys=frozenset({"right"}), speed=1.0))
    with trio.fail_after(60):
        async with emulator.listen() as url:
            command = [sys.executable, "-c", CLIENT, url.replace("ws:", "http:"), str(clip_path("caller"))]
            done = await trio.run_process(command, capture_stdout=True, stderr=subprocess.STDOUT)
    told = done.stdout.decode().splitlines()
    assert told[0] == "agent|one two three four"
    assert any(line.startswith("caller|(") for line in told)
    assert "agent|It is warm in Rome." in told
    assert told[-1].startswith("heard|True|")
    server = emulator.sessions[-1]
    assert server.errors == []
    assert server.counts["pong"] >= 1
    assert list(server.results.values()) == [("warm in Rome", False)]


@pytest.mark.parametrize(
    ("agent", "options"),
    [
        (Agent(), {}),
        (Agent("Be kind.", voice="v_1", greeting="Hello.", variables={"name": "Ada", "since": 1815}), {}),
        (Agent(), {"language": "en", "user_id": "u_1", "speed": 1.1, "stability": 0.4, "all_events": True}),
    ],
)
def test_the_first_message_is_one_for_the_official_types(agent: Agent, options: dict[str, object]) -> None:
    from elevenlabs.types import ConversationInitiationClientDataRequestInput

    [message] = Talk(agent, **options).first
    assert message.pop("type") == "conversation_initiation_client_data"
    if options.get("all_events"):  # the vendor's AsyncAPI file has them, the SDK has not
        assert message["conversation_config_override"].pop("conversation") == {"client_events": list(UNDERSTOOD)}
    read = ConversationInitiationClientDataRequestInput.model_validate(message, strict=True, extra="forbid")
    assert json.loads(read.model_dump_json(exclude_unset=True, by_alias=True)) == message


def test_the_events_we_ask_for_are_events_of_the_provider() -> None:
    from typing import get_args

    from elevenlabs.types import ClientEvent

    literal, _ = get_args(ClientEvent)
    assert set(UNDERSTOOD) <= set(get_args(literal))
