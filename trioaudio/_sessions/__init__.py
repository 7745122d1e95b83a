"""A session and its parts: what couples a channel to a model."""
