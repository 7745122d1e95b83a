"""What it means that Gemini closed the connection: only the close frame says what went wrong.

Source: published reports of close frames of the live service (its documents have no list), read 2026-11.
"""

from __future__ import annotations

import re

_FINAL = re.compile(
    r"api.?key|auth|credential|permission|denied|not found|not supported|unsupported|billing|quota|not (been )?enabled|disabled|suspended",
    re.IGNORECASE,
)
INVALID, POLICY = 1007, 1008


def is_final(code: int | None, reason: str, *, ready: bool, resuming: bool) -> bool:
    """Whether another connection would end in the same way.

    Args:
        code, reason: of the close frame.
        ready: the session had begun.
        resuming: it was to go on where another was; then the handle may be what is wrong, and a fresh session will do.
    """
    if code in (None, 1000, 1001, 1006):
        return False
    if _FINAL.search(reason):
        return True
    return code in (INVALID, POLICY) and not ready and not resuming
