"""Every exception trioaudio raises, and the difference between them.

Trio's own five say what happened to a resource, and are raised as they are:

- `trio.ClosedResourceError`: *you* closed it (or its block has ended).
- `trio.BrokenResourceError`: *the world* broke it: the far end failed, or did not take a frame in time.
- `trio.BusyResourceError`: somebody else is using it right now; the message says who.
- `trio.EndOfChannel`: the other side is done; nothing more will come.
- `trio.WouldBlock`: a ``*_nowait`` call found no room or nothing to take.

What follows is what those five cannot say.
"""

from __future__ import annotations

import trio


class TrioAudioError(Exception):
    """Parent of the errors that are trioaudio's own; never raised itself."""


class FormatError(TrioAudioError, ValueError):
    """Audio is not in the format it should be in, or no conversion exists; names both formats."""


class AudioFileError(TrioAudioError):
    """A file cannot be read as audio, or cannot be written; names the file and the remedy."""


class OptionError(TrioAudioError, ValueError):
    """A plugin spec, an option or a setting is wrong: unknown, missing, or of the wrong type; suggests the nearest right one."""


class InsecureConnectionError(TrioAudioError, ValueError):
    """A key would travel where others can read it; names the scheme and the host, and the remedy."""

    def __init__(self, scheme: str, host: str) -> None:
        remedy = {"ws": "use wss://", "http": "use https://"}.get(scheme, "use https:// or wss://")
        super().__init__(f"no key is sent over {scheme or 'no scheme'}:// to {host or 'no host'}: {remedy}, or allow it with --insecure")
        self.scheme: str = scheme
        self.host: str = host


class ParameterError(TrioAudioError, ValueError):
    """A parameter that should come with a call is missing or of the wrong type; names it, and never shows its value."""


class PluginError(TrioAudioError):
    """A plugin asked for by name cannot be loaded; names the package, the entry point and the cause."""


class MissingExtraError(PluginError):
    """An optional dependency is not installed; names the extra that brings it.

    Args:
        what: what cannot be done without, as the beginning of a sentence.
        extra: the extra.
        package: the distribution whose extra it is; a plugin of another package gives its own name.
    """

    def __init__(self, what: str, extra: str, package: str = "trioaudio") -> None:
        super().__init__(f"{what} needs the extra {extra!r}: python -m pip install '{package}[{extra}]'")
        self.what: str = what
        self.extra: str = extra
        self.package: str = package


class CapabilityError(TrioAudioError):
    """A model or a source was asked for something it declares it cannot do; names it and the capability."""


class FrontDoorError(TrioAudioError):
    """The front door cannot be opened, or a route cannot be offered there; names the port, file or path and the remedy."""


class RestError(TrioAudioError):
    """A provider refused what its REST interface was asked for; has the HTTP ``status``, and the beginning of what it ``said``."""

    def __init__(self, where: str, status: int, said: str) -> None:
        super().__init__(f"{where}: refused with status {status}{f': {said}' if said else ''}")
        self.status: int = status
        self.said: str = said


class UnansweredError(trio.BrokenResourceError):
    """A provider's REST interface was asked and gave no answer: it may have been done, so it is not asked again by itself."""


class UpgradeRefusedError(trio.BrokenResourceError):
    """A server answers, and opens no websocket: it refused the handshake; has the HTTP ``status``."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status: int = status


class ResponseFailedError(TrioAudioError):
    """An answer that somebody waited for was not made; ``code`` is the provider's, and the message what it says of it."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{message} ({code})")
        self.code: str = code


class TurnInterruptedError(trio.BrokenResourceError):
    """The turn was interrupted: what it still has to say must not be said.

    Raised in a producer that is blocked in `Turn.send`, or that sends to an interrupted turn. The event of the
    same occasion is `TurnInterrupted`.
    """


class SubscriberLagged(TrioAudioError):  # noqa: N818 - the name says what happened, as trio's own errors do
    """A subscription was not read fast enough and lost events; ``missed`` says how many."""

    def __init__(self, missed: int) -> None:
        super().__init__(f"this subscription was not read for too long and missed {missed} events; read it faster or subscribe to fewer")
        self.missed = missed


class ModelRefused(trio.BrokenResourceError):
    """The provider will never take this: a bad key, an unknown model, no quota. Connecting again cannot help.

    Plugins raise it when they open a model, or from `Model.start` and `Model.receive`; any other broken connection is worth another try.
    """


class ModelUnavailable(trio.BrokenResourceError):
    """The model was lost in the middle of a call and could not be had back; ``__cause__`` is what the last attempt failed with.

    ``attempts`` says how often it was tried, ``seconds`` for how long.
    """

    def __init__(self, name: str, attempts: int, seconds: float) -> None:
        super().__init__(f"the model {name!r} was lost, and not to be had back in {attempts} attempts within {seconds:.1f} s")
        self.attempts: int = attempts
        self.seconds: float = seconds


class ControlOverflowError(trio.BrokenResourceError):
    """More control events waited than the bound allows; the channel is broken rather than losing one (law 6)."""


class ProtocolError(TrioAudioError):
    """Parent of the two protocol errors; never raised itself."""


class LocalProtocolError(ProtocolError):
    """*Our* side asked for something the protocol forbids here."""


class RemoteProtocolError(ProtocolError, trio.BrokenResourceError):
    """*Their* bytes break the protocol; the connection's state cannot be trusted any more, so it counts as broken."""
