"""The contracts: what a source, a model and a listener must offer, and how a plugin announces them.

A plugin sees contracts, events, errors, ``audio`` and ``wire``; never the channel, never another plugin.
"""

from ._door.library_socket import adopt_socket as adopt_socket
from ._door.open_socket import open_socket as open_socket
from ._door.pipe import Pipe as Pipe
from ._door.tcp import TcpHandler as TcpHandler
from ._door.tcp import connect_tcp as connect_tcp
from ._door.tcp import open_tcp as open_tcp
from ._ed25519 import Ed25519Key as Ed25519Key
from ._front_door import AdminDoor as AdminDoor
from ._front_door import Auth as Auth
from ._front_door import Fields as Fields
from ._front_door import FrontDoor as FrontDoor
from ._front_door import Handler as Handler
from ._front_door import Headers as Headers
from ._front_door import Request as Request
from ._front_door import Response as Response
from ._front_door import Route as Route
from ._front_door import Upgrade as Upgrade
from ._front_door import UpgradeHandler as UpgradeHandler
from ._instruments import Instrument as Instrument
from ._listener import Direction as Direction
from ._listener import Invitation as Invitation
from ._listener import Listener as Listener
from ._message_line import MessageLine as MessageLine
from ._model import Capability as Capability
from ._model import Model as Model
from ._options import Injected as Injected
from ._options import Option as Option
from ._phone_exchange import PhoneExchange as PhoneExchange
from ._phone_exchange import PhoneStream as PhoneStream
from ._phone_exchange import see_off as see_off
from ._phone_source import PhoneControl as PhoneControl
from ._phone_source import PhoneSource as PhoneSource
from ._plugin import CONTRACT_VERSION as CONTRACT_VERSION
from ._plugin import AnyPlugin as AnyPlugin
from ._plugin import ListenerPlugin as ListenerPlugin
from ._plugin import ModelPlugin as ModelPlugin
from ._plugin import SourcePlugin as SourcePlugin
from ._plugin import listener_plugin as listener_plugin
from ._plugin import model_plugin as model_plugin
from ._plugin import source_plugin as source_plugin
from ._rest import Rest as Rest
from ._rest import RestAnswer as RestAnswer
from ._rest import basic as basic
from ._rest import open_rest as open_rest
from ._secret import require_private as require_private
from ._socket import WebSocket as WebSocket
from ._source import Buffering as Buffering
from ._source import FarEnd as FarEnd
from ._source import Paced as Paced
from ._source import Played as Played
from ._source import Source as Source
from ._source import SourceCapability as SourceCapability
from ._source import SourceEvent as SourceEvent
