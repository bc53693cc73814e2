"""Values and decisions of media and HTTP; no I/O, no clock, no async."""
