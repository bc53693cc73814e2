"""Writes docs/reference/settings.md from the declarations of the settings."""
