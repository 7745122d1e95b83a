"""What is remembered of a connection for a while: the last few things by id."""

from __future__ import annotations

from collections import OrderedDict
from typing import TypeVar

Value = TypeVar("Value")

REMEMBERED = 64
"""How many; what is asked about is always among the last few."""


class Remembered(OrderedDict[str, Value]):
    """The last few things by id; older ones are forgotten."""

    def __setitem__(self, key: str, value: Value) -> None:
        super().__setitem__(key, value)
        if len(self) > REMEMBERED:
            self.popitem(last=False)
