"""For people who test their own sources, models and apps: far ends and models that do what a test says, and proofs to run.

The fixtures for pytest are in `trioaudio.testing.fixtures`; nothing else here needs pytest.
"""

from ._call import open_call as open_call
from ._check_listener import check_listener as check_listener
from ._check_model import check_model as check_model
from ._check_source import check_source as check_source
from ._clocks import LATE as LATE
from ._clocks import LateClock as LateClock
from ._clocks import Standstill as Standstill
from ._clocks import run_virtual as run_virtual
from ._clocks import scheduled_by as scheduled_by
from ._ear import Ear as Ear
from ._ear import Sounding as Sounding
from ._exchange import ScriptedCall as ScriptedCall
from ._exchange import ScriptedExchange as ScriptedExchange
from ._far_end import ScriptedFarEnd as ScriptedFarEnd
from ._memory_socket import MemoryWebSocket as MemoryWebSocket
from ._memory_socket import memory_websockets as memory_websockets
from ._openai_emulator import OpenAIAnswer as OpenAIAnswer
from ._openai_emulator import OpenAICall as OpenAICall
from ._openai_emulator import OpenAIEmulator as OpenAIEmulator
from ._openai_emulator import OpenAIQuestion as OpenAIQuestion
from ._openai_emulator import OpenAIReply as OpenAIReply
from ._openai_emulator import OpenAIServerOptions as OpenAIServerOptions
from ._openai_emulator import tone as tone
from ._openai_faults import OpenAIFault as OpenAIFault
from ._openai_faults import read_openai_faults as read_openai_faults
from ._report import Finding as Finding
from ._report import Report as Report
from ._script import Answer as Answer
from ._script import CalledTool as CalledTool
from ._script import Script as Script
from ._script import Step as Step
from ._script import Told as Told
from ._script import Verb as Verb
from ._script import breaks as breaks
from ._script import calls as calls
from ._script import complains as complains
from ._script import ends as ends
from ._script import stays_silent as stays_silent
from ._scripted_model import ScriptedModel as ScriptedModel
from ._scripted_model import ToolResult as ToolResult
from ._stamps import STAMPED as STAMPED
from ._stamps import Utterance as Utterance
from ._stamps import count_stamped as count_stamped
from ._stamps import indices as indices
from ._stamps import item_number as item_number
from ._stamps import say as say
from ._stamps import stamp as stamp
from ._sweep import SweepReport as SweepReport
from ._sweep import cancel_sweep as cancel_sweep
