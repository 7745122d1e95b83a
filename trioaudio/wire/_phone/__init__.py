"""The parts of `trioaudio.wire.phone`."""
