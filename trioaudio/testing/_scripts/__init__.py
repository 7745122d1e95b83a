"""Models that do what a script says."""
