"""Reads docstrings in the style of this package (Google's) for what they say of parameters."""

from __future__ import annotations

import re
from textwrap import dedent


def docstring_args(doc: str) -> dict[str, str]:
    """What the ``Args:`` section of a docstring says of each parameter, in one line each."""
    section = re.search(r"^Args:[ ]*\n((?:[ ]+.*(?:\n|\Z)|\n)+)", doc, re.MULTILINE)
    if not section:
        return {}
    entries = re.finditer(r"^(\w+)(?: *\([^)]*\))?:(.*(?:\n(?:[ ].*|$))*)", dedent(section[1]), re.MULTILINE)
    return {entry[1]: " ".join(entry[2].split()) for entry in entries}


def docstring_summary(doc: str) -> str:
    """What a docstring says before its first section."""
    return re.split(r"^(?:Args|Returns|Raises|Yields|Examples?|Notes?|Checkpoint):", doc, maxsplit=1, flags=re.MULTILINE)[0].strip()
