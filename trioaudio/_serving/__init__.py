"""Serving: many calls at once, each in a task of its own, with one end and one summary."""
