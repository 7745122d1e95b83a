"""Every `*_untrusted` function and method of the package, with what it takes to drive it."""

from __future__ import annotations

from fuzz import browsers, door, models, phones
from fuzz.targets import Targets, untrusted

TARGETS: Targets = {**door.TARGETS, **browsers.TARGETS, **phones.TARGETS, **models.TARGETS}


def complaints() -> list[str]:
    """What is missing here, or is here and nowhere else; each with what to do about it."""
    there = untrusted()
    missing = [
        f"{name} is not driven with strange inputs: add a Target with true samples of what it reads to TARGETS in tests/fuzz/ "
        f"(door.py, browsers.py, phones.py or models.py)"
        for name in sorted(there - TARGETS.keys())
    ]
    return missing + [f"{name} is registered in tests/fuzz/ and not in the package: rename or remove it" for name in TARGETS.keys() - there]
