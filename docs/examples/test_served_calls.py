"""A served call as a test: the exchange of the kit dials, the virtual clock does the waiting."""

import pytest

from trioaudio import CallSummary, Limits, open_server
from trioaudio.testing import Script, ScriptedExchange, say


@pytest.mark.usefixtures("virtual_clock")
async def test_a_long_call_is_ended_by_its_limit() -> None:
    exchange, summaries = ScriptedExchange(), list[CallSummary]()
    async with open_server(exchange, model=Script(say(1.0, "a")), limits=Limits(call_length=3600), on_summary=summaries.append):
        call = exchange.dial(caller="+4930123456")
        await call.far_end.wait_hears("a")
        await call.wait_over()
    assert [summary.reason for summary in summaries] == ["limit"]
