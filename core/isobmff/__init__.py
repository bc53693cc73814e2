"""ISO base media files: the boxes of an init segment and the sample entries inside."""
