"""The parts of `trioaudio.wire.openai`."""
