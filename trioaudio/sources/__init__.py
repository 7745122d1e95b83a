"""Built-in sources: one module each, found by name through the entry points ``trioaudio.sources``."""
