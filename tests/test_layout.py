"""The package keeps the rules of its house, and each rule finds the sin it is there for."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest
from house import RULES, Complaints, House, floor_of

import trioaudio

Builder: TypeAlias = Callable[[dict[str, str]], House]


@pytest.fixture(scope="module")
def house() -> House:
    return House(Path(trioaudio.__file__).parent)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_package_keeps_the_rule(rule: Callable[[House], Complaints], house: House) -> None:
    if complaints := list(rule(house)):
        pytest.fail("\n".join([rule.__doc__ or "", *complaints]), pytrace=False)


def test_every_named_floor_is_in_use_from_the_ground_up_to_the_contracts(house: House) -> None:
    lived_in = {floor_of(module) for module in house.files}
    assert {floor_of("_errors"), floor_of("audio"), floor_of("_events"), floor_of("abc")} <= lived_in


@pytest.fixture
def build(tmp_path: Path) -> Builder:
    """Builds a small house that keeps every rule, with the given modules put in."""
    sound = {
        "__init__": "from ._channel import Channel as Channel",
        "_errors": "import trio",
        "audio/__init__": "from ._frame import Frame as Frame",
        "audio/_frame": "from .._errors import Oops\nimport numpy",
        "_events": "from .audio import Frame",
        "abc": "from ._events import Event\nimport trio",
        "_ticker": "import trio",
        "sources/__init__": "",
        "sources/memory": "from ..abc import Source\nfrom ..audio import Frame\nimport trio",
        "_channel": "from . import _channel_life",
        "_channel_life": "from . import _ticker, abc\nimport trio\nasync def run():\n    async with trio.open_nursery(): pass",
        "testing/__init__": "from .. import Channel\nfrom ..abc import Source\nfrom ._script import Script",
        "testing/_script": "import trioaudio",
        "__main__": "print('hello')",
    }

    def put(planted: dict[str, str]) -> House:
        for name, code in (sound | planted).items():
            path = tmp_path / "trioaudio" / f"{name}.py"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(code, encoding="utf-8")
        return House(tmp_path / "trioaudio")

    return put


def all_complaints(house: House) -> list[str]:
    return [complaint for rule in RULES for complaint in rule(house)]


def test_a_sound_house_has_no_complaints(build: Builder) -> None:
    assert not all_complaints(build({}))


def test_types_may_go_in_a_ring_within_one_floor(build: Builder) -> None:
    guarded = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from ._dispatch import Turn"
    assert not all_complaints(build({"_dispatch": "from ._emitter import Epoch", "_emitter": guarded}))


SINS: tuple[tuple[str, str, str], ...] = (
    ("_novelty", "from .abc import Source", r"_novelty\.py:1: stands on no floor: add '_novelty' to FLOORS .* no lower than abc"),
    ("_ticker", "from ._channel import Channel", r"_ticker\.py:1: imports _channel from a floor above"),
    ("_ticker", "from . import _channel", r"_ticker\.py:1: imports _channel from a floor above"),
    ("_ticker", "import trioaudio._channel", r"_ticker\.py:1: imports _channel from a floor above"),
    ("_ticker", "import trioaudio", r"_ticker\.py:1: imports __init__ from a floor above"),
    ("_ticker", "def late():\n    from ._channel import Channel", r"_ticker\.py:2: imports _channel from a floor above"),
    ("_ticker", "if TYPE_CHECKING:\n    from ._channel import Channel", r"_ticker\.py:2: imports _channel from a floor above"),
    ("audio/_format", "from ..abc import Source", r"_format\.py:1: imports abc from a floor above"),
    ("audio/_frame", "from . import Frame", r"in a ring: (audio -> audio\._frame|audio\._frame -> audio)"),
    ("audio/_vad", "import time", r"_vad\.py:1: imports time on a pure floor"),
    ("wire/rtp", "from trio import sleep", r"rtp\.py:1: imports trio on a pure floor"),
    ("wire/rtp", "import logging.handlers", r"rtp\.py:1: imports logging on a pure floor"),
    ("_events", "import socket", r"_events\.py:1: imports socket on a pure floor"),
    ("_errors", "import time", r"_errors\.py:1: imports time on a pure floor"),
    ("sources/twilio", "from .._ticker import Ticker", r"twilio\.py:1: imports _ticker; a plugin sees only abc"),
    ("sources/twilio", "from .memory import open_memory", r"twilio\.py:1: imports sources\.memory; a plugin sees only abc"),
    ("models/echo", "from ..sources import memory", r"echo\.py:1: imports sources\.memory; a plugin sees only abc"),
    ("models/echo", "from .. import Channel", r"echo\.py:1: imports __init__; a plugin sees only abc"),
    ("testing/_clock", "from .._ticker import Ticker", r"_clock\.py:1: imports _ticker; use public names"),
    ("testing/_clock", "from ..audio._frame import Frame", r"_clock\.py:1: imports _frame; use public names"),
    ("testing/_clock", "from ..abc import _secret", r"_clock\.py:1: imports _secret; use public names"),
    ("_channel", "import asyncio.events", r"_channel\.py:1: imports asyncio; use trio"),
    ("_channel", "import left_pad", r"_channel\.py:1: imports left_pad, which pyproject\.toml does not name"),
    ("_channel", "print('here')", r"_channel\.py:1: prints"),
    ("_ticker", "from trio import open_nursery\nopen_nursery()", r"_ticker\.py:2: opens a nursery"),
    ("audio/_utils", "", r"_utils\.py:1: is called audio\._utils; name it"),
)


@pytest.mark.parametrize(("module", "code", "complaint"), SINS, ids=[f"{module}: {code}".replace("\n", " ") for module, code, _ in SINS])
def test_a_planted_sin_is_found(build: Builder, module: str, code: str, complaint: str) -> None:
    assert any(re.search(complaint, found) for found in all_complaints(build({module: code})))
