"""When to start a child again that has ended: at once, later, or not any more."""

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class RestartPolicy:
    """How patient a supervisor is."""

    first_delay_s: float = 0.1
    longest_delay_s: float = 30.0
    # A child that was ready for this long has a clean record again.
    healthy_after_s: float = 30.0
    # A child that never got ready this many times in a row cannot start at all.
    false_start_limit: int = 5


@dataclass(frozen=True, slots=True)
class Record:
    """A child's past: ends in a row, and how many of the latest came before it was ready."""

    ends: int = 0
    false_starts: int = 0


CLEAN = Record()


def after_end(
    policy: RestartPolicy, record: Record, *, was_ready: bool, ran_s: float
) -> tuple[Record, float | None]:
    """Give the new record and the delay before the next start; None means to give up."""
    if not was_ready:
        record = replace(record, false_starts=record.false_starts + 1)
    elif ran_s >= policy.healthy_after_s:
        record = CLEAN
    else:
        record = replace(record, false_starts=0)
    if record.false_starts >= policy.false_start_limit:
        return record, None
    # Bounded before it is raised: 2 ** ends overflows a float after a thousand restarts.
    delay_s = min(policy.first_delay_s * 2 ** min(record.ends, 32), policy.longest_delay_s)
    return replace(record, ends=record.ends + 1), delay_s
