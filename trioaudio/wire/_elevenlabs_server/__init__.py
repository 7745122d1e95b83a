"""The parts of `trioaudio.wire.elevenlabs_server`."""
