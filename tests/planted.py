"""A secret, a caller's voice and a telephone number that can be recognised wherever they turn up, in whatever form; and who looks for them.

What must not be seen is searched for in everything that a program leaves behind: log records, printed lines, reprs, tracebacks
with the locals of our own functions, summaries, spans.
"""

from __future__ import annotations

import base64
import logging
import re
import traceback
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import trioaudio
from trioaudio import CallFilter, JsonLines, TextLines
from trioaudio.audio import AudioFormat, Converter, Frame

SECRET = "swordfish/4711=sesame+open"
PLAIN = "marzipan/0815=pebble"
"""Something secret that is given as a plain text, in options that only a provider understands: whoever shows locals shows it."""
NUMBER = "+4930123456"
WORDS = "gooseberry marmalade"
"""Something that was said, in words."""
CYCLE = b"\x13\x37\xbe\xef\x71\x20\x0d\xf0"
"""A voice like no other: these bytes again and again."""
OURS = str(Path(trioaudio.__file__).parent)
RAW = f"{OURS}/audio/"
"""Functions whose very arguments are bytes of audio; what they raise is looked at all the same."""
DEEPEST = 5


def voice(seconds: float, format: AudioFormat) -> Frame:
    """The planted voice."""
    samples = round(seconds * format.rate)
    return Frame(CYCLE * (samples * format.sample_bytes // len(CYCLE)), format)


def _cycles() -> list[bytes]:
    """The voice as it may be carried: as it is, or as G.711."""
    linear = Frame(CYCLE * 8, AudioFormat("pcm16", 8_000))
    coded = [Converter(linear.format, AudioFormat(name, 8_000)).convert(linear).data[: len(CYCLE) // 2] for name in ("mulaw", "alaw")]
    return [CYCLE, *coded]


def _turned(cycle: bytes) -> Iterator[bytes]:
    """Enough of it, beginning anywhere."""
    yield from ((cycle * 12)[start : start + 24] for start in range(len(cycle)))


def _spellings(data: bytes) -> Iterator[str]:
    """How bytes may be written: the shortest that is still unmistakable."""
    yield base64.b64encode(data).decode()[:16]
    yield base64.urlsafe_b64encode(data).decode()[:16]
    yield repr(data[:8])[2:-1]
    yield data[:8].hex()
    yield data[:8].hex(" ")
    yield data[:8].decode("latin-1")


def _numbers(data: bytes) -> Iterator[re.Pattern[str]]:
    """Lists and arrays, of bytes and of samples."""
    samples = memoryview(data[:8]).cast("h").tolist()
    for values in (list(data[:8]), samples):
        yield re.compile(r"[\[( ,]" + r"[,\s]+".join(map(re.escape, map(str, values))))


AUDIO = sorted({spelling for cycle in _cycles() for data in _turned(cycle) for spelling in _spellings(data)})
SAMPLES = [pattern for cycle in _cycles() for data in _turned(cycle) for pattern in _numbers(data)]
SECRETS = [SECRET, quote(SECRET), quote(SECRET, safe=""), base64.b64encode(SECRET.encode()).decode(), SECRET.encode().hex()]


def found_in(text: str) -> set[str]:
    """What of the planted things can be seen in a text."""
    found = {"secret" for each in SECRETS if each in text}
    found |= {"plain secret"} if PLAIN in text else set()
    found |= {"audio" for each in AUDIO if each in text} | {"audio" for each in SAMPLES if each.search(text)}
    return found | ({"number"} if NUMBER in text else set()) | ({"words"} if WORDS in text else set())


class Leavings:
    """Everything that was left behind, each with a note of where."""

    def __init__(self) -> None:
        self.texts: list[tuple[str, str, frozenset[str]]] = []

    def leaks(self) -> list[tuple[str, set[str], str]]:
        """Where something planted can be seen, what, and in which text."""
        return [(where, found, text[:2000]) for where, text, may_show in self.texts if (found := found_in(text) - may_show)]

    def add(self, where: str, text: str, *may_show: str) -> None:
        """A text, and what may be seen in it."""
        self.texts.append((where, text, frozenset(may_show)))

    def add_error(self, where: str, error: BaseException) -> None:
        """What is seen of an exception: its text, its repr, and its traceback with the locals of our functions.

        What a tool is asked is in the locals of who asks it; whoever shows locals shows that.
        """
        self.add(f"{where}: the error", f"{error} {error!r}")
        told = traceback.TracebackException.from_exception(error, capture_locals=True)
        for each in _with_causes(told):
            for frame in each.stack:
                if frame.filename.startswith(OURS) or "planted_cloud" in frame.filename:
                    given = frame.filename.startswith(RAW) or "audio" in (frame.locals or {})  # as the application gave it
                    may_show = ("words", "plain secret", "audio") if given else ("words", "plain secret")
                    self.add(f"{where}: locals of {frame.name} in {frame.filename}", str(frame.locals), *may_show)
        self.add(f"{where}: the traceback", "".join(traceback.format_exception(error)))

    def add_objects(self, where: str, *roots: object) -> None:
        """How these objects of ours show themselves, and those that can be reached from them by public names."""
        seen: set[int] = set()
        self._walk(where, roots, seen, 0)

    def _walk(self, where: str, value: object, seen: set[int], depth: int) -> None:
        if depth > DEEPEST or id(value) in seen:
            return
        seen.add(id(value))
        if isinstance(value, Mapping):
            self._walk(where, list(value.values()), seen, depth + 1)
        elif isinstance(value, list | tuple | set | frozenset):
            for each in value:
                self._walk(where, each, seen, depth + 1)
        elif isinstance(value, BaseException):
            self.add_error(where, value)
        elif type(value).__module__.partition(".")[0] in ("trioaudio", "planted_cloud"):
            self.add(f"{where}: {type(value).__name__}", f"{value!r} {value}", "words")
            if not isinstance(value, Frame):  # its public names give what it is made of
                self._walk(where, list(_public(value)), seen, depth + 1)

    @contextmanager
    def logged(self) -> Iterator[None]:
        """Take in everything that is logged, by anybody, however it may be shown."""
        handler = _Collector(self)
        root, ours = logging.getLogger(), logging.getLogger("trioaudio")
        before = root.level, ours.level
        root.addHandler(handler)
        root.setLevel(logging.DEBUG)
        ours.setLevel(logging.DEBUG)
        try:
            yield
        finally:
            root.removeHandler(handler)
            root.setLevel(before[0])
            ours.setLevel(before[1])


class _Collector(logging.Handler):
    def __init__(self, leavings: Leavings) -> None:
        super().__init__()
        self._leavings = leavings
        self.addFilter(CallFilter())

    def emit(self, record: logging.LogRecord) -> None:
        for formatter in (TextLines(), JsonLines(), logging.Formatter()):
            self._leavings.add(f"log: {record.name}", formatter.format(record))
        self._leavings.add(f"log: {record.name}, the record", repr(vars(record)))
        if record.exc_info and record.exc_info[1] is not None:
            self._leavings.add_error(f"log: {record.name}", record.exc_info[1])


def _public(value: object) -> Iterable[object]:
    for name in dir(type(value)):
        if not name.startswith("_"):
            yield from _asked(value, name)
    names = [name for name in getattr(value, "__dict__", {}) if not name.startswith("_")]
    yield from (getattr(value, name) for name in names)


def _asked(value: object, name: str) -> Iterable[object]:
    """An attribute that is there for the asking; methods are not called."""
    try:
        found = getattr(value, name)
    except (AttributeError, RuntimeError, ValueError):
        return
    if not callable(found):
        yield found


def _with_causes(told: traceback.TracebackException) -> Iterator[traceback.TracebackException]:
    yield told
    for each in (told.__cause__, told.__context__, *(told.exceptions or ())):
        if each is not None:
            yield from _with_causes(each)
