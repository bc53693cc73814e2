"""One request, as the edge reads it: everything a decision needs, and no connection."""

from dataclasses import dataclass

from core.http.fields import Headers, combined, first
from core.http.forwarding import Hop
from core.http.plan_response import RequestFacts
from core.http.request_directives import RequestDirectives, heeded
from core.http.target import Target


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """A request for a target that was accepted; `of_edge` when edges alone ask here."""

    method: str
    target: Target
    fields: Headers
    hop: Hop
    request_id: str
    of_edge: bool = False

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
    def authorized(self) -> bool:
        """Whether it has credentials."""
        return first(self.fields, "authorization") is not None

    @property
    def wanted(self) -> RequestDirectives:
        """What it says about the response it will take."""
        return heeded(self.fields, media=self.target.media and not self.of_edge)

    @property
    def insists(self) -> bool:
        """Whether an edge wants an answer that is made after it asked."""
        return self.of_edge and self.wanted.no_cache
