"""FFmpeg, through PyAV: sources are probed here, taken apart or encoded, and stored as tracks."""
