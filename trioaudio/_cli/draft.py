"""Where a recording waits for its call to begin: beside the older one of its name, which a call that never begins must not cost.

Where nothing would be lost, it is written in its place from the start.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from .._recording import Recording


class Draft:
    """The file to record to at first.

    Args:
        final: the file the recording is to become in the end.
    """

    def __init__(self, final: Path) -> None:
        self._final = final
        place = Path(os.path.realpath(final))
        waits = place.exists() and os.access(place.parent, os.W_OK)
        self.path: Path = place.with_name(f".trioaudio-{os.getpid()}.draft") if waits else final

    def keep(self, recording: Recording) -> None:
        """The call has begun: let the recording take its place.

        Raises:
            AudioFileError: it cannot; it stays where it is.
        """
        if self.path != self._final:
            recording.rename(self._final)
            self.path = self._final

    def discard(self) -> None:
        """The call never began: leave nothing that was not there before; where there was nothing, what there is stays."""
        if self.path != self._final:
            with suppress(OSError):
                self.path.unlink(missing_ok=True)
