"""Realtime audio channels on Trio."""
