"""Pure audio: formats, frames, G.711, resampling, framing, the playhead, voice activity. No clock, no I/O, no Trio."""

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
