"""What goes wrong at an edge, and whose it is."""

from typing import ClassVar

from core.errors import InputFault, InternalFault, OperatorFault, UpstreamFault


class MethodRefused(InputFault):
    """Media is read, never written, through an edge."""

    status: ClassVar[int] = 405
    code: ClassVar[str] = "method.not_allowed"


class BrokenBody(InputFault):
    """The body of a request cannot be read: it is no chunked coding (RFC 9112 §7.1)."""

    code: ClassVar[str] = "body.broken"


class FillKeyMissing(OperatorFault):
    """Anybody could fetch everything, signed media too, from what serves edges beyond loopback."""

    code: ClassVar[str] = "origin.fill_key_missing"


class FillKeyRefused(InputFault):
    """Whoever asks has not shown the key that edges share with what they fetch from."""

    status: ClassVar[int] = 403
    code: ClassVar[str] = "origin.fill_key"


class Draining(InternalFault):
    """The edge was told to stop."""

    status: ClassVar[int] = 503
    code: ClassVar[str] = "edge.draining"
    retryable: ClassVar[bool] = True


class UpstreamUnreachable(UpstreamFault):
    """No connection to the upstream could be made."""

    code: ClassVar[str] = "upstream.unreachable"


class UpstreamTimeout(UpstreamFault):
    """The upstream kept us waiting for longer than it may."""

    status: ClassVar[int] = 504
    code: ClassVar[str] = "upstream.timeout"


class UpstreamBroken(UpstreamFault):
    """The upstream's answer is no HTTP, or ended before it was whole."""

    code: ClassVar[str] = "upstream.broken"


class UpstreamChanged(UpstreamFault):
    """What the upstream has now is not what we have the beginning of."""

    code: ClassVar[str] = "upstream.changed"


class UpstreamBusy(UpstreamFault):
    """Every connection to the upstream is in use."""

    status: ClassVar[int] = 503
    code: ClassVar[str] = "upstream.busy"
    retry_after_s = 1


class UpstreamResting(UpstreamFault):
    """The upstream failed so often that it is not asked for a while."""

    status: ClassVar[int] = 503
    code: ClassVar[str] = "upstream.resting"


class UpstreamUnwell(UpstreamFault):
    """The upstream answered with an error of its own, and a stale response may stand in."""

    code: ClassVar[str] = "upstream.unwell"


class OnlyIfCached(UpstreamFault):
    """The client wanted nothing but a stored response, and there is none (RFC 9111 §5.2.1.7)."""

    status: ClassVar[int] = 504
    code: ClassVar[str] = "cache.only_if_cached"
    retryable: ClassVar[bool] = False
