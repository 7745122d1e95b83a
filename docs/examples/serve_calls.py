"""Two callers in this very process, served at the same time; one is refused, and the server goes away in order."""

import trio

from trioaudio import Agent, Call, CallSummary, Choice, Limits, Rejection, open_server
from trioaudio.sources.memory import memory_exchange

TENANTS = {"+492000": Agent("You work for the bakery."), "+493000": Agent("You work for the garage.")}


async def choose(call: Call) -> Choice | Rejection:
    """Who answers is decided before the call is answered."""
    agent = TENANTS.get(call.called or "")
    if agent is None:
        return Rejection("declined")
    return Choice("parrot", agent, name=call.parameter("campaign", str, "none"))


def tell(summary: CallSummary) -> None:
    print(f"{summary.caller} {summary.reason}: {summary.duration_ms / 1000:.0f} s, campaign {summary.agent}")


async def main() -> None:
    exchange = memory_exchange()
    async with open_server(exchange, choose=choose, limits=Limits(call_length=600), on_summary=tell) as server:
        anna = exchange.dial(caller="+4915100000011", called="+492000", parameters={"campaign": "rolls"})
        bert = exchange.dial(caller="+4915100000022", called="+493000")
        carl = exchange.dial(caller="+4915100000033", called="+494000")
        await trio.sleep(5)
        anna.hang_up()
        await trio.sleep(1)
        print(f"Bert: {bert.outcome}; Carl: {carl.outcome}, {carl.told}")

        server.drain(timeout=10)
        print(f"ready: {server.ready}, calls: {server.statistics().active}")
        await server.wait_ended()


trio.run(main)
