"""Whether time is only simulated: then nothing may wait for threads, which a virtual clock does not."""

from __future__ import annotations

import sys

import trio


def time_is_virtual() -> bool:
    """Whoever has a virtual clock has imported what makes it; importing it here would import pytest too, where there is one."""
    testing = sys.modules.get("trio.testing")
    return testing is not None and isinstance(trio.lowlevel.current_clock(), testing.MockClock)
