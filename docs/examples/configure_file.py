"""Settings from a file and the environment, used by a program of one's own."""

from pathlib import Path

import trio

from trioaudio import Agent, OptionError, converse, load_config, open_channel

Path("trioaudio.toml").write_text(
    """\
[limits]
max_turn = 60           # seconds

[timeouts]
close = 1.5

[models.parrot]
speed = 4
""",
    encoding="utf-8",
)


async def main() -> None:
    config = load_config("trioaudio.toml")
    print(config.limits.max_turn, config.origins["limits.max_turn"])
    print(config.limits.inbound, config.origins.get("limits.inbound", "default"))

    async with open_channel("wavfile:caller.wav?hangup_after=0", limits=config.limits, timeouts=config.timeouts) as channel:
        end = await converse(channel, config.model("parrot"), Agent("You are kind."))
    print(end.kind)


trio.run(main)

try:
    load_config("trioaudio.toml", {"TRIOAUDIO_LIMITS_MAX_TRUN": "30"})
except OptionError as error:
    print(error)
