"""Timed text: what files hold of it, read strictly, and WebVTT, in which all of it is kept."""
