"""An agent that can do things: it greets, takes an account number from the keypad, looks it up, says goodbye and hangs up."""

from typing import Annotated, Literal

import trio

from trioaudio import Agent, CallContext, Session, ToolReturned, collect, open_channel, open_session, tool
from trioaudio.testing import Script, ScriptedFarEnd, calls, say
from trioaudio.tools import hang_up, transfer


class Bank:
    """What the app has anyway: a connection with a database, say."""

    async def balance(self, account: str) -> float:
        await trio.sleep(0.2)
        return {"1234": 250.0}[account]


async def balance(context: CallContext, account: str, currency: Literal["EUR", "USD"] = "EUR") -> dict[str, object]:
    """How much money is on an account.

    Args:
        account: its number, as the caller has pressed it.
        currency: in which the caller wants to hear it.
    """
    bank: Bank = context.dependencies
    return {"balance": await bank.balance(account), "currency": currency}


@tool(name="branches", timeout=5)
def find_branches(city: str, at_most: Annotated[int, "how many to name"] = 3) -> list[str]:
    """Where the caller can go."""
    return [f"{number} High Street, {city}" for number in range(1, at_most + 1)]


agent = Agent(
    "You work for {bank}. Ask for the account number, then say what is on it.",
    greeting="Welcome to {bank}. Please press your account number, and then the hash key.",
    variables={"bank": "the Bank of Trio"},
    tools=[balance, find_branches, hang_up, transfer(cards="+49 30 1234", complaints="sip:sorry@bank.example")],
    dtmf=collect(end="#"),
)


def tell(event: ToolReturned) -> None:
    print(f"{event.tool} {'failed' if event.failed else 'returned'} after {event.seconds:.1f} s: {event.output}")


async def notice(session: Session) -> None:
    """Words that the law wants: the caller hears them to the end."""
    await session.say("This call is recorded.", interruptible=False)
    await session.wait_spoken()


script = Script(
    say(4.0, "welcome"),
    say(1.5, "notice"),
    [calls(("balance", {"account": "1234"}), saying=say(0.5, "a moment"))],
    [say(2.0, "your balance")],
    [calls("hang_up", saying=say(1.0, "goodbye"))],
    greets=False,
)


async def main() -> None:
    caller = ScriptedFarEnd()
    async with (
        open_channel(caller.source) as channel,
        open_session(channel, script, agent, on={ToolReturned: tell}, dependencies=Bank()) as session,
    ):
        await notice(session)
        caller.press("1234#")
        await caller.wait_hears("your balance", samples=16_000)
        caller.speak(say(0.5, "thanks"))
        end = await session.wait_closed()
    print("the session ended because:", end.kind)
    print(f"of the goodbye {caller.heard('goodbye') / 8_000:.1f} s were heard")
    print("the model was told to say:", *script.sayings, sep="\n  ")
    print("and of the caller:", *script.texts)


trio.run(main)
