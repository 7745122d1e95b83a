"""Numbers that a server may dial, without I/O."""

from __future__ import annotations

import re

_NUMBER = re.compile(r"\+[1-9][0-9]{4,14}|sips?:[^\s<>&\"']{1,250}|client:[\w.-]{1,120}", re.ASCII)


def check_numbers(*numbers: str) -> None:
    """See to it that these can be dialled: numbers with their country, such as +15550100, or addresses.

    Raises:
        ValueError: one cannot; it is not quoted, since it is somebody's.
    """
    for number in numbers:
        if not _NUMBER.fullmatch(number):
            raise ValueError(
                f"a number is dialled with its country, such as +15550100, and this one has {len(number)} characters of another kind"
            )
