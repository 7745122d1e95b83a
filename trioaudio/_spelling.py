"""What somebody probably meant."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from difflib import get_close_matches


def suggest(word: str, known: Iterable[str], *, case: Callable[[str], str] = str.lower) -> str:
    """``; did you mean '...'?``, or nothing when no known word is near; known words are in that ``case``."""
    near = get_close_matches(case(word), known, n=1)
    return f"; did you mean {near[0]!r}?" if near else ""
