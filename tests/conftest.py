"""What every test may ask for."""

pytest_plugins = ["trioaudio.testing.fixtures"]
