"""The parts of `trioaudio.wire.elevenlabs`."""
