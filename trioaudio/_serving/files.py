"""Where a server puts what is left of its calls: a folder for each day, and in it a recording and a summary for each call."""

from __future__ import annotations

import os
from contextlib import suppress
from datetime import datetime
from functools import partial
from os import PathLike
from pathlib import Path

import trio

from .._errors import AudioFileError
from .._virtual_time import time_is_virtual
from .summary import CallSummary


class CallFiles:
    """``FOLDER/YYYY-MM-DD/CALLID.wav`` and ``.json``, for their owner only; the date is that of the call's beginning, in UTC.

    Raises:
        AudioFileError: the folder does not exist and cannot be created, or may not be written to.
    """

    def __init__(self, folder: str | PathLike[str]) -> None:
        self.folder: Path = Path(folder)
        try:
            self.folder.mkdir(0o700, parents=True, exist_ok=True)
        except OSError as exc:
            raise AudioFileError(f"calls cannot be recorded in {folder}: {exc.strerror}; choose another folder") from exc
        if not os.access(self.folder, os.W_OK):
            raise AudioFileError(f"calls cannot be recorded in {folder}: permission denied; choose another folder")

    def recording(self, call_id: str, started: datetime) -> Path:
        """The file for the audio of a call; its folder is there.

        Raises:
            AudioFileError: the folder cannot be created.
        """
        path = self._path(call_id, started, ".wav")
        try:
            path.parent.mkdir(0o700, exist_ok=True)
        except OSError as exc:
            raise AudioFileError(f"the folder {path.parent} cannot be created: {exc.strerror}") from exc
        return path

    async def write_summary(self, summary: CallSummary, started: datetime) -> None:
        """Write the summary of a call, whole or not at all; off Trio's thread unless the clock is virtual.

        Checkpoint: yes. On cancel: returns at once; the thread completes what it has begun.

        Raises:
            OSError: it cannot be written.
        """
        await trio.lowlevel.checkpoint()
        write = partial(_write_whole, self._path(summary.id, started, ".json"), summary.as_json() + "\n")
        if time_is_virtual():
            write()
        else:
            await trio.to_thread.run_sync(write, abandon_on_cancel=True)

    def _path(self, call_id: str, started: datetime, ending: str) -> Path:
        return self.folder / f"{started:%Y-%m-%d}" / f"{call_id}{ending}"


def _write_whole(path: Path, text: str) -> None:
    """Write beside, then rename: whoever finds the file finds all of it."""
    path.parent.mkdir(0o700, exist_ok=True)
    beside = path.with_name(f".{path.name}.part")
    try:
        with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(beside, path)
    except OSError:
        with suppress(OSError):
            beside.unlink()
        raise
