"""Logging: who is heard, what a line says, which call it belongs to, and what never appears."""

from __future__ import annotations

import io
import json
import logging
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
import trio

from trioaudio import (
    Agent,
    CallFilter,
    Fault,
    JsonLines,
    OptionError,
    Reconnect,
    Secret,
    TextLines,
    configure_logging,
    current_call_id,
    mask_number,
    open_channel,
)
from trioaudio.audio import AudioFormat
from trioaudio.clips import tone
from trioaudio.testing import Script, ScriptedFarEnd, breaks, open_call, say

Lines = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def stream() -> io.StringIO:
    """Where log lines go."""
    return io.StringIO()


@pytest.fixture
def lines(stream: io.StringIO) -> Lines:
    """The JSON lines so far."""
    configure_logging("json", "debug", stream=stream)
    return lambda: [json.loads(line) for line in stream.getvalue().splitlines()]


class TestWhoIsHeard:
    """Nobody, until somebody configures it."""

    def test_the_library_says_nothing_by_itself(self) -> None:
        program = "import logging, trioaudio; trioaudio.CallFilter; logging.getLogger('trioaudio.channel').error('no')"
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
        assert (done.stdout, done.stderr) == ("", "")

    def test_ours_from_the_level_on_and_others_from_warning_on(self, stream: io.StringIO) -> None:
        configure_logging(level="info", stream=stream)
        for name in ("trioaudio.channel", "trio_websocket"):
            for level in (logging.DEBUG, logging.INFO, logging.WARNING):
                logging.getLogger(name).log(level, "%s", level)
        heard = [line.split()[1:] for line in stream.getvalue().splitlines()]
        assert heard == [
            ["INFO", "trioaudio.channel", "-:", "20"],
            ["WARNING", "trioaudio.channel", "-:", "30"],
            ["WARNING", "trio_websocket", "-:", "30"],
        ]

    def test_configuring_again_changes_what_was_configured(self, stream: io.StringIO) -> None:
        configure_logging(stream=stream)
        configure_logging("json", stream=stream)
        logging.getLogger("trioaudio.channel").warning("once")
        assert json.loads(stream.getvalue())["message"] == "once"

    def test_a_level_that_is_none_is_refused(self) -> None:
        wrong: Any = "loud"
        with pytest.raises(OptionError, match="expected: one of debug, info, warning, error"):
            configure_logging(level=wrong)

    def test_words_are_logged_only_where_that_is_asked_for(self, stream: io.StringIO) -> None:
        words = logging.getLogger("trioaudio.transcript")
        configure_logging(level="debug", stream=stream)
        words.info("caller: my name is Fish")
        assert stream.getvalue() == ""
        configure_logging(level="debug", transcripts=True, stream=stream)
        words.info("caller: my name is Fish")
        assert "Fish" in stream.getvalue()


@dataclass(frozen=True)
class Account:
    """Something that a statement adds."""

    heard_ms: float
    key: str = field(default="swordfish", repr=False)


class TestLines:
    """What a line says."""

    def test_a_text_line(self, stream: io.StringIO) -> None:
        configure_logging(stream=stream)
        logging.getLogger("trioaudio.channel").warning("closed: %s", "broken")
        time, rest = stream.getvalue().split(" ", 1)
        assert rest == "WARNING trioaudio.channel -: closed: broken\n"
        assert time.endswith("Z")

    def test_a_json_line(self, lines: Lines) -> None:
        logging.getLogger("trioaudio.channel").warning("closed: %s", "broken")
        (line,) = lines()
        assert line.pop("time")[-5:-4] == "."
        assert line == {"level": "warning", "logger": "trioaudio.channel", "call": "-", "message": "closed: broken"}

    def test_an_exception_is_one_string(self, lines: Lines) -> None:
        try:
            int("broken")
        except ValueError:
            logging.getLogger("trioaudio.serve").exception("the handler failed")
        assert lines()[0]["exception"].endswith("ValueError: invalid literal for int() with base 10: 'broken'")

    def test_what_is_added_is_added(self, lines: Lines) -> None:
        extra = {"statistics": Account(1.5), "tries": [1, None, float("inf")], "error": ValueError("x"), "by": {"a": 1}}
        logging.getLogger("trioaudio.channel").info("closed", extra=extra)
        (line,) = lines()
        assert line["statistics"] == {"heard_ms": 1.5}
        assert (line["tries"], line["error"], line["by"]) == ([1, None, "inf"], "ValueError: x", {"a": 1})

    def test_what_nobody_meant_to_be_read_is_not_shown(self, lines: Lines) -> None:
        extra = {"audio": b"RIFF", "frame": tone(0.02, AudioFormat("pcm16", 8_000)), "key": Secret("swordfish")}
        logging.getLogger("trioaudio.channel").info("closed", extra=extra)
        (line,) = lines()
        assert line["audio"] == "<bytes>"
        assert line["key"] == "<Secret>"
        assert len(json.dumps(line)) < 600

    def test_a_stream_that_is_gone_harms_nobody(self) -> None:
        class Gone(io.StringIO):
            def write(self, _: str) -> int:
                raise BrokenPipeError

        configure_logging(stream=Gone())
        logging.getLogger("trioaudio.channel").warning("is anybody there?")


class TestNumbers:
    """Telephone numbers, of which the last two digits are enough."""

    @pytest.mark.parametrize(
        ("number", "masked"),
        [
            ("+14155550123", "+*********23"),
            ("sip:14155550123@example.com", "sip:*********23@example.com"),
            ("+49 30 123456", "+** ** ****56"),
            ("110", "**0"),
            ("12", "**"),
            ("anonymous", "anonymous"),
            ("", ""),
        ],
    )
    def test_a_number_is_masked(self, number: str, masked: str) -> None:
        assert mask_number(number) == masked

    @pytest.mark.parametrize("formatter", [TextLines(), JsonLines()])
    @pytest.mark.parametrize("number", ["+14155550123", "+49 (30) 123456", "sip:4930123456@example.com", "tel:+49-30-123456"])
    def test_one_that_slips_into_a_line_is_masked_there(self, formatter: logging.Formatter, number: str) -> None:
        record = logging.makeLogRecord({"msg": "%s calls", "args": (number,), "caller": number})
        assert number not in formatter.format(record)

    @pytest.mark.parametrize("formatter", [TextLines(), JsonLines()])
    @pytest.mark.parametrize("text", ["1234567890123 samples", "12:00:00+00:00", "v1.2.3+4567890abc", "0.1234567", "call-4155550123"])
    def test_what_is_none_is_left_alone(self, formatter: logging.Formatter, text: str) -> None:
        assert text in formatter.format(logging.makeLogRecord({"msg": text}))


class TestCallIds:
    """Which call a line belongs to."""

    async def test_tasks_and_threads_of_a_call_inherit_its_id(self, lines: Lines) -> None:
        log = logging.getLogger("trioaudio.test")

        async def deeper() -> None:
            await trio.to_thread.run_sync(log.info, "thread")

        async def call(name: str) -> None:
            current_call_id.set(name)
            async with trio.open_nursery() as nursery:  # noqa: ASYNC112 - it is to be a task of its own
                nursery.start_soon(deeper)
            log.info("task")

        async with trio.open_nursery() as nursery:
            nursery.start_soon(call, "one")
            nursery.start_soon(call, "two")
        log.info("outside")
        found = sorted((line["call"], line["message"]) for line in lines())
        assert found == [("-", "outside"), ("one", "task"), ("one", "thread"), ("two", "task"), ("two", "thread")]

    async def test_a_channel_logs_under_the_call_in_which_it_was_opened(self, lines: Lines, autojump_clock: object) -> None:
        current_call_id.set("call-7")
        async with open_channel(ScriptedFarEnd().source):
            pass
        assert {line["call"] for line in lines()} == {"call-7"}

    def test_the_filter_serves_other_handlers_too(self) -> None:
        record = logging.makeLogRecord({"msg": "x"})
        assert CallFilter().filter(record)
        assert logging.Formatter("%(call)s").format(record) == "-"


class TestStatements:
    """What is logged of a call."""

    async def test_beginning_and_end_with_figures(self, lines: Lines, autojump_clock: object) -> None:
        async with open_channel(ScriptedFarEnd().source) as channel:
            await channel.send_audio(tone(0.5, channel.output_format))
            await channel.wait_played()
        first, last = lines()
        assert first["message"].startswith("opened: ")
        assert last["message"] == "closed: closed; 0.0 s came in, 0.5 s went out, 0 interruptions"
        assert (last["reason"], last["statistics"]["sent_ms"], last["level"]) == ("closed", 500, "info")

    async def test_a_far_end_that_breaks_is_a_warning(self, lines: Lines, autojump_clock: object) -> None:
        far = ScriptedFarEnd()
        async with open_channel(far.source) as channel:
            far.fail()
            await channel.wait_closed()
        assert lines()[-1]["level"] == "warning"
        assert lines()[-1]["message"].startswith("closed: broken (")

    async def test_an_error_of_the_app_is_named_and_not_quoted(self, lines: Lines, autojump_clock: object) -> None:
        with pytest.RaisesGroup(ValueError):
            async with open_channel(ScriptedFarEnd().source) as channel:
                channel.on("commit", lambda _: int("swordfish"))
                channel.emit("commit")
                await channel.wait_closed()
        assert lines()[-1]["message"].startswith("closed: failed (ValueError); ")

    async def test_a_fault_is_a_warning(self, lines: Lines, autojump_clock: object) -> None:
        async with open_channel(ScriptedFarEnd().source) as channel:
            channel.emit(Fault(OSError("disk full"), "the recording has stopped"))
        assert [line["message"] for line in lines() if line["level"] == "warning"] == ["the recording has stopped: OSError: disk full"]

    async def test_audio_costs_no_line(self, lines: Lines, autojump_clock: object) -> None:
        async with open_channel(ScriptedFarEnd().source) as channel:
            await channel.send_audio(tone(10, channel.output_format))
            await channel.wait_played()
        assert len(lines()) == 2

    async def test_a_session_logs_its_model(self, lines: Lines, autojump_clock: object) -> None:
        async with open_call(Script()):
            pass
        told = [line["message"] for line in lines() if line["logger"] == "trioaudio.session"]
        assert told == ["model script connecting", "model script connected", "model script closed: closed"]

    async def test_a_model_that_breaks_is_a_warning(self, lines: Lines, autojump_clock: object) -> None:
        async with open_call(Script(breaks(), greets=True), Agent(reconnect=Reconnect(attempts=0))) as (_, session):
            await session.wait_closed()
        (warning,) = [line for line in lines() if line["level"] == "warning"]
        assert warning["message"].startswith("model script closed: model (BrokenResourceError")

    async def test_words_are_logged_if_asked_for(self, stream: io.StringIO, autojump_clock: object) -> None:
        script = Script(say(0.5, "a", transcript="swordfish"), greets=True)
        for transcripts in (False, True):
            configure_logging(level="debug", transcripts=transcripts, stream=stream)
            async with open_call(script) as (_, session):
                await session.wait_event("turn_played")
            assert ("agent: swordfish" in stream.getvalue()) == transcripts
            script = Script(say(0.5, "a", transcript="swordfish"), greets=True)
