"""Cross-origin access to media: any page may play what lies under `/media/`.

These fields stand on every answer there, errors included: a player can tell a 404 from a network
failure only when it is allowed to see it.
"""

from typing import Final

from core.http.fields import Headers

ALLOWED_METHODS: Final = "GET, HEAD, OPTIONS"

MEDIA_CORS: Final[Headers] = (
    ("Access-Control-Allow-Origin", "*"),
    (
        "Access-Control-Expose-Headers",
        "Content-Length, Content-Range, Date, Cache-Status, CMSD-Static, CMSD-Dynamic",
    ),
    ("Timing-Allow-Origin", "*"),
)

PREFLIGHT: Final[Headers] = (
    *MEDIA_CORS,
    # POST is for licences alone.
    ("Access-Control-Allow-Methods", "GET, HEAD, POST, OPTIONS"),
    (
        "Access-Control-Allow-Headers",
        "Range, Content-Type, CMCD-Object, CMCD-Request, CMCD-Session, CMCD-Status",
    ),
    ("Access-Control-Max-Age", "86400"),
)
