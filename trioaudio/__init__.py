"""Realtime audio channels on Trio: phone calls, browsers and rooms, joined to realtime speech models.

The floors, from the ground up: errors, ``audio`` (pure), events, ``abc`` (contracts), playout, plugins, channel, session.

A name is loaded when it is first asked for. The command begins with this module, and so hears Ctrl-C from its first
milliseconds on, while the rest is being loaded.
"""

from importlib import import_module as _import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ._agent import Agent as Agent
    from ._agent import KeyGroups as KeyGroups
    from ._agent import TurnDetection as TurnDetection
    from ._agent import collect as collect
    from ._asgi_thread import AsgiThread as AsgiThread
    from ._asyncio_bridge import from_asyncio as from_asyncio
    from ._barge_in import BargeIn as BargeIn
    from ._channel import Channel as Channel
    from ._config import Config as Config
    from ._config import load_config as load_config
    from ._door.admin import AdminPort as AdminPort
    from ._door.admin import open_admin_port as open_admin_port
    from ._door.server import OpenFrontDoor as OpenFrontDoor
    from ._door.server import open_front_door as open_front_door
    from ._door.statistics import FrontDoorStatistics as FrontDoorStatistics
    from ._door.tls import server_tls as server_tls
    from ._errors import AudioFileError as AudioFileError
    from ._errors import CapabilityError as CapabilityError
    from ._errors import ControlOverflowError as ControlOverflowError
    from ._errors import FormatError as FormatError
    from ._errors import FrontDoorError as FrontDoorError
    from ._errors import InsecureConnectionError as InsecureConnectionError
    from ._errors import LocalProtocolError as LocalProtocolError
    from ._errors import MissingExtraError as MissingExtraError
    from ._errors import ModelRefused as ModelRefused
    from ._errors import ModelUnavailable as ModelUnavailable
    from ._errors import OptionError as OptionError
    from ._errors import ParameterError as ParameterError
    from ._errors import PluginError as PluginError
    from ._errors import ProtocolError as ProtocolError
    from ._errors import RemoteProtocolError as RemoteProtocolError
    from ._errors import ResponseFailedError as ResponseFailedError
    from ._errors import RestError as RestError
    from ._errors import SubscriberLagged as SubscriberLagged
    from ._errors import TrioAudioError as TrioAudioError
    from ._errors import TurnInterruptedError as TurnInterruptedError
    from ._errors import UnansweredError as UnansweredError
    from ._errors import UpgradeRefusedError as UpgradeRefusedError
    from ._events import AppEvent as AppEvent
    from ._events import Audio as Audio
    from ._events import AudioDropped as AudioDropped
    from ._events import Closed as Closed
    from ._events import Commit as Commit
    from ._events import Dtmf as Dtmf
    from ._events import Event as Event
    from ._events import Fault as Fault
    from ._events import Hangup as Hangup
    from ._events import Interrupt as Interrupt
    from ._events import Mute as Mute
    from ._events import SpeechStarted as SpeechStarted
    from ._events import SpeechStopped as SpeechStopped
    from ._events import Status as Status
    from ._events import TextMessage as TextMessage
    from ._events import ToolCalled as ToolCalled
    from ._events import ToolReturned as ToolReturned
    from ._events import TurnInterrupted as TurnInterrupted
    from ._events import TurnPaused as TurnPaused
    from ._events import TurnPlayed as TurnPlayed
    from ._events import TurnResumed as TurnResumed
    from ._events import TurnStarted as TurnStarted
    from ._history import Called as Called
    from ._history import HistoryItem as HistoryItem
    from ._history import Returned as Returned
    from ._history import Said as Said
    from ._inbox import InboundAudio as InboundAudio
    from ._limits import Limits as Limits
    from ._limits import Timeouts as Timeouts
    from ._log_lines import JsonLines as JsonLines
    from ._log_lines import TextLines as TextLines
    from ._log_lines import configure_logging as configure_logging
    from ._logs import CallFilter as CallFilter
    from ._logs import LogSettings as LogSettings
    from ._logs import current_call_id as current_call_id
    from ._logs import mask_number as mask_number
    from ._model_events import AsideDone as AsideDone
    from ._model_events import AudioDelta as AudioDelta
    from ._model_events import AudioDone as AudioDone
    from ._model_events import InputCleared as InputCleared
    from ._model_events import InputCommitted as InputCommitted
    from ._model_events import InputSpeechStarted as InputSpeechStarted
    from ._model_events import InputSpeechStopped as InputSpeechStopped
    from ._model_events import InputTranscript as InputTranscript
    from ._model_events import InputTranscriptDelta as InputTranscriptDelta
    from ._model_events import ItemCreated as ItemCreated
    from ._model_events import ItemDeleted as ItemDeleted
    from ._model_events import ItemTruncated as ItemTruncated
    from ._model_events import ModelEvent as ModelEvent
    from ._model_events import OutputTranscript as OutputTranscript
    from ._model_events import OutputTranscriptDelta as OutputTranscriptDelta
    from ._model_events import RateLimit as RateLimit
    from ._model_events import RateLimitsUpdated as RateLimitsUpdated
    from ._model_events import ResponseCreated as ResponseCreated
    from ._model_events import ResponseDone as ResponseDone
    from ._model_events import ResponseInterrupted as ResponseInterrupted
    from ._model_events import SessionCreated as SessionCreated
    from ._model_events import SessionError as SessionError
    from ._model_events import SessionExpiring as SessionExpiring
    from ._model_events import SessionUpdated as SessionUpdated
    from ._model_events import SessionUsage as SessionUsage
    from ._model_events import TextDelta as TextDelta
    from ._model_events import TextDone as TextDone
    from ._model_events import ToolCall as ToolCall
    from ._model_events import ToolCancelled as ToolCancelled
    from ._model_events import ToolDelta as ToolDelta
    from ._model_events import ToolStart as ToolStart
    from ._model_events import Usage as Usage
    from ._open_channel import open_channel as open_channel
    from ._open_channel import start_channel as start_channel
    from ._options import ConfiguredOption as ConfiguredOption
    from ._outbound.pause import Pause as Pause
    from ._outbound.settlement import Interruption as Interruption
    from ._outbound.turn import Turn as Turn
    from ._receipts import ChannelStatistics as ChannelStatistics
    from ._receipts import CloseReason as CloseReason
    from ._receipts import Ledger as Ledger
    from ._receipts import TurnReceipt as TurnReceipt
    from ._reconnect import Reconnect as Reconnect
    from ._recording import Recording as Recording
    from ._secret import Secret as Secret
    from ._serve_settings import ServeSettings as ServeSettings
    from ._serving.call import Call as Call
    from ._serving.choice import Choice as Choice
    from ._serving.end_reason import END_REASONS as END_REASONS
    from ._serving.end_reason import EndReason as EndReason
    from ._serving.end_reason import Rejection as Rejection
    from ._serving.server import Server as Server
    from ._serving.server import open_server as open_server
    from ._serving.server import serve as serve
    from ._serving.statistics import ServeStatistics as ServeStatistics
    from ._serving.summary import CallSummary as CallSummary
    from ._sessions.call_context import CallContext as CallContext
    from ._sessions.open_session import converse as converse
    from ._sessions.open_session import open_session as open_session
    from ._sessions.session import Session as Session
    from ._sessions.session_end import SessionEnd as SessionEnd
    from ._sessions.session_end import TranscriptLine as TranscriptLine
    from ._subscription import Subscription as Subscription
    from ._telemetry import trace_session as trace_session
    from ._timeline import Timeline as Timeline
    from ._tool import Tool as Tool
    from ._tool import tool as tool
else:  # hidden from type checkers, which would otherwise believe in any name
    _NAMES = {
        "._door.admin": "AdminPort open_admin_port",
        "._agent": "Agent KeyGroups TurnDetection collect",
        "._asgi_thread": "AsgiThread",
        "._asyncio_bridge": "from_asyncio",
        "._barge_in": "BargeIn",
        "._serving.call": "Call",
        "._sessions.call_context": "CallContext",
        "._channel": "Channel",
        "._open_channel": "open_channel start_channel",
        "._serving.choice": "Choice",
        "._config": "Config load_config",
        "._serving.end_reason": "END_REASONS EndReason Rejection",
        "._errors": (
            "AudioFileError CapabilityError ControlOverflowError FormatError FrontDoorError InsecureConnectionError LocalProtocolError "
            "MissingExtraError ModelRefused ModelUnavailable OptionError ParameterError PluginError ProtocolError RemoteProtocolError "
            "ResponseFailedError RestError SubscriberLagged TrioAudioError TurnInterruptedError UnansweredError UpgradeRefusedError"
        ),
        "._events": (
            "AppEvent Audio AudioDropped Closed Commit Dtmf Event Fault Hangup Interrupt Mute SpeechStarted "
            "SpeechStopped Status TextMessage ToolCalled ToolReturned TurnInterrupted TurnPaused TurnPlayed TurnResumed TurnStarted"
        ),
        "._door.server": "OpenFrontDoor open_front_door",
        "._door.statistics": "FrontDoorStatistics",
        "._history": "Called HistoryItem Returned Said",
        "._inbox": "InboundAudio",
        "._limits": "Limits Timeouts",
        "._log_lines": "JsonLines TextLines configure_logging",
        "._logs": "CallFilter LogSettings current_call_id mask_number",
        "._model_events": (
            "AsideDone AudioDelta AudioDone InputCommitted InputSpeechStarted InputSpeechStopped InputTranscript "
            "InputTranscriptDelta ItemTruncated ModelEvent OutputTranscript OutputTranscriptDelta ResponseCreated "
            "RateLimit RateLimitsUpdated ResponseDone ResponseInterrupted SessionCreated SessionError SessionExpiring SessionUsage "
            "TextDelta TextDone ToolCall ToolCancelled ToolDelta ToolStart Usage "
            "InputCleared ItemCreated ItemDeleted SessionUpdated"
        ),
        "._options": "ConfiguredOption",
        "._outbound.pause": "Pause",
        "._receipts": "ChannelStatistics CloseReason Ledger TurnReceipt",
        "._reconnect": "Reconnect",
        "._recording": "Recording",
        "._secret": "Secret",
        "._serving.server": "Server open_server serve",
        "._serving.statistics": "ServeStatistics",
        "._sessions.open_session": "converse open_session",
        "._serve_settings": "ServeSettings",
        "._sessions.session": "Session",
        "._sessions.session_end": "SessionEnd TranscriptLine",
        "._outbound.settlement": "Interruption",
        "._subscription": "Subscription",
        "._serving.summary": "CallSummary",
        "._telemetry": "trace_session",
        "._timeline": "Timeline",
        "._tool": "Tool tool",
        "._door.tls": "server_tls",
        "._outbound.turn": "Turn",
    }
    _HOMES = {name: home for home, names in _NAMES.items() for name in names.split()}
    _ROOMS = ("abc", "audio")

    def __getattr__(name):
        if name in _ROOMS:
            return _import_module(f".{name}", __name__)
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = globals()[name] = getattr(_import_module(_HOMES[name], __name__), name)
        return value

    def __dir__():
        return sorted({*globals(), *_HOMES, *_ROOMS})
