"""The head of a stored response: what was received, and what follows from it for serving it."""

from dataclasses import dataclass, replace
from typing import Final

from core.http.conditional import is_weak, opaque
from core.http.dates import format_http_date, parse_http_date
from core.http.fields import Headers, combined, first, without
from core.http.forwarding import (
    end_to_end,
    forwarded_response,
    hidden,
    refreshed,
    surrogate_keys,
)
from core.http.freshness import Lifetime, initial_age, lifetime
from core.http.plan_response import RepresentationFacts
from core.http.vary import VaryNames, vary_names


@dataclass(frozen=True, slots=True)
class Terms:
    """How an edge takes heads in: what its operator says of every response.

    `tagged`: clients are edges, and get what is for edges, such as the surrogate keys. What is
    missing, and says nothing of how long, is fresh for `missing_s` seconds.
    """

    tagged: bool = False
    missing_s: float = 0.0


USUAL_TERMS: Final = Terms()


@dataclass(frozen=True, slots=True)
class StoredHead:
    """A response's head and its age arithmetic (RFC 9111 §4.2.3).

    `fields` are the upstream's, `sent` what a client gets of them. `received_s` is when it arrived,
    by our clock, and `initial_age_s` how old it then was. A soft purge sets `purged_s`.
    """

    status: int
    fields: Headers
    sent: Headers
    media: bool
    allowed: Lifetime
    received_s: float
    initial_age_s: float
    tags: frozenset[str]
    names: VaryNames
    cache_status: str | None
    purged_s: float | None = None
    terms: Terms = USUAL_TERMS

    def age_s(self, now_s: float) -> float:
        """How long ago the origin made or confirmed the response."""
        return self.initial_age_s + max(0.0, now_s - self.received_s)

    def judged_age_s(self, now_s: float) -> float:
        """The age to judge by: since a soft purge, at least that of a response gone stale then."""
        age_s = self.age_s(now_s)
        if self.purged_s is None:
            return age_s
        return max(age_s, self.allowed.fresh_s + max(0.0, now_s - self.purged_s))

    def ttl_s(self, now_s: float) -> int:
        """The whole seconds of freshness left; negative when stale."""
        return self.allowed.fresh_s - int(self.judged_age_s(now_s))

    def etag(self) -> str | None:
        """The entity tag, with its quotes."""
        return first(self.fields, "etag")

    def representation(self, length: int) -> RepresentationFacts:
        """The facts that ranges and preconditions are decided by."""
        changed_s = parse_http_date(first(self.fields, "last-modified") or "")
        made_s = parse_http_date(first(self.fields, "date") or "")
        return RepresentationFacts(
            length,
            self.etag(),
            changed_s,
            first(self.fields, "content-type"),
            # RFC 9110 §8.8.2.2: it was made at least a second after it had changed.
            weak_date=changed_s is not None and (made_s is None or made_s <= changed_s),
        )


@dataclass(frozen=True, slots=True)
class Arrival:
    """When a response was asked for and when its head came, in seconds since the epoch."""

    requested_s: float
    received_s: float


def stored_head(
    status: int,
    headers: Headers,
    arrival: Arrival,
    *,
    media: bool,
    terms: Terms = USUAL_TERMS,
) -> StoredHead:
    """Read the head of an answer that has just come."""
    fields = _dated(end_to_end(headers), arrival)
    return StoredHead(
        status=status,
        fields=fields,
        sent=forwarded_response(fields, media=media, tagged=terms.tagged),
        media=media,
        allowed=lifetime(status, fields, arrival.received_s, missing_s=terms.missing_s),
        received_s=arrival.received_s,
        initial_age_s=initial_age(headers, arrival.requested_s, arrival.received_s),
        tags=surrogate_keys(fields),
        names=_choosing(fields, media=media),
        cache_status=combined(fields, "cache-status"),
        terms=terms,
    )


def restored(
    status: int,
    fields: Headers,
    *,
    media: bool,
    received_s: float,
    initial_age_s: float,
    purged_s: float | None,
) -> StoredHead:
    """A stored head again, from what of it cannot be worked out: the inverse of taking it apart."""
    head = stored_head(status, fields, Arrival(received_s, received_s), media=media)
    return replace(head, initial_age_s=initial_age_s, purged_s=purged_s)


def under(terms: Terms, head: StoredHead) -> StoredHead:
    """The head as an edge with these terms takes it in; they are not stored with it."""
    if head.terms == terms:
        return head
    return replace(
        head,
        sent=forwarded_response(head.fields, media=head.media, tagged=terms.tagged),
        allowed=lifetime(head.status, head.fields, head.received_s, missing_s=terms.missing_s),
        terms=terms,
    )


def confirms(validation: Headers, stored: StoredHead) -> bool:
    """Whether a 304 speaks of the stored response (RFC 9111 §4.3.4): it names no other one.

    One without any validator is taken for it, too: nothing else was asked about.
    """
    named, known = first(validation, "etag"), stored.etag()
    if named is not None:
        return known is not None and opaque(named) == opaque(known)
    changed = first(validation, "last-modified")
    return changed in {None, first(stored.fields, "last-modified")}


def same_representation(one: StoredHead, other: StoredHead) -> bool:
    """Whether a strong tag says that two stored responses have the same body (RFC 9111 §4.3.4)."""
    tag = one.etag()
    return tag is not None and not is_weak(tag) and tag == other.etag()


def freshened(
    stored: StoredHead, length: int, head: Headers, arrival: Arrival
) -> StoredHead | None:
    """The stored head as the 200 to a HEAD renews it (RFC 9111 §4.3.5).

    None when it speaks of another body than the stored one, of `length` bytes: that is stale then.
    """
    told = first(head, "content-length")
    if told is not None and told != str(length):
        return None
    for name in ("etag", "last-modified"):
        if first(head, name) not in {None, first(stored.fields, name)}:
            return None
    return confirmed(stored, without(head, {"content-length"}), arrival)


def confirmed(stored: StoredHead, validation: Headers, arrival: Arrival) -> StoredHead:
    """The stored head as a 304 renews it: its fields updated, its age counted from now."""
    merged = refreshed(stored.fields, _dated(validation, arrival))
    head = stored_head(stored.status, merged, arrival, media=stored.media, terms=stored.terms)
    return replace(
        head, initial_age_s=initial_age(validation, arrival.requested_s, arrival.received_s)
    )


def validation_fields(stored: StoredHead) -> Headers:
    """The preconditions that ask whether a stored response still holds (RFC 9111 §4.3.1)."""
    pairs = (
        ("If-None-Match", stored.etag()),
        ("If-Modified-Since", first(stored.fields, "last-modified")),
    )
    return tuple((name, value) for name, value in pairs if value is not None)


def _choosing(fields: Headers, *, media: bool) -> VaryNames:
    """The request fields that choose a variant: those that the upstream sees.

    Host is among them when it is named, which it is where it is passed on.
    """
    names = vary_names(fields)
    return tuple(name for name in names if name == "host" or not hidden(name, media=media))


def _dated(headers: Headers, arrival: Arrival) -> Headers:
    """The fields with a Date, ours when the upstream sent none (RFC 9110 §6.6.1)."""
    if first(headers, "date") is not None:
        return headers
    return (*headers, ("Date", format_http_date(int(arrival.received_s))))
