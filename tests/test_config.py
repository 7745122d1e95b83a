"""Settings: what each may be, and how a file and the environment say it."""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Mapping
from dataclasses import FrozenInstanceError, fields
from pathlib import Path
from typing import Any

import pytest

import trioaudio
from trioaudio import Config, Limits, LogSettings, OptionError, Timeouts, load_config, open_channel, open_session

sys.path.append(str(Path(__file__).parents[1] / "docs"))

Read = Callable[..., Config]


@pytest.fixture
def read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Read:
    """Read a configuration from a text and an environment."""
    monkeypatch.chdir(tmp_path)

    def read(text: str | bytes | None = None, environ: Mapping[str, str] | None = None) -> Config:
        if text is not None:
            Path("trioaudio.toml").write_bytes(text.encode() if isinstance(text, str) else text)
        return load_config(None if text is None else "trioaudio.toml", environ or {})

    return read


def refused(make: Callable[..., object], *args: Any, **kwargs: Any) -> str:
    with pytest.raises(OptionError) as raised:
        make(*args, **kwargs)
    return str(raised.value)


class TestValues:
    """What is checked wherever a value comes from."""

    @pytest.mark.parametrize("value", [-1, 0, 0.01, float("nan"), float("inf"), "1", None, True, 1j])
    def test_a_length_of_audio_is_a_number_of_seconds_of_at_least_a_frame(self, value: Any) -> None:
        assert refused(Limits, max_turn=value) == f"Limits.max_turn is {value!r}; expected: a number of seconds from 0.02 up"

    @pytest.mark.parametrize("value", [-1, 0, 1.0, "1", None, True])
    def test_a_count_is_a_whole_number_from_one_up(self, value: Any) -> None:
        assert refused(Limits, control_events=value) == f"Limits.control_events is {value!r}; expected: a whole number from 1 up"

    def test_some_times_may_be_nothing_at_all(self) -> None:
        assert Timeouts(close=0).close == 0
        assert refused(Timeouts, close=-0.1) == "Timeouts.close is -0.1; expected: a number of seconds from 0 up"

    def test_a_choice_is_one_of_its_choices(self) -> None:
        wrong: Any = "loud"
        assert refused(LogSettings, level=wrong) == "LogSettings.level is 'loud'; expected: one of debug, info, warning, error"

    def test_a_switch_is_true_or_false(self) -> None:
        wrong: Any = 1
        assert refused(LogSettings, transcripts=wrong) == "LogSettings.transcripts is 1; expected: true or false"

    @pytest.mark.parametrize(("group", "name"), [(Limits(), "inbound"), (Timeouts(), "close"), (LogSettings(), "level"), (Config(), "log")])
    def test_what_is_set_stays_set(self, group: object, name: str) -> None:
        with pytest.raises(FrozenInstanceError):
            setattr(group, name, 1)


class TestDefaults:
    """Numbers that are promised."""

    def test_without_file_and_environment_everything_is_as_it_is_in_code(self, read: Read) -> None:
        assert read() == Config(Limits(), Timeouts(), LogSettings())

    def test_the_times_that_are_promised(self) -> None:
        assert (Timeouts().close, Timeouts().write, Timeouts().start) == (2, 5, 5)

    def test_the_bounds_that_are_promised(self) -> None:
        assert (Limits().max_turn, Limits().control_events) == (120, 256)


class TestFile:
    """``trioaudio.toml``."""

    def test_sets_what_it_names_and_nothing_else(self, read: Read) -> None:
        config = read("[limits]\nmax_turn = 60\n\n[timeouts]\nclose = 1.5\n\n[log]\nformat = 'json'\n")
        assert config.limits == Limits(max_turn=60)
        assert config.timeouts == Timeouts(close=1.5)
        assert config.log == LogSettings("json")

    def test_says_where_each_setting_is_from(self, read: Read) -> None:
        config = read("# ours\n[limits]\n\nmax_turn = 60\n[log]\n'level' = 'info'\n")
        assert config.origins == {"limits.max_turn": "trioaudio.toml:4", "log.level": "trioaudio.toml:6"}

    def test_may_begin_with_a_byte_order_mark(self, read: Read) -> None:
        assert read(b"\xef\xbb\xbf[limits]\nmax_turn = 60").limits.max_turn == 60

    @pytest.mark.parametrize(
        ("text", "complaint"),
        [
            ("[limts]\nmax_turn = 1", "trioaudio.toml:1: there is no section 'limts'; did you mean 'limits'? (there are limits, "),
            ("\nmax_turn = 1", "trioaudio.toml:2: there is no section 'max_turn' (there are limits, "),
            ("limits = 1", "trioaudio.toml:1: 'limits' is a section; write [limits], and its keys below it"),
            ("[limits]\n\nmax_trun = 1", "trioaudio.toml:3: [limits] has no 'max_trun'; did you mean 'max_turn'? (it has preroll, "),
            ("[limits]\nmax_turn = '1'", "trioaudio.toml:2: limits.max_turn is '1'; expected: a number of seconds from 0.02 up"),
            ("[limits]\nmax_turn = nan", "trioaudio.toml:2: limits.max_turn is nan; expected: a number of seconds from 0.02 up"),
            ("[limits]\nmax_turn = [1]", "trioaudio.toml:2: limits.max_turn is [1]; expected: a number of seconds from 0.02 up"),
            ("[limits.max_turn]\nx = 1", "trioaudio.toml: limits.max_turn is {'x': 1}; expected: a number of seconds from 0.02 up"),
            ("limits = {max_turn = 0}", "trioaudio.toml: limits.max_turn is 0; expected: a number of seconds from 0.02 up"),
            ("[limits]\ncontrol_events = 1.5", "trioaudio.toml:2: limits.control_events is 1.5; expected: a whole number from 1 up"),
            ("[limits]\ncontrol_events = true", "trioaudio.toml:2: limits.control_events is True; expected: a whole number from 1 up"),
            ("[log]\nlevel = 'loud'", "trioaudio.toml:2: log.level is 'loud'; expected: one of debug, info, warning, error"),
            ("[limits]\nmax_turn = 1 2", "trioaudio.toml:2: this is no TOML: "),
            ("[limits", "trioaudio.toml:1: this is no TOML: "),
            (b"[limits]\n\xff = 1", "trioaudio.toml:2: this is no UTF-8 text"),
            ("[models.parot]\nspeed = 1", "trioaudio.toml:1: there is no model 'parot'; did you mean 'parrot'? (installed: "),
            ("[models]\nparrot = 1", "trioaudio.toml:2: options of a model stand in a section [models.NAME]"),
            ("[models.parrot]\nspeed = [1]", "trioaudio.toml:2: models.parrot.speed is a list; expected: text, a number, true or false"),
        ],
    )
    def test_what_it_must_not_say(self, read: Read, text: str | bytes, complaint: str) -> None:
        assert refused(read, text).startswith(complaint)

    def test_complaints_of_bad_toml_carry_nothing_of_it(self, read: Read) -> None:
        with pytest.raises(OptionError) as raised:
            read("[models.parrot]\nkey = 'swordfish'\nnonsense")
        assert raised.value.__cause__ is None
        assert raised.value.__suppress_context__

    @pytest.mark.parametrize(("name", "why"), [("nowhere.toml", "no such file or directory"), (".", "is a directory")])
    def test_a_file_that_cannot_be_read(self, tmp_path: Path, name: str, why: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        assert refused(load_config, name, {}) == f"the configuration file {name} cannot be read: {why}"


class TestKinds:
    """Settings that are no numbers."""

    def test_a_path_may_begin_at_home(self, read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HOME", "/home/me")
        assert read("[serve]\ntls_cert = '~/cert.pem'").serve.tls_cert == Path("/home/me/cert.pem")
        assert read(None, {"TRIOAUDIO_SERVE_TLS_CERT": "~/cert.pem"}).serve.tls_cert == Path("/home/me/cert.pem")

    def test_a_list_is_a_list_or_a_text_with_commas(self, read: Read) -> None:
        there = ("10.0.0.0/8", "::1")
        assert read("[serve]\ntrusted_proxy = ['10.0.0.0/8', '::1']").serve.trusted_proxy == there
        assert read(None, {"TRIOAUDIO_SERVE_TRUSTED_PROXY": "10.0.0.0/8, ::1"}).serve.trusted_proxy == there

    def test_what_may_be_nothing_is_none(self, read: Read) -> None:
        assert read("[serve]\nadmin_port = 'none'\n[limits]\ncalls = 'none'").limits.calls is None
        assert read(None, {"TRIOAUDIO_LIMITS_CALLS": "none"}).limits.calls is None

    @pytest.mark.parametrize(
        ("text", "complaint"),
        [
            ("port = 70000", "trioaudio.toml:2: serve.port is 70000; expected: a whole number from 0 to 65535"),
            ("tls_cert = 1", "trioaudio.toml:2: serve.tls_cert is 1; expected: a path, or none"),
            ("trusted_proxy = 'x'", "trioaudio.toml:2: serve.trusted_proxy is 'x'; expected: a list of texts"),
            ("no_auth = 'yes'", "trioaudio.toml:2: serve.no_auth is 'yes'; expected: true or false"),
        ],
    )
    def test_what_they_must_not_be(self, read: Read, text: str, complaint: str) -> None:
        assert refused(read, f"[serve]\n{text}") == complaint


class TestEnvironment:
    """``TRIOAUDIO_SECTION_NAME``."""

    def test_beats_the_file(self, read: Read) -> None:
        config = read("[limits]\nmax_turn = 60\ninbound = 3", {"TRIOAUDIO_LIMITS_MAX_TURN": "30"})
        assert config.limits == Limits(max_turn=30, inbound=3)
        assert config.origins == {"limits.max_turn": "TRIOAUDIO_LIMITS_MAX_TURN", "limits.inbound": "trioaudio.toml:3"}

    def test_an_empty_variable_counts_as_not_set(self, read: Read) -> None:
        assert read(None, {"TRIOAUDIO_LIMITS_MAX_TURN": "", "TRIOAUDIO_CONFIG": ""}) == Config()

    @pytest.mark.parametrize(("text", "meaning"), [("true", True), ("ON", True), ("1", True), ("no", False), ("0", False)])
    def test_a_switch_may_be_spelled_in_several_ways(self, read: Read, text: str, meaning: bool) -> None:
        assert read(None, {"TRIOAUDIO_LOG_TRANSCRIPTS": text}).log.transcripts is meaning

    def test_names_the_file_where_nobody_else_does(self, read: Read) -> None:
        Path("there.toml").write_text("[limits]\nmax_turn = 7", encoding="utf-8")
        assert read(None, {"TRIOAUDIO_CONFIG": "there.toml"}).limits.max_turn == 7
        assert read("", {"TRIOAUDIO_CONFIG": "there.toml"}).limits.max_turn == 120

    @pytest.mark.parametrize(
        ("name", "value", "complaint"),
        [
            ("TRIOAUDIO_LIMITS_MAX_TURN", "long", "TRIOAUDIO_LIMITS_MAX_TURN is 'long'; expected: a number of seconds from 0.02 up"),
            ("TRIOAUDIO_LIMITS_CONTROL_EVENTS", "1.5", "TRIOAUDIO_LIMITS_CONTROL_EVENTS is '1.5'; expected: a whole number from 1 up"),
            ("TRIOAUDIO_LOG_TRANSCRIPTS", "maybe", "TRIOAUDIO_LOG_TRANSCRIPTS is 'maybe'; expected: true or false"),
            (
                "TRIOAUDIO_LIMIT_MAX_TURN",
                "60",
                "the environment variable TRIOAUDIO_LIMIT_MAX_TURN is not understood; did you mean 'TRIOAUDIO_LIMITS_MAX_TURN'? (",
            ),
            ("TRIOAUDIO_LIMITS_MAX_TRUN", "", "the environment variable TRIOAUDIO_LIMITS_MAX_TRUN is not understood; did you mean"),
        ],
    )
    def test_what_it_must_not_say(self, read: Read, name: str, value: str, complaint: str) -> None:
        assert refused(read, None, {name: value}).startswith(complaint)

    @pytest.mark.parametrize(
        "name",
        ["TRIOAUDIO_X_TEAM", "TRIOAUDIO_SERVICE_HOST", "TRIOAUDIO_SERVICE_PORT_HTTP", "TRIOAUDIO_PORT", "TRIOAUDIO_PORT_8080_TCP_ADDR"],
    )
    def test_what_is_not_ours_is_left_alone(self, read: Read, name: str) -> None:
        assert read(None, {name: "tcp://10.0.0.1:8080"}) == Config()


class TestPlugins:
    """Options of plugins in the file."""

    @pytest.mark.parametrize("kind", ["sources", "models"])
    def test_every_kind_of_plugin_has_its_sections(self, read: Read, kind: str) -> None:
        assert "there is no" in refused(read, f"[{kind}.nobody]")

    def test_fill_in_what_a_spec_does_not_say(self, read: Read) -> None:
        config = read("[models.parrot]\nspeed = -1")
        assert refused(config.model, "parrot?speed=fast") == "parrot: option 'speed' is 'fast'; expected: number or none"
        assert config.model("parrot?speed=2")

    def test_are_checked_when_the_plugin_is_asked_for(self, read: Read) -> None:
        config = read("[models.parrot]\n\nspeed = 'fast'\n[sources.wavfile]\nrat = 8000")
        assert refused(config.model, "parrot") == "parrot: option 'speed' in trioaudio.toml:3 is 'fast'; expected: number or none"
        complaint = "trioaudio.toml:5: wavfile has no option 'rat'; did you mean 'rate'? (its options are "
        assert refused(config.source, "wavfile:x.wav").startswith(complaint)

    def test_do_not_show_in_a_repr(self, read: Read) -> None:
        assert "swordfish" not in repr(read("[models.parrot]\nengine = 'swordfish'"))
        assert "swordfish" not in repr(read("[models.parrot]\nengine = 'swordfish'").plugins)

    async def test_open_a_call(self, read: Read, caller: Path, autojump_clock: object) -> None:
        config = read("[sources.wavfile]\nhangup_after = 0\n[models.parrot]\nengine = 'off'")
        async with (
            config.source(f"wavfile:{caller}")() as source,
            open_channel(source, limits=config.limits) as channel,
            open_session(channel, config.model("parrot"), timeouts=config.timeouts) as session,
        ):
            assert (await session.wait_closed()).kind == "channel"


@pytest.fixture
def caller(tmp_path: Path) -> Path:
    """A second of silence as a file."""
    np, soundfile = pytest.importorskip("numpy"), pytest.importorskip("soundfile")
    soundfile.write(tmp_path / "caller.wav", np.zeros(8_000, np.int16), 8_000)
    return tmp_path / "caller.wav"


@pytest.mark.parametrize("section", ["limits", "timeouts", "log", "serve"])
def test_the_reference_says_of_every_setting_what_it_is(section: str) -> None:
    pytest.importorskip("sphinx", reason="the table is made for Sphinx")
    from settings_table import SECTIONS, settings, table, written_below

    meanings = written_below(SECTIONS[section])
    assert not [each.name for each in settings(SECTIONS[section]) if not meanings[each.name]], "write what it is below each"
    page = Path(__file__).parents[1] / "docs" / "reference" / "limits.md"
    assert f"```{{settings}} {section}" in page.read_text(encoding="utf-8")
    assert len(table(section)) == 2 + len(settings(SECTIONS[section]))


@pytest.mark.parametrize("group", [Limits, Timeouts, LogSettings])
def test_every_setting_is_heeded_somewhere(group: Any) -> None:
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in Path(trioaudio.__file__).parent.rglob("*.py")]
    read = {node.attr for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    assert {each.name for each in fields(group)} <= read
