"""Codecs: what their configurations say."""
