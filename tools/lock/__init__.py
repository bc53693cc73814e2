"""Writes the lock files."""
