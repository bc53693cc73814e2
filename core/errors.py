"""Faults: every error that Sluice can explain, and whose it is.

A fault belongs to one of four families. The family says who can mend it and gives the default
HTTP status (RFC 9110 §15); a concrete fault gives a stable dotted code that clients may match on,
and a message that holds the offending value.
"""

from typing import ClassVar


class Fault(Exception):
    """An error with a status, a stable code and a sentence a person understands.

    Raise one of the four families or a class derived from them, never `Fault` itself.
    """

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal"
    retryable: ClassVar[bool] = False
    # Set where a retry may help and we know how soon: the Retry-After field (RFC 9110 §10.2.3).
    retry_after_s: int | None = None

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message

    def __str__(self) -> str:
        return self.message


class InputFault(Fault):
    """What was sent to us is wrong; sending the same again will fail again."""

    status = 400
    code = "input.invalid"


class StateFault(Fault):
    """The request is well formed but does not fit the present state of the thing it names."""

    status = 409
    code = "state.conflict"


class UpstreamFault(Fault):
    """Something that we depend on failed or was too slow; trying again may help."""

    status = 502
    code = "upstream.failed"
    retryable = True


class InternalFault(Fault):
    """We are at fault: a broken file of ours, or a bug."""

    status = 500
    code = "internal"


class OperatorFault(Fault):
    """The installation cannot run as it is set up.

    A setting, a port, a folder or a program is missing or wrong.
    """

    status = 500
    code = "operator.misconfigured"
