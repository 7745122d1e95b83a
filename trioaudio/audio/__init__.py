"""Pure audio: formats, frames, G.711, resampling, framing, the playhead, voice activity. No clock, no I/O, no Trio.

Nothing here loads numpy until samples are looked at; names of modules that need it are looked up when first used.
"""

from importlib import import_module as _import_module
from typing import TYPE_CHECKING

from ._codec import decode as decode
from ._codec import encode as encode
from ._convert import IMPOSSIBLE as IMPOSSIBLE
from ._convert import Converter as Converter
from ._convert import conversion_cost as conversion_cost
from ._format import ALAW_8K as ALAW_8K
from ._format import MULAW_8K as MULAW_8K
from ._format import PCM16_8K as PCM16_8K
from ._format import PCM16_16K as PCM16_16K
from ._format import PCM16_24K as PCM16_24K
from ._format import PCM16_48K as PCM16_48K
from ._format import PTIME as PTIME
from ._format import AudioFormat as AudioFormat
from ._format import Encoding as Encoding
from ._format import parse_format as parse_format
from ._frame import Frame as Frame
from ._framing import Framer as Framer
from ._playhead import Playhead as Playhead
from ._ratio import rate_ratio as rate_ratio

if TYPE_CHECKING:
    from ._resample import Resampler as Resampler
    from ._vad import SpeechEdge as SpeechEdge
    from ._vad import VoiceActivity as VoiceActivity
    from ._vad import voice_activity as voice_activity
else:  # hidden from type checkers, which would otherwise believe in any name
    _NEEDS_NUMPY = {
        "Resampler": "._resample",
        "SpeechEdge": "._vad",
        "VoiceActivity": "._vad",
        "voice_activity": "._vad",
    }

    def __getattr__(name):
        if name in _NEEDS_NUMPY:
            return getattr(_import_module(_NEEDS_NUMPY[name], __name__), name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    def __dir__():
        return sorted([*globals(), *_NEEDS_NUMPY])
