"""Sans-IO state machines of wire protocols: what the messages mean, and nothing about how they arrive.

No Trio, no clock, no socket. A machine has three kinds of verbs: ``receive_untrusted(message)`` returns the events that a
message means and can raise nothing but `RemoteProtocolError`; methods named for what one wants return the messages to send;
``owed()`` returns the messages that what was received has made due. Nobody looks here but plugins.
"""
