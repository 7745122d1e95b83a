"""Audio files: read whole, in any format libsndfile knows and at any rate; written as WAV that is valid after every write."""

from __future__ import annotations

import os
import stat
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, BinaryIO, TypeAlias

from ._errors import AudioFileError, FormatError, MissingExtraError
from .audio import AudioFormat, Frame

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats: TypeAlias = npt.NDArray[np.float32]

BLOCK = 1 << 18
"""Samples decoded at once: bounds memory to little more than the result."""
_UNKNOWN_SIZE = 0xFFFF_FFFF
"""What programs that write to a pipe put where the size of a WAV file's audio should be."""


def file_format(path: str | PathLike[str]) -> AudioFormat:
    """The format `read_audio` reads a file in when none is asked for: PCM16 at its own rate, mono or stereo.

    Raises:
        AudioFileError: as `read_audio`, as far as the beginning of the file shows it.
        MissingExtraError: soundfile is not installed (extra ``files``).
    """
    with _opened(Path(path)) as file:
        return _format_of(file, Path(path))


def read_audio(path: str | PathLike[str], format: AudioFormat | None = None) -> Frame:
    """Read a whole file as one frame: WAV, FLAC, OGG, MP3 and whatever else libsndfile decodes.

    Resampled by soxr (HQ) where the rates differ; the same file and format always give the same samples. Files of more
    than two audio channels are mixed to mono.

    Args:
        format: what to convert to; by default PCM16 at the file's own rate, mono or stereo.

    Raises:
        AudioFileError: the file is missing, a folder, not readable, empty, cut short, or holds no audio; says which.
        MissingExtraError: soundfile or soxr is not installed (extra ``files``).
    """
    import numpy as np

    path = Path(path)
    with _opened(path) as file:
        target = format or _format_of(file, path)
        blocks = [_quantised(block) for block in _resampled(file, target, path)]
    samples = np.concatenate(blocks) if blocks else np.zeros((0, target.num_channels), np.int16)
    if not len(samples):
        raise AudioFileError(f"{path} holds no audio: 0 samples; give a file with sound in it")
    return Frame.from_samples(samples, target)


def check_writable(path: str | PathLike[str]) -> None:
    """Find out now, before a call starts, that a file could not be written at its end; nothing is created or changed.

    Raises:
        AudioFileError: its folder does not exist or may not be written to, or a folder has that name; says which.
    """
    path = Path(path)
    folder = path.parent
    if not folder.exists():
        raise AudioFileError(f"cannot write {path}: the folder {folder} does not exist; create it or choose another")
    if not folder.is_dir():
        raise AudioFileError(f"cannot write {path}: {folder} is not a folder; choose another place")
    if path.is_dir():
        raise AudioFileError(f"cannot write {path}: it is a folder; add a file name, such as {path / 'call.wav'}")
    if not os.access(path if path.exists() else folder, os.W_OK):
        raise AudioFileError(f"cannot write {path}: permission denied; choose another place")


class WavWriter:
    """Writes a PCM16 WAV file whose header is valid after every write: a process killed at any time leaves a readable file.

    Nothing is buffered, and a failed write leaves what was written before it. Plain functions; wait for nothing but the disk.

    Args:
        path: file to create or replace; readable and writable by its owner only (mode 0600).
        rate: samples per second.
        num_channels: 1 (mono) or 2 (stereo, interleaved).

    Raises:
        AudioFileError: the file cannot be created; says why.
        FormatError: the rate or number of channels is out of range.
    """

    MOST_BYTES = 0xFFFF_FFFF - 36 - 3
    """Audio one file can hold: its header counts in 32 bits; more than 6 hours of 48 kHz stereo."""

    def __init__(self, path: str | PathLike[str], rate: int, num_channels: int = 1) -> None:
        self.path: Path = Path(path)
        self.format: AudioFormat = AudioFormat("pcm16", rate, num_channels)
        self.num_bytes = 0
        check_writable(self.path)
        with _told(self.path, "written"):
            self._file: BinaryIO = open(_private(self.path), "wb", buffering=0)  # noqa: SIM115 - closed by close()
            try:
                self._put(0, _wav_header(self.format, 0))
            except OSError:
                self._file.close()
                raise

    num_bytes: int
    """Audio written so far, in bytes."""

    def write(self, data: bytes) -> None:
        """Append samples, a whole number of them, then bring the header up to date.

        Raises:
            AudioFileError: the disk is full or gone, the file would grow past 4 GiB, or it is closed.
            FormatError: ``data`` does not end with a whole sample.
        """
        self.format.samples_in(len(data))
        if self._file.closed:
            raise AudioFileError(f"{self.path} is closed: nothing more can be written to it")
        if self.num_bytes + len(data) > self.MOST_BYTES:
            raise AudioFileError(f"{self.path} is full: a WAV file holds at most 4 GiB; go on in another file")
        with _told(self.path, "written"):
            self._put(_HEADER_BYTES + self.num_bytes, data)
            self._put(0, _wav_header(self.format, self.num_bytes + len(data)))
        self.num_bytes += len(data)

    def rename(self, path: str | PathLike[str]) -> None:
        """Give the file another name on the same disk, in place of what has it; writing goes on.

        Raises:
            AudioFileError: it cannot be given that name; it keeps the one it has.
        """
        with _told(Path(path), "written"):
            os.replace(self.path, os.path.realpath(path))
        self.path = Path(path)

    def close(self) -> None:
        """Close the file; closing again is harmless.

        Raises:
            AudioFileError: the disk reports only now that it could not keep what was written.
        """
        with _told(self.path, "closed"):
            self._file.close()

    def _put(self, position: int, data: bytes) -> None:
        self._file.seek(position)
        rest = memoryview(data)
        while rest:
            rest = rest[self._file.write(rest) :]

    def __enter__(self) -> WavWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


_HEADER_BYTES = 44


def _wav_header(format: AudioFormat, num_bytes: int) -> bytes:
    """RIFF, ``fmt`` (PCM) and the head of ``data``: 44 bytes before the audio."""
    bytes_a_second = format.rate * format.sample_bytes
    fmt = struct.pack("<IHHIIHH", 16, 1, format.num_channels, format.rate, bytes_a_second, format.sample_bytes, 16)
    return b"RIFF" + struct.pack("<I", 36 + num_bytes) + b"WAVEfmt " + fmt + b"data" + struct.pack("<I", num_bytes)


def _private(path: Path) -> int:
    """A descriptor of a new, empty file that only its owner can read: a call is nobody else's business."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0), 0o600)
    if stat.S_ISREG(os.fstat(descriptor).st_mode):  # the mode of a device, such as /dev/null, is everybody's business
        with suppress(OSError, AttributeError):  # not every file system has modes; a file that was there before keeps its own otherwise
            os.fchmod(descriptor, 0o600)
    return descriptor


@contextmanager
def _told(path: Path, what: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise AudioFileError(f"{path} cannot be {what}: {error.strerror or error}") from error


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """The file as an open `soundfile.SoundFile`; whatever it cannot do, also later, becomes an `AudioFileError`."""
    try:
        import soundfile  # type: ignore[import-untyped]  # it comes without types
    except (ImportError, OSError) as error:  # OSError: it is there, but its shared library is not
        raise MissingExtraError("reading audio files", "files") from error
    _check_readable(path)
    try:  # by descriptor: given a name, it takes the ending for the truth before it looks inside
        with open(path, "rb") as raw, soundfile.SoundFile(raw.fileno(), closefd=False) as file:
            yield file
    except soundfile.LibsndfileError as error:
        reason = error.error_string.rstrip(".")
        raise AudioFileError(f"{path} cannot be read as audio: {reason}; give a whole WAV, FLAC, OGG or MP3 file") from error


def _check_readable(path: Path) -> None:
    if path.is_dir():
        raise AudioFileError(f"{path} is a folder; give the name of an audio file")
    try:
        with open(path, "rb") as file:
            _check_whole(file, path)
    except FileNotFoundError as error:
        raise AudioFileError(f"{path} does not exist; check the name of the file") from error
    except OSError as error:
        raise AudioFileError(f"{path} cannot be read: {error.strerror or error}") from error


def _check_whole(file: BinaryIO, path: Path) -> None:
    """What libsndfile passes over in silence: a file of which the end is missing."""
    size = os.fstat(file.fileno()).st_size
    if not size:
        raise AudioFileError(f"{path} is empty: 0 bytes; give a file with sound in it")
    magic = file.read(12)
    if magic[:4] == b"RIFF" and magic[8:] == b"WAVE":
        _check_whole_wav(file, size, path)
    elif magic[:4] == b"OggS" and not _ogg_ends(file, size):
        raise _cut_short(path, "its last page is missing")


def _check_whole_wav(file: BinaryIO, size: int, path: Path) -> None:
    """Walk the chunks (RIFF: four letters, size, content padded to even) up to the audio; does it fit into the file?"""
    while len(head := file.read(8)) == 8:
        name, length = struct.unpack("<4sI", head)
        if name == b"data":
            held = size - file.tell()
            if length != _UNKNOWN_SIZE and length > held:
                raise _cut_short(path, f"its header promises {length} bytes of audio and {held} are there")
            return
        file.seek(length + length % 2, os.SEEK_CUR)


def _ogg_ends(file: BinaryIO, size: int) -> bool:
    """Whether the last page (at most 65,307 bytes; RFC 3533 section 6) is whole and says that it is the last."""
    file.seek(max(0, size - 65_307))
    tail = file.read()
    page = tail[tail.rfind(b"OggS") :]
    lacing = page[27 : 27 + page[26]] if len(page) > 26 else b""
    return bool(lacing) and bool(page[5] & 4) and len(page) >= 27 + len(lacing) + sum(lacing)


def _cut_short(path: Path, how: str) -> AudioFileError:
    return AudioFileError(f"{path} is cut short: {how}; give the whole file")


def _format_of(file: Any, path: Path) -> AudioFormat:
    try:
        return AudioFormat("pcm16", file.samplerate, file.channels if file.channels <= 2 else 1)
    except FormatError as error:
        raise AudioFileError(f"{path} cannot be used: {error}") from error


def _resampled(file: Any, target: AudioFormat, path: Path) -> Iterator[Floats]:
    """Blocks of the file, float32 of shape (n, channels of the target), at the target's rate."""
    if file.samplerate == target.rate:
        for block in _blocks(file, path):
            yield _mixed(block, target.num_channels)
        return
    try:
        import soxr  # type: ignore[import-untyped]  # it comes without types
    except ImportError as error:
        raise MissingExtraError("resampling audio files", "files") from error
    stream = soxr.ResampleStream(file.samplerate, target.rate, target.num_channels, dtype="float32", quality="HQ")
    for block in _blocks(file, path):
        yield stream.resample_chunk(_mixed(block, target.num_channels))
    yield stream.resample_chunk(_mixed(_nothing(file), target.num_channels), last=True)


def _nothing(file: Any) -> Floats:
    import numpy as np

    return np.zeros((0, file.channels), np.float32)


def _blocks(file: Any, path: Path) -> Iterator[Floats]:
    """The file from its beginning to its end, float32 of shape (n, file's channels)."""
    read = 0
    # soundfile seeks after each read, and after a seek an MP3 decoder is silent for a while: it is given one read only
    size = -1 if file.format == "MP3" else BLOCK
    while len(block := file.read(size, dtype="float32", always_2d=True)):
        read += len(block)
        yield block
    if read < file.frames:
        raise _cut_short(path, f"its header promises {file.frames} samples and {read} are there")


def _mixed(block: Floats, num_channels: int) -> Floats:
    """Stereo stays stereo; anything else becomes mono first, the mean of all channels, and is then doubled where stereo is asked for."""
    import numpy as np

    if block.shape[1] == num_channels:
        return block
    mono = block.mean(axis=1, dtype=np.float32, keepdims=True)
    return np.repeat(mono, num_channels, axis=1)


def _quantised(block: Floats) -> npt.NDArray[np.int16]:
    """To 16 bits: rounded, and clipped where a lossy codec or the resampler goes past full scale."""
    import numpy as np

    samples: npt.NDArray[np.int16] = np.clip(np.rint(block * np.float32(32_768)), -32_768, 32_767).astype(np.int16)
    return samples
