"""Calls with plugins of other packages: refused where they cannot do it, and finished properly where they fail on the way."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

Command = Callable[..., Any]
ReadWav = Callable[[Path], tuple[int, Any]]

PLUGINS = '''
    from contextlib import asynccontextmanager
    from typing import Literal
    import trio
    from trioaudio.abc import Model, Paced, Source, model_plugin, source_plugin
    from trioaudio.audio import PCM16_8K, PCM16_48K, PTIME, AudioFormat, Frame

    class Hum(Source):
        input_format = output_format = PCM16_8K
        far_end = Paced(lead=PTIME, can_clear=True)
        def __init__(self, seconds, error):
            self.left, self.error = round(seconds * 50), error
        async def receive(self):
            await trio.sleep(0.02)
            if not self.left:
                raise self.error
            self.left -= 1
            return Frame(b"hm" * 160, PCM16_8K)
        def send_nowait(self, frame):
            pass
        async def send(self, frame):
            await trio.sleep(0)
        async def clear(self):
            await trio.sleep(0)

    ERRORS = {
        "hangup": trio.EndOfChannel(), "world": trio.BrokenResourceError("the line was cut"), "bug": ZeroDivisionError("a mistake")
    }

    @source_plugin("hum", virtual=True)
    @asynccontextmanager
    async def open_hum(end: Literal["hangup", "world", "bug"]):
        """A source that ends after half a second, in one way or another."""
        yield Hum(0.5, ERRORS[end])

    @source_plugin("real")
    @asynccontextmanager
    async def open_real():
        """A source that needs the real clock."""
        yield Hum(0.5, trio.EndOfChannel())

    @source_plugin("dead", virtual=True)
    @asynccontextmanager
    async def open_dead():
        """A source whose network is down."""
        raise OSError(101, "Network is unreachable")
        yield

    class Silent(Model):
        name = "silent"
        input_formats = output_formats = (PCM16_48K,)
        leaves = trio.BrokenResourceError("the provider hung up on us")
        async def start(self, agent, input_format, output_format):
            await trio.sleep(0)
        async def receive(self):
            await trio.sleep(0.3)
            raise self.leaves
        async def append(self, frame):
            await trio.sleep(0)

    @model_plugin("fickle", virtual=True)
    @asynccontextmanager
    async def open_fickle():
        """A model whose connection breaks in the middle of a call."""
        yield Silent()

    class Polite(Silent):
        leaves = trio.EndOfChannel()

    @model_plugin("polite", virtual=True)
    @asynccontextmanager
    async def open_polite():
        """A model that ends the conversation."""
        yield Polite()

    class Picky(Silent):
        input_formats = output_formats = (AudioFormat("pcm16", 47_999),)

    class Refusing(Silent):
        async def start(self, agent, input_format, output_format):
            await trio.sleep(4.8)
            raise trio.BrokenResourceError("no such key")

    @model_plugin("refusing", virtual=True)
    @asynccontextmanager
    async def open_refusing():
        """A model whose provider takes its time to refuse."""
        yield Refusing()

    @model_plugin("picky", virtual=True)
    @asynccontextmanager
    async def open_picky():
        """A model whose format nothing converts to."""
        yield Picky()
'''
ENTRY_POINTS = """
[trioaudio.sources]
hum = acme_calls:open_hum
real = acme_calls:open_real
dead = acme_calls:open_dead
[trioaudio.models]
fickle = acme_calls:open_fickle
polite = acme_calls:open_polite
picky = acme_calls:open_picky
refusing = acme_calls:open_refusing
"""


@pytest.fixture(autouse=True)
def _acme(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """An installed package that brings these plugins."""
    site = tmp_path_factory.mktemp("site")
    info = site / "acme_calls-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.4\nName: acme-calls\nVersion: 1.0\n", encoding="utf-8")
    (info / "entry_points.txt").write_text(ENTRY_POINTS, encoding="utf-8")
    (site / "acme_calls.py").write_text(dedent(PLUGINS), encoding="utf-8")
    monkeypatch.syspath_prepend(site)
    monkeypatch.delitem(sys.modules, "acme_calls", raising=False)


def call(source: str, model: str) -> tuple[str, ...]:
    """The command of one call on the virtual clock."""
    return ("run", "--source", source, "--model", model, "--record", "call.wav", "--fast")


def test_fast_is_refused_with_a_plugin_that_needs_the_real_clock(trioaudio: Command, folder: Path) -> None:
    complaint = "--fast runs on a virtual clock, and 'real' needs the real one; leave --fast out"
    assert trioaudio(*call("real", "parrot")).complaint == complaint
    assert not Path("call.wav").exists()


def test_an_impossible_pair_of_formats_is_refused_naming_both(trioaudio: Command, folder: Path) -> None:
    outcome = trioaudio(*call("hum:hangup", "picky"))
    assert outcome.code == 2
    assert outcome.err.count("\n") == 1
    assert {"pcm16/8000", "pcm16/47999"} <= set(re.findall(r"pcm16/\d+", outcome.err))


def test_a_network_that_is_down_is_one_line_and_a_broken_call(trioaudio: Command, folder: Path) -> None:
    outcome = trioaudio(*call("dead", "parrot"))
    assert (outcome.code, outcome.out, outcome.err) == (1, "", "trioaudio: [Errno 101] Network is unreachable\n")


@pytest.mark.parametrize(("source", "model", "code"), [("dead", "parrot", 1), ("hum:hangup", "picky", 2), ("hum:hangup", "refusing", 1)])
def test_a_call_that_never_begins_leaves_an_older_recording_alone(
    trioaudio: Command, folder: Path, source: str, model: str, code: int
) -> None:
    Path("call.wav").write_bytes(b"an older call")
    assert trioaudio(*call(source, model)).code == code
    assert Path("call.wav").read_bytes() == b"an older call"
    assert [path.name for path in folder.iterdir()] == ["call.wav"]


def test_a_call_that_begins_replaces_an_older_recording_also_behind_a_link(trioaudio: Command, folder: Path, read_wav: ReadWav) -> None:
    Path("older.wav").write_bytes(b"an older call")
    Path("call.wav").symlink_to("older.wav")
    outcome = trioaudio(*call("hum:hangup", "parrot"))
    assert (outcome.code, outcome.err) == (0, "")
    assert re.search("call.wav: caller left", outcome.out)
    assert Path("call.wav").is_symlink()
    assert len(read_wav(Path("older.wav"))[1]) > 3_000
    assert Path("older.wav").stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in folder.iterdir()) == ["call.wav", "older.wav"]


@pytest.mark.parametrize(
    ("source", "model", "code", "told", "seconds"),
    [
        ("hum:hangup", "parrot", 0, "caller  hangs up", 0.5),
        ("hum:world", "parrot", 1, "caller  is gone: the line was cut", 0.5),
        ("hum:hangup", "fickle", 0, "model   is lost", 0.5),
        ("hum:hangup", "fickle", 0, "model   is back, after", 0.5),
        ("hum:hangup", "polite", 0, "model   has left", 0.3),
    ],
)
def test_whoever_leaves_ends_the_call_and_the_recording_is_whole(
    trioaudio: Command, folder: Path, read_wav: ReadWav, source: str, model: str, code: int, told: str, seconds: float
) -> None:
    outcome = trioaudio(*call(source, model))
    assert (outcome.code, outcome.err) == (code, "")
    assert told in outcome.out
    rate, pcm = read_wav(Path("call.wav"))
    assert len(pcm) / rate == pytest.approx(seconds, abs=0.03)


def test_a_bug_in_a_plugin_is_loud_and_the_recording_is_whole(trioaudio: Command, folder: Path, read_wav: ReadWav) -> None:
    with pytest.RaisesGroup(ZeroDivisionError, flatten_subgroups=True):
        trioaudio(*call("hum:bug", "parrot"))
    rate, pcm = read_wav(Path("call.wav"))
    assert len(pcm) / rate == pytest.approx(0.5, abs=0.03)
