"""What cannot be is refused in one line on standard error, with exit code 2, before anything is written."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Command = Callable[..., Any]


@pytest.fixture
def caller(folder: Path) -> Path:
    """A second of silence as a file."""
    import numpy as np
    import soundfile  # type: ignore[import-untyped]  # it comes without types

    soundfile.write(folder / "caller.wav", np.zeros(8_000, np.int16), 8_000)
    return Path("caller.wav")


def call(*words: object, source: object = "wavfile:caller.wav", model: object = "parrot") -> tuple[object, ...]:
    """The command of one call on the virtual clock."""
    return ("run", "--source", source, "--model", model, "--fast", *words)


class TestFiles:
    """Files that cannot be read or written."""

    @pytest.mark.parametrize(
        ("name", "content", "complaint"),
        [
            ("nothing.wav", None, "nothing.wav does not exist; check the name of the file"),
            ("empty.wav", b"", "empty.wav is empty: 0 bytes; give a file with sound in it"),
            ("letter.mp3", b"Dear caller, ...\n" * 99, "letter.mp3 cannot be read as audio: Format not recognised; give a whole WAV, FLAC"),
            ("noise.raw", b"\1\2\3\4" * 99, "noise.raw cannot be read as audio: Format not recognised; give a whole WAV, FLAC"),
            (
                "cut.wav",
                slice(0, 1_000),
                "cut.wav is cut short: its header promises 16000 bytes of audio and 956 are there; give the whole",
            ),
        ],
        ids=["missing", "empty", "no audio", "unknown", "truncated"],
    )
    def test_a_bad_file(
        self, trioaudio: Command, folder: Path, caller: Path, name: str, content: bytes | slice | None, complaint: str
    ) -> None:
        if isinstance(content, slice):
            content = caller.read_bytes()[content]
        if content is not None:
            Path(name).write_bytes(content)
        outcome = trioaudio(*call("--record", "call.wav", source=f"wavfile:{name}"))
        assert outcome.complaint.startswith(complaint)
        assert not Path("call.wav").exists()

    def test_a_damaged_file_about_which_its_decoder_talks_a_lot(self, trioaudio: Command, folder: Path) -> None:
        import numpy as np
        import soundfile

        soundfile.write("whole.mp3", np.random.default_rng(1).normal(0, 0.1, 80_000), 16_000)
        whole = Path("whole.mp3").read_bytes()
        Path("half.mp3").write_bytes(whole[: len(whole) // 2])
        assert trioaudio(*call(source="wavfile:half.mp3")).complaint.startswith("half.mp3 is cut short: its header promises 80000 samples")

    def test_a_folder_as_the_caller(self, trioaudio: Command, folder: Path) -> None:
        Path("caller").mkdir()
        assert trioaudio(*call(source="wavfile:caller")).complaint == "caller is a folder; give the name of an audio file"

    @pytest.mark.parametrize("option", ["--record", "--timeline"])
    @pytest.mark.parametrize(
        ("name", "complaint"),
        [
            ("nowhere/call", "cannot write nowhere/call: the folder nowhere does not exist; create it or choose another"),
            ("folder", "cannot write folder: it is a folder; add a file name, such as folder/call.wav"),
            ("caller.wav/call", "cannot write caller.wav/call: caller.wav is not a folder; choose another place"),
            ("caller.wav", "caller.wav is the file of the source; write to another one"),
            ("./folder/../caller.wav", "folder/../caller.wav is the file of the source; write to another one"),
            ("linked.wav", "linked.wav is the file of the source; write to another one"),
        ],
    )
    def test_a_place_that_cannot_be_written_to(
        self, trioaudio: Command, folder: Path, caller: Path, option: str, name: str, complaint: str
    ) -> None:
        Path("folder").mkdir()
        Path("linked.wav").hardlink_to(caller)
        before = caller.read_bytes()
        assert trioaudio(*call(option, name)).complaint.removeprefix(f"{option} ") == complaint
        assert caller.read_bytes() == before

    @pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="the superuser may write everywhere")
    @pytest.mark.parametrize("option", ["--record", "--timeline"])
    def test_a_folder_that_is_read_only(self, trioaudio: Command, caller: Path, option: str) -> None:
        Path("locked").mkdir(mode=0o500)
        complaint = "cannot write locked/call: permission denied; choose another place"
        assert trioaudio(*call(option, "locked/call")).complaint == complaint

    @pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
    @pytest.mark.parametrize("option", ["--record", "--timeline"])
    def test_a_device_in_place_of_a_file(self, trioaudio: Command, caller: Path, option: str) -> None:
        complaint = f"{option} /dev/full is no ordinary file, and cannot be replaced; write to another one"
        assert trioaudio(*call(option, "/dev/full")).complaint == complaint

    def test_one_file_for_two_things(self, trioaudio: Command, caller: Path) -> None:
        complaint = "--record a.wav is the file of --timeline; write to another one"
        assert trioaudio(*call("--record", "a.wav", "--timeline", "a.wav")).complaint == complaint

    def test_a_recording_where_the_source_writes(self, trioaudio: Command, caller: Path) -> None:
        spec = "wavfile:caller.wav?out=heard.wav"
        complaint = "--record heard.wav is the file of the source; write to another one"
        assert trioaudio(*call("--record", "heard.wav", source=spec)).complaint == complaint

    def test_a_source_that_would_write_over_its_own_file(self, trioaudio: Command, caller: Path) -> None:
        before = caller.read_bytes()
        assert "out=caller.wav is the file that plays the caller" in trioaudio(*call(source="wavfile:caller.wav?out=caller.wav")).complaint
        assert caller.read_bytes() == before

    def test_a_name_with_control_characters_stays_on_one_line(self, trioaudio: Command, folder: Path) -> None:
        complaint = trioaudio(*call(source="wavfile:no\nsuch\x1b[2Jfile")).complaint
        assert complaint.startswith("no such\N{REPLACEMENT CHARACTER}[2Jfile does not exist")

    def test_an_older_recording_survives_a_call_that_cannot_be_made(self, trioaudio: Command, folder: Path) -> None:
        Path("call.wav").write_bytes(b"an older recording")
        assert trioaudio(*call("--record", "call.wav", source="wavfile:nothing.wav")).complaint
        assert Path("call.wav").read_bytes() == b"an older recording"


class TestWords:
    """Commands, options and plugins that do not exist, or values they cannot have."""

    @pytest.mark.parametrize(
        ("words", "complaint"),
        [
            ([], "the following arguments are required: COMMAND; see 'trioaudio --help'"),
            (["run", "--source", "x"], "the following arguments are required: --model; see 'trioaudio run --help'"),
            (
                ["demo", "--recrod", "x.wav"],
                "'--recrod' is not understood here; did you mean '--record'? (the options are --record, --no-record, ",
            ),
            (["demo", "--fats=1"], "'--fats=1' is not understood here; did you mean '--fast'? (the options are "),
            (["plugins", "wavfile", "parrot"], "'parrot' is not understood here (the options are none)"),
            (
                ["demo", "--record", "x.wav", "--no-record"],
                "argument --no-record: not allowed with argument --record; see 'trioaudio demo --help'",
            ),
            (["demo", "--linger", "soon"], "argument --linger: 'soon' is not a number of seconds from 0 up; see 'trioaudio demo --help'"),
            (["demo", "--linger", "-1"], "argument --linger: '-1' is not a number of seconds from 0 up; see 'trioaudio demo --help'"),
            (["demo", "--linger", "nan"], "argument --linger: 'nan' is not a number of seconds from 0 up; see 'trioaudio demo --help'"),
            (["plugins", "wavefile"], "there is no plugin 'wavefile'; did you mean 'wavfile'? (installed: "),
        ],
    )
    def test_a_command_line_that_makes_no_sense(self, trioaudio: Command, words: list[str], complaint: str) -> None:
        assert trioaudio(*words).complaint.startswith(complaint)

    def test_an_unknown_command(self, trioaudio: Command) -> None:
        assert "invalid choice: 'dmo' (choose from" in trioaudio("dmo").complaint

    @pytest.mark.parametrize(
        ("source", "model", "complaint"),
        [
            ("wavefile:caller.wav", "parrot", "there is no source 'wavefile'; did you mean 'wavfile'? (installed sources: "),
            ("caller.wav", "parrot", "there is no source 'caller.wav' (installed sources: "),
            ("parrot", "parrot", "'parrot' is no source but a model"),
            ("wavfile", "parrot", "wavfile needs its option 'path' (the audio file that plays the caller); write wavfile:PATH"),
            ("wavfile:caller.wav?rates=1", "parrot", "wavfile has no option 'rates'; did you mean 'rate'? (its options are "),
            ("wavfile:caller.wav?rate=fast", "parrot", "wavfile: option 'rate' is 'fast'; expected: whole number or none"),
            ("wavfile:caller.wav?rate=1", "parrot", "rate 1 is not"),
            ("wavfile:caller.wav", "parot", "there is no model 'parot'; did you mean 'parrot'? (installed models: "),
            ("wavfile:caller.wav", "parrot?engine=ears", "parrot: option 'engine' is 'ears'; expected: one of auto, gate, silero, off"),
            ("wavfile:caller.wav", "parrot?hangover_ms=0", "parrot: hangover_ms=0.0 must be more than 0"),
            ("memory:x", "parrot", "the far end of 'memory:x' is in the program that opens it, and here is none; use another source"),
            ("", "parrot", "a spec begins with the name of a plugin: NAME:VALUE?option=value, such as wavfile:caller.wav"),
        ],
    )
    def test_a_plugin_or_option_that_does_not_exist(
        self, trioaudio: Command, caller: Path, source: str, model: str, complaint: str
    ) -> None:
        assert trioaudio(*call(source=source, model=model)).complaint.startswith(complaint)


class TestAgents:
    """What is wrong with an agent is said before anybody calls, in one line with the file's name."""

    @pytest.mark.parametrize(
        ("text", "complaint"),
        [
            (None, "agent.toml: cannot be read (No such file or directory)"),
            ("voice = ?", "agent.toml: no TOML: Invalid value (at line 1, column 9)"),
            ("\ngreting = 'Hello'", "agent.toml, line 2: greting is unknown; did you mean 'greeting'?"),
            ("transcribe = 'yes'", "agent.toml, line 1: transcribe is 'yes'; expected: true or false"),
            ("greeting = 'Hello {name}'", "the agent's greeting has the variable 'name' (there are none)"),
            (
                "tools = ['hangup']",
                "agent.toml, line 1: tools[0] is 'hangup', and there is no 'hangup' in trioaudio.tools; did you mean",
            ),
        ],
    )
    def test_a_bad_agent(self, trioaudio: Command, folder: Path, caller: Path, text: str | None, complaint: str) -> None:
        if text is not None:
            Path("agent.toml").write_text(text, encoding="utf-8")
        assert trioaudio(*call("--agent", "agent.toml")).complaint.startswith(complaint)

    def test_tools_may_be_beside_the_file(self, trioaudio: Command, folder: Path, caller: Path) -> None:
        Path("my_tools.py").write_text("def shout(word: str) -> str:\n    return word.upper()\n", encoding="utf-8")
        Path("agent.toml").write_text("tools = ['my_tools:shot']", encoding="utf-8")
        assert "no 'shot' in my_tools; did you mean 'shout'?" in trioaudio(*call("--agent", "agent.toml")).complaint


BLOCKED = """
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in BLOCKED:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Absent())
"""


class TestMissingExtras:
    """A library that is not installed is missed by name, with the command that brings it."""

    @pytest.fixture
    def without(self, process: Callable[..., subprocess.Popen[str]], tmp_path_factory: pytest.TempPathFactory) -> Command:
        """Give a command where these modules are not installed."""

        def give(blocked: str, *words: object) -> tuple[int, str, str]:
            site = tmp_path_factory.mktemp("site")
            (site / "sitecustomize.py").write_text(f"BLOCKED = {blocked.split()}\n{BLOCKED}", encoding="utf-8")
            with process(*words, env={**os.environ, "PYTHONPATH": str(site)}) as started:
                out, err = started.communicate(timeout=60)
            return started.returncode, out, err

        return give

    @pytest.mark.parametrize(
        ("blocked", "words", "complaint"),
        [
            (
                "soundfile",
                call(),
                "reading audio files needs the extra 'files': python -m pip install 'trioaudio[files]'",
            ),
            (
                "PIL",
                call("--timeline", "call.png"),
                "drawing the timeline needs the extra 'demo': python -m pip install 'trioaudio[demo]'",
            ),
            ("soundfile PIL rich", ("demo",), "drawing the timeline needs the extra 'demo': python -m pip install 'trioaudio[demo]'"),
        ],
        ids=["soundfile", "pillow", "the demo without anything"],
    )
    def test_it_names_the_extra(self, without: Command, caller: Path, blocked: str, words: tuple[object, ...], complaint: str) -> None:
        assert without(blocked, *words) == (2, "", f"trioaudio: {complaint}\n")
        assert os.listdir() == ["caller.wav"]

    def test_a_demo_without_its_picture_needs_nothing_to_draw_with(self, without: Command, folder: Path) -> None:
        code, _, err = without("PIL rich", "demo", "--fast", "--no-timeline", "--no-record")
        assert (code, err, os.listdir()) == (0, "", [])

    def test_plugins_says_what_is_not_installed(self, without: Command, folder: Path) -> None:
        code, out, _ = without("soundfile soxr", "plugins")
        assert code == 0
        assert "wavfile" in out
