"""The command line: what is understood, done and shown."""
