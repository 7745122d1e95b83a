"""Audio that a carrier may send out of order, put back into it: by the number of each piece, within a small window.

A number costs its sender nothing. So no more pieces are kept than the window has, one that comes too late is dropped, and a number
that is far from what is due begins a new count.
"""

from __future__ import annotations

from .messages import Media

FAR = 50
"""Pieces, of 20 ms, by which a number may be off before it is taken for the beginning of another count."""


class MediaOrder:
    """One track of one stream.

    Args:
        window: how many pieces are kept until an earlier one has come.
    """

    def __init__(self, window: int) -> None:
        self.late: int = 0
        """Pieces that came twice, or after the window had gone on without them."""
        self._window, self._next = window, -1
        self._kept: dict[int, Media] = {}

    def put(self, media: Media) -> list[Media]:
        """A piece has come: those that are now in order."""
        if media.chunk is None:
            return [*self.rest(), media]
        if self._next < 0:
            self._next = media.chunk
        if abs(media.chunk - self._next) > FAR:
            before, self._next = self.rest(), media.chunk
            return [*before, *self._accept(media.chunk, media)]
        if media.chunk < self._next or media.chunk in self._kept:
            self.late += 1
            return []
        return self._accept(media.chunk, media)

    def _accept(self, chunk: int, media: Media) -> list[Media]:
        self._kept[chunk] = media
        if chunk != self._next and len(self._kept) > self._window:
            self._next = min(self._kept)
        ready: list[Media] = []
        while self._next in self._kept:
            ready.append(self._kept.pop(self._next))
            self._next += 1
        return ready

    def rest(self) -> list[Media]:
        """What is kept, since nothing is waited for any more."""
        kept = [self._kept[chunk] for chunk in sorted(self._kept)]
        if self._kept:
            self._next = max(self._kept) + 1
        self._kept.clear()
        return kept
