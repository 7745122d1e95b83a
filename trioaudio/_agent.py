"""Who the model is to be in a session."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Agent:
    """What a model is told before a session begins.

    Args:
        instructions: the system prompt.
        transcribe: ask the model for transcripts of what it hears.
    """

    instructions: str = ""
    transcribe: bool = True

    def replace(self, **changes: object) -> Agent:
        """The same agent with some fields changed.

        Raises:
            TypeError: a name is not a field.
        """
        return replace(self, **changes)  # type: ignore[arg-type]  # dataclasses.replace names the wrong field itself
