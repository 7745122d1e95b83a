"""The parts of `trioaudio.wire.openai_server`."""
