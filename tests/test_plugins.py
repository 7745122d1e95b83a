"""The door for plugins, tested with packages that are really installed: metadata on the path, read by importlib.metadata."""

from __future__ import annotations

import importlib
import sys
import tomllib
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from textwrap import dedent

import pytest
import trio
import trio.testing

from trioaudio._cli.plugins import show_plugins
from trioaudio._errors import MissingExtraError, OptionError, PluginError
from trioaudio._extras import extra_installed
from trioaudio._plugins import PluginInfo, choose_model, choose_source, list_plugins, load_model, load_source, open_model, open_source
from trioaudio.abc import CONTRACT_VERSION, Source
from trioaudio.audio import Frame

BEEPER = Path(__file__).parent.parent / "docs" / "examples" / "beeper"

Install = Callable[..., None]

TONE = '''
from contextlib import asynccontextmanager
from typing import Annotated
import trio
from trioaudio.abc import Model, Source, model_plugin, source_plugin
from trioaudio._options import Option
from trioaudio.audio import PCM16_8K, Frame

class Tone(Source):
    input_format = output_format = PCM16_8K
    def __init__(self, pitch, key):
        self.pitch, self.key = pitch, key
    async def receive(self):
        await trio.sleep(0.02)
        return Frame.silence(160, PCM16_8K)
    async def send(self, frame):
        await trio.sleep(0)

class Mute(Model):
    async def start(self, agent, input_format, output_format): ...
    async def receive(self): raise trio.EndOfChannel
    async def append(self, frame): ...

@source_plugin("tone", extra="loud", virtual=True)
@asynccontextmanager
async def open_tone(pitch: int = 440, *, key: Annotated[str, Option(env="TONE_KEY", secret=True)] = "opensesame", name: str | None = None):
    """Hum one tone for ever.

    Args:
        pitch: of the tone, in hertz.
        key: to get in.
    """
    yield Tone(pitch, key)

@model_plugin("mute")
@asynccontextmanager
async def open_mute(words: int):
    """Say nothing at all."""
    yield Mute()
'''
SOURCE_TONE = "[trioaudio.sources]\ntone = {module}:open_tone\n"
BOTH = SOURCE_TONE + "[trioaudio.models]\nmute = {module}:open_mute\n"


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Install a package of one module: ``install("acme-tone", code, entry_points, metadata)``."""

    def install(package: str, code: str = "", entry_points: str = "", metadata: str = "", version: str = "1.2") -> None:
        module = package.replace("-", "_")
        site = tmp_path / package
        info = site / f"{module}-{version}.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.4\nName: {package}\nVersion: {version}\n{metadata}", encoding="utf-8")
        (info / "entry_points.txt").write_text(entry_points.replace("{module}", module), encoding="utf-8")
        (site / f"{module}.py").write_text(dedent(code), encoding="utf-8")
        monkeypatch.syspath_prepend(site)
        importlib.invalidate_caches()
        modules.append(module)

    modules: list[str] = []
    yield install
    for module in modules:
        sys.modules.pop(module, None)


def refusal(load: Callable[[str], object], name: str) -> str:
    with pytest.raises(PluginError) as caught:
        load(name)
    return str(caught.value)


def shown(name: str | None) -> str:
    lines: list[str] = []
    assert show_plugins(name, lines.append) == 0
    return "\n".join(lines)


# finding and loading


def test_installed_plugins_are_listed_without_being_imported(install: Install) -> None:
    install("acme-broken", "raise RuntimeError('imported')", BOTH)
    plugins = [info for info in list_plugins() if info.package == "acme-broken"]
    assert plugins == [
        PluginInfo("tone", "source", "acme-broken", "1.2", "acme_broken:open_tone"),
        PluginInfo("mute", "model", "acme-broken", "1.2", "acme_broken:open_mute"),
    ]


def test_built_in_plugins_are_listed_like_any_other() -> None:
    assert {("wavfile", "source"), ("memory", "source"), ("parrot", "model")} <= {(info.name, info.kind) for info in list_plugins()}


def test_source_and_model_are_loaded_by_name(install: Install) -> None:
    install("acme-tone", TONE, BOTH)
    source, model = load_source("tone"), load_model("mute")
    assert (source.name, source.extra, source.virtual) == ("tone", "loud", True)
    assert (model.name, model.extra, model.virtual) == ("mute", None, False)


def test_unknown_name_gets_a_suggestion_and_the_list(install: Install) -> None:
    install("acme-tone", TONE, SOURCE_TONE)
    message = refusal(load_source, "tune")
    assert "no source 'tune'; did you mean 'tone'?" in message
    assert "wavfile" in message


def test_file_name_in_place_of_a_spec_is_understood() -> None:
    assert "NAME:call.wav" in refusal(load_source, "call.wav")


def test_name_of_the_other_kind_is_recognised(install: Install) -> None:
    install("acme-tone", TONE, BOTH)
    assert refusal(load_source, "mute") == "'mute' is no source but a model"


@pytest.mark.parametrize(
    ("code", "cause"),
    [
        ("import acme_missing_dependency", "ModuleNotFoundError: No module named 'acme_missing_dependency'"),
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("def", "SyntaxError"),
        ("", "AttributeError"),
    ],
)
def test_failing_import_names_package_entry_point_and_cause(install: Install, code: str, cause: str) -> None:
    install("acme-tone", code, SOURCE_TONE)
    message = refusal(load_source, "tone")
    assert "'tone' of acme-tone 1.2 (entry point 'acme_tone:open_tone')" in message
    assert cause in message


def test_failing_import_keeps_its_cause(install: Install) -> None:
    install("acme-tone", "1 / 0", SOURCE_TONE)
    with pytest.raises(PluginError) as caught:
        load_source("tone")
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_missing_extra_is_reported_by_the_plugin_itself(install: Install) -> None:
    install("acme-tone", "from trioaudio._errors import MissingExtraError\nraise MissingExtraError('tone', 'files')", SOURCE_TONE)
    with pytest.raises(MissingExtraError, match="tone needs the extra 'files'"):
        load_source("tone")


def test_missing_extra_may_be_one_of_the_plugins_own_package(install: Install) -> None:
    install(
        "acme-tone", "from trioaudio import MissingExtraError\nraise MissingExtraError('tone', 'loud', package='acme-tone')", SOURCE_TONE
    )
    with pytest.raises(MissingExtraError, match=r"tone needs the extra 'loud': python -m pip install 'acme-tone\[loud\]'"):
        load_source("tone")


def test_object_that_is_no_plugin_is_refused(install: Install) -> None:
    install("acme-tone", "async def open_tone(): ...", SOURCE_TONE)
    message = refusal(load_source, "tone")
    assert "of acme-tone 1.2" in message
    assert "is a function" in message
    assert "@source_plugin('tone')" in message


def test_model_announced_as_a_source_is_refused(install: Install) -> None:
    install("acme-tone", TONE, "[trioaudio.sources]\nmute = {module}:open_mute\n")
    assert "is a ModelPlugin" in refusal(load_source, "mute")


def test_plugin_under_another_name_than_its_own_is_refused(install: Install) -> None:
    install("acme-tone", TONE, "[trioaudio.sources]\nhum = {module}:open_tone\n")
    message = refusal(load_source, "hum")
    assert "'hum' of acme-tone" in message
    assert "calls itself 'tone'" in message


@pytest.mark.parametrize(("contract", "upgrade"), [(CONTRACT_VERSION - 1, "acme-tone (now 1.2)"), (CONTRACT_VERSION + 1, "trioaudio")])
def test_other_contract_version_is_refused_naming_whom_to_upgrade(install: Install, contract: int, upgrade: str) -> None:
    install("acme-tone", f"{TONE}\nfrom dataclasses import replace\nopen_tone = replace(open_tone, contract={contract})", SOURCE_TONE)
    message = refusal(load_source, "tone")
    assert f"version {contract} of the plugin contract, this trioaudio has version {CONTRACT_VERSION}" in message
    assert message.endswith(f"upgrade {upgrade}")


def test_two_packages_with_one_name_are_refused_naming_both(install: Install) -> None:
    install("acme-tone", TONE, SOURCE_TONE)
    install("other-tone", TONE, SOURCE_TONE, version="3.4")
    message = refusal(load_source, "tone")
    assert "acme-tone 1.2" in message
    assert "other-tone 3.4" in message


def test_options_that_cannot_be_read_are_refused_naming_the_package(install: Install) -> None:
    install("acme-tone", f"{TONE}\nopen_tone.open.__wrapped__.__annotations__['pitch'] = 'Decimal'", SOURCE_TONE)
    message = refusal(load_source, "tone")
    assert "of acme-tone 1.2" in message
    assert "'Decimal'" in message


# opening


async def test_spec_opens_a_source_with_its_options(install: Install) -> None:
    install("acme-tone", TONE, SOURCE_TONE)
    async with open_source("tone:330?key=mine") as source:
        assert isinstance(source, Source)
        assert vars(source) == {"pitch": 330, "key": "mine"}


async def test_spec_opens_a_model(install: Install) -> None:
    install("acme-tone", TONE, BOTH)
    async with open_model("mute:3") as model:
        with pytest.raises(trio.EndOfChannel):
            await model.receive()


async def test_environment_reaches_the_plugin(install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    install("acme-tone", TONE, SOURCE_TONE)
    monkeypatch.setenv("TONE_KEY", "from outside")
    async with open_source("tone") as source:
        assert vars(source)["key"] == "from outside"


def test_wrong_option_is_refused_before_anything_opens(install: Install) -> None:
    install("acme-tone", TONE, BOTH)
    with pytest.raises(OptionError, match="option 'pitch' is 'high'; expected: whole number"):
        open_source("tone:high")
    with pytest.raises(OptionError, match="mute needs its option 'words'"):
        open_model("mute")


async def test_chosen_source_can_be_opened_again_and_again(install: Install) -> None:
    install("acme-tone", TONE, SOURCE_TONE)
    choice = choose_source("tone")
    async with choice() as first, choice() as second:
        assert first is not second


def test_choice_tells_whether_the_virtual_clock_will_do(install: Install) -> None:
    install("acme-tone", TONE, BOTH)
    assert choose_source("tone").virtual
    assert not choose_model("mute:3").virtual


def test_choice_shows_its_spec_without_secrets(install: Install) -> None:
    install("acme-tone", TONE, SOURCE_TONE)
    choice = choose_source("tone:330?key=sesame")
    assert choice.text == "tone:330?key=***"
    assert "sesame" not in repr(choice)


def test_forgotten_asynccontextmanager_is_explained(install: Install) -> None:
    install("acme-tone", TONE.replace("@asynccontextmanager\n", ""), SOURCE_TONE)
    with pytest.raises(PluginError, match=r"async_generator.*@asynccontextmanager"):
        open_source("tone")


# extras


def extras(*requirements: str, offered: str = "loud") -> str:
    return f"Provides-Extra: {offered}\n" + "".join(f"Requires-Dist: {requirement}\n" for requirement in requirements)


@pytest.mark.parametrize(
    ("requirement", "installed"),
    [
        ('trio>=0.31; extra == "loud"', True),
        ("trio ; extra == 'loud'", True),
        ('acme-nowhere; extra == "loud"', False),
        ('acme-nowhere; extra == "other"', True),
        ("acme-nowhere", True),
        ('acme-nowhere; sys_platform == "amiga" and extra == "loud"', True),
        ('trio[nosuchextra]>=0.31; extra == "loud"', True),
        ('acme-tone[other]; extra == "loud"', False),
        ('Acme.Tone[loud]; extra == "loud"', True),
    ],
)
def test_extra_is_installed_when_all_it_asks_for_is(install: Install, requirement: str, installed: bool) -> None:
    install("acme-tone", metadata=extras(requirement) + extras("acme-nowhere; extra == 'other'", offered="other"))
    assert extra_installed("acme-tone", "loud") is installed


def test_names_of_extras_are_compared_without_regard_to_dashes(install: Install) -> None:
    install("acme-tone", metadata=extras("acme-nowhere; extra == 'very_loud'", offered="Very-Loud"))
    assert not extra_installed("acme_tone", "very.loud")


def test_extra_that_the_package_does_not_offer_is_not_installed(install: Install) -> None:
    install("acme-tone", metadata=extras("trio; extra == 'loud'"))
    assert not extra_installed("acme-tone", "quiet")
    assert not extra_installed("acme-nowhere", "loud")


# the table


def test_table_lists_each_plugin_with_its_origin_extra_and_summary(install: Install) -> None:
    install("acme-tone", TONE, BOTH, extras("acme-nowhere; extra == 'loud'"))
    rows = {line.split()[0]: line for line in shown(None).splitlines() if line.startswith("  ")}
    for cell in ("acme-tone 1.2", "loud: not installed", "Hum one tone for ever."):
        assert cell in rows["tone"]
    for cell in ("acme-tone 1.2", " - ", "Say nothing at all."):
        assert cell in rows["mute"]


def test_table_shows_a_plugin_that_fails_and_goes_on(install: Install) -> None:
    install("acme-broken", "1 / 0", "[trioaudio.sources]\nbroken = {module}:plugin\n")
    install("acme-tone", TONE, SOURCE_TONE)
    table = shown(None)
    assert "ZeroDivisionError" in table
    assert "Hum one tone for ever." in table


def test_details_have_options_origin_and_an_example(install: Install) -> None:
    install("acme-tone", TONE, SOURCE_TONE, extras("acme-nowhere; extra == 'loud'"))
    text = shown("tone")
    for part in (
        "acme_tone:open_tone",
        "pip install 'acme-tone[loud]'",
        "--fast works",
        "--source 'tone:440'",
        "pitch  whole number (default 440), after the colon",
        "of the tone, in hertz",
        "key    text (default ***), secret, or in the environment variable TONE_KEY",
        "to get in",
    ):
        assert part in text
    assert "opensesame" not in text


def test_example_has_what_is_required(install: Install) -> None:
    install("acme-tone", TONE, BOTH)
    assert "--model 'mute:WORDS'" in shown("mute")


def test_details_of_an_unknown_plugin_are_refused_with_a_suggestion() -> None:
    assert "no plugin 'wavfil'; did you mean 'wavfile'?" in refusal(shown, "wavfil")


def test_details_of_a_failing_plugin_are_the_failure(install: Install) -> None:
    install("acme-broken", "1 / 0", "[trioaudio.sources]\nbroken = {module}:plugin\n")
    assert "ZeroDivisionError" in refusal(shown, "broken")


# the example package


@pytest.fixture
def beeper(install: Install) -> None:
    project = tomllib.loads((BEEPER / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    points = project["entry-points"]["trioaudio.sources"]
    lines = "".join(f"{name} = {value}\n" for name, value in points.items())
    code = (BEEPER / "trioaudio_beeper.py").read_text(encoding="utf-8")
    install(project["name"], code, "[trioaudio.sources]\n" + lines, version=project["version"])


async def received(source: Source) -> Frame:
    frame = await source.receive()
    assert isinstance(frame, Frame)
    return frame


def test_example_is_at_most_sixty_lines() -> None:
    assert sum(len(path.read_text(encoding="utf-8").splitlines()) for path in BEEPER.rglob("*.py")) <= 60


async def test_example_beeps_once_a_second_and_hangs_up(beeper: None, autojump_clock: trio.testing.MockClock) -> None:
    frames: list[Frame] = []
    async with open_source("beeper:440?seconds=3") as source:
        with suppress(trio.EndOfChannel):
            while True:
                frames.append(await received(source))
    assert trio.current_time() == pytest.approx(3)
    assert [frame.media_time for frame in frames] == list(range(0, 24_000, 160))
    loud = [index for index, frame in enumerate(frames) if frame.pcm.any()]
    assert loud == [second * 50 + tick for second in range(3) for tick in range(10)]


async def test_example_has_the_pitch_it_was_asked_for(beeper: None, autojump_clock: trio.testing.MockClock) -> None:
    async with open_source("beeper:1000") as source:
        frame = await received(source)
    period = frame.pcm[:8, 0].tolist()
    assert frame.pcm[:, 0].tolist() == period * 20
    assert len(set(period[:5])) > 2


async def test_example_loses_nothing_when_receive_is_cancelled(beeper: None, autojump_clock: trio.testing.MockClock) -> None:
    async with open_source("beeper") as source:
        with trio.move_on_after(0.01):
            await source.receive()
        frame = await received(source)
    assert frame.media_time == 0


async def test_example_counts_what_it_is_played(beeper: None, autojump_clock: trio.testing.MockClock) -> None:
    async with open_source("beeper") as source:
        await source.send(Frame.silence(160, source.output_format))
        with trio.CancelScope() as scope:
            scope.cancel()
            await source.send(Frame.silence(160, source.output_format))
    assert vars(source)["heard"] == 160


async def test_example_refuses_a_pitch_nobody_hears(beeper: None) -> None:
    with pytest.raises(OptionError, match="'pitch' is 5;"):
        async with open_source("beeper:5"):
            pass
