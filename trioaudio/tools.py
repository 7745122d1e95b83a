"""Tools that come with trioaudio. An agent has none of them unless it is given them: ``Agent(tools=[hang_up, send_digits])``."""

from __future__ import annotations

from typing import Annotated, Literal

import trio

from ._sessions.call_context import CallContext
from ._tool import Tool, tool

PATIENCE = 60.0
"""Seconds for a transfer: for what is being said to be heard, and for the far end to carry it out."""


async def _hang_up(context: CallContext) -> str:
    if context.interrupted:
        raise RuntimeError("the caller has interrupted you, and may have more to say: listen, and hang up later")
    context.session.leave()  # before any checkpoint: from now on nobody interrupts the goodbye
    await trio.lowlevel.checkpoint()
    return "The call ends as soon as your goodbye has been heard."


hang_up: Tool = tool(
    name="hang_up",
    description="End the call, when the caller wants to or all is settled. Say goodbye before you call this, or right after it.",
)(_hang_up)
"""Ends the call once the goodbye has been heard.

The answer that calls it is the goodbye, if it says anything, before the call or after it. If it says nothing, the model is asked
for one more answer, and that is the goodbye. From the call on the model hears silence, and the caller can interrupt nothing. A caller
who has interrupted the answer before that has more to say: then the model is told so, and the call goes on. The line is cut when the
far end has played all of it, as `Channel.wait_heard` knows it, at the latest after `Timeouts.hang_up`.
"""


async def _send_digits(context: CallContext, digits: Annotated[str, "0 to 9, * and #, in order"]) -> str:
    await context.channel.send_digits(digits)
    return "pressed"


send_digits: Tool = tool(
    name="send_digits", description="Press keys of the telephone for the other side to hear, to find the way through a menu, say."
)(_send_digits)
"""Presses keys for the far end to hear; an error the model sees if the source cannot."""


def transfer(**targets: str) -> Tool:
    """A tool that hands the caller over: ``transfer(sales="+49 30 1234", support="sip:support@acme.example")``.

    The model chooses among these names and never sees a number: a caller may talk a model into anything, but not into a number that
    is not here. What the agent is saying is heard first; then the session ends as ``transferred``. If the far end refuses, the model
    is told, and the call goes on.

    Args:
        targets: what the far end takes for a target, by the name the model knows it under.

    Raises:
        ValueError: there are no targets.
    """
    if not targets:
        raise ValueError("transfer() needs those to whom a caller may be handed over: transfer(sales='+49 30 1234')")

    async def hand_over(context: CallContext, target: str) -> None:
        await context.session.transfer(targets[target])

    hand_over.__annotations__["target"] = Literal[tuple(targets)]
    description = "Hand the caller over to somebody else, for good. Tell them so before you call this."
    return tool(name="transfer", description=description, timeout=PATIENCE)(hand_over)
