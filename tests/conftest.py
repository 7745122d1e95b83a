"""What every test may ask for."""

from __future__ import annotations

import logging
import signal
from collections.abc import Iterator

import pytest

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as shells do to what they run in the background, and to all it starts
    signal.signal(signal.SIGINT, signal.default_int_handler)

pytest_plugins = ["trioaudio.testing.fixtures"]


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    """Undo what a test, or a command that it gives, does to logging."""
    root, ours, words = (logging.getLogger(name) for name in ("", "trioaudio", "trioaudio.transcript"))
    before = root.handlers[:], root.level, ours.level, words.level
    yield
    root.handlers[:], levels = before[0], before[1:]
    for logger, level in zip((root, ours, words), levels, strict=True):
        logger.setLevel(level)
