"""The front door: one HTTP and websocket server for all listeners, and the sockets behind it."""
