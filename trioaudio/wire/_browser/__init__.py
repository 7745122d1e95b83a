"""Rooms of the browser's protocol."""
