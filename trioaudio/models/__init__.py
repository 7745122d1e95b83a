"""Built-in models: one module each, found by name through the entry points ``trioaudio.models``."""
