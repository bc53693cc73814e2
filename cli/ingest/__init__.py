"""Putting files into a library over its API, with progress."""
