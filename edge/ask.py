"""One request, as the edge reads it: everything a decision needs, and no connection."""

from dataclasses import dataclass

from core.http.cache_control import parse_cache_control
from core.http.fields import Headers, combined, first
from core.http.forwarding import Hop
from core.http.plan_response import RequestFacts
from core.http.target import Target


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """A request for a target that was accepted."""

    method: str
    target: Target
    fields: Headers
    hop: Hop
    request_id: str

    def facts(self) -> RequestFacts:
        """What decides how a representation is sent."""
        return RequestFacts(
            method=self.method,
            range=combined(self.fields, "range"),
            if_range=first(self.fields, "if-range"),
            if_match=combined(self.fields, "if-match"),
            if_none_match=combined(self.fields, "if-none-match"),
            if_modified_since=first(self.fields, "if-modified-since"),
            if_unmodified_since=first(self.fields, "if-unmodified-since"),
        )

    @property
    def wants_range(self) -> bool:
        """Whether it asks for less than the whole."""
        return self.method == "GET" and first(self.fields, "range") is not None

    @property
    def only_if_cached(self) -> bool:
        """Whether it takes stored responses alone.

        It is the one request directive heeded: the others are advice (RFC 9111 §5.2.1), and would
        let any viewer make us ask the upstream as often as he likes.
        """
        return "only-if-cached" in parse_cache_control(combined(self.fields, "cache-control") or "")
