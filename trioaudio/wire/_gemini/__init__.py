"""The parts of `trioaudio.wire.gemini`."""
