"""How long a segment may be asked to be, in seconds."""

from typing import Final

SEGMENT_S: Final = 4.0
SHORTEST_SEGMENT_S: Final = 1.0
LONGEST_SEGMENT_S: Final = 30.0
