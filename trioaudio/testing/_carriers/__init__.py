"""Telephone companies that dial in, and know what was heard."""
