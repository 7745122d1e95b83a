"""The parts of `trioaudio.wire.gemini_server`."""
