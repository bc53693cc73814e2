"""For whom something is served: viewers, or edges that fetch it for theirs."""

from enum import StrEnum


class Audience(StrEnum):
    """Who asks.

    Viewers show tokens for signed media. Edges have looked at those and taken them off: they show
    the fill key under `/media/`, if there is one, and are told the surrogate keys of everything, to
    purge by them.
    """

    VIEWERS = "viewers"
    EDGES = "edges"
