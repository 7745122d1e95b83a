"""Sounds to try things with: recorded ones that are shipped (``README.md`` beside them says where from), and a made one."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from .._errors import AudioFileError
from ..audio import AudioFormat, Frame


def clip_path(name: str) -> Path:
    """The file of a shipped clip: ``"caller"``, who speaks twice, the second time into the answer to the first.

    Raises:
        AudioFileError: there is no clip of that name, or the package is not installed as files.
    """
    folder = files(__name__)
    path = folder / f"{name}.wav"
    if not isinstance(path, Path) or not path.is_file():
        names = sorted(each.name.removesuffix(".wav") for each in folder.iterdir() if each.name.endswith(".wav"))
        raise AudioFileError(f"no clip is called {name!r}; there is {', '.join(names) or 'none'}")
    return path


def tone(seconds: float, format: AudioFormat, *, frequency: float = 440.0, level: float = -12.0) -> Frame:
    """A sine tone as one frame, the same one every time.

    Args:
        seconds: its length.
        format: what it is encoded in; in stereo it is on both sides.
        frequency: in hertz, below half the rate.
        level: rms in dBFS, at most -3.01: the loudest sine there is.
    """
    import numpy as np

    phase = np.arange(round(seconds * format.rate)) * (2 * np.pi * frequency / format.rate)
    peak = min(32_767.0, 32_768 * np.sqrt(2) * 10 ** (level / 20))
    samples = np.rint(peak * np.sin(phase)).astype(np.int16)
    return Frame.from_samples(samples.repeat(format.num_channels).reshape(-1, format.num_channels), format)
