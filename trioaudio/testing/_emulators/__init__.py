"""Servers of providers to call without a key."""
