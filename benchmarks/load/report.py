"""The tables that the bench prints."""

from collections.abc import Iterator

from benchmarks.load.figures import Comparison, Spread, best, spread
from benchmarks.load.results import Results
from benchmarks.load.works import Work

DISTURBED_SHARE = 0.1
GENERATOR_BUSY_SHARE = 0.95
MB = 1e6


def lines(results: Results) -> Iterator[str]:
    """The whole report, line by line."""
    for work in results.works:
        if work.name in results.rounds:
            yield from work_lines(results, work)
    yield from ratio_lines(results.comparisons())
    yield from idle_lines(results)
    yield from warnings(results)


def work_lines(results: Results, work: Work) -> Iterator[str]:
    """Every contestant at one work; the best of each family is marked."""
    marked = {best(by_name) for by_name in results.costs(work.name).values()}
    yield ""
    yield f"{work.title:<38}{'CPU µs/request':<26}{'requests/s':>11}{'p50 µs':>9}{'p99 µs':>9}"
    for name, rounds in results.rounds[work.name].items():
        cost = spread([one.cpu_us for one in rounds])
        rate, p50, p99 = (
            spread(values).median
            for values in (
                [one.per_s for one in rounds],
                [one.p50_us for one in rounds],
                [one.p99_us for one in rounds],
            )
        )
        mark = "*" if name in marked else " "
        yield f"{mark} {name:<36}{number(cost):<26}{rate:>11,.0f}{p50:>9,.0f}{p99:>9,.0f}"


def number(value: Spread) -> str:
    """Write a median and its spread: three digits tell enough."""
    return f"{value.median:.3g} ({value.least:.3g}–{value.most:.3g})"


def ratio_lines(comparisons: list[Comparison]) -> Iterator[str]:
    """What we cost of what they cost."""
    if comparisons:
        yield ""
        yield f"{'CPU per request':<11}{'of':>26}  {'ratio':<22}{'goal':<7}best of theirs"
    for each in comparisons:
        goal = "" if each.limit is None else f"{each.limit:.2f}"
        missed = "" if each.kept else "  MISSED"
        value = f"{each.ratio.median:.2f} ({each.ratio.least:.2f}–{each.ratio.most:.2f})"
        pair = f"{each.ours} / {each.theirs}"
        yield f"{each.work:<11}{pair:>30}  {value:<20}{goal:<7}{each.against}{missed}"


def idle_lines(results: Results) -> Iterator[str]:
    """The memory of idle connections."""
    if results.idle:
        yield ""
        yield f"{'idle connections':<38}{'MB without':>11}{'MB with':>9}{'MB per 10 000':>15}"
    for name, idle in results.idle.items():
        before, full = idle.before_bytes / MB, idle.with_bytes / MB
        label = f"{name}, {idle.connections}"
        yield f"  {label:<36}{before:>11.1f}{full:>9.1f}{idle.per_10_000_bytes / MB:>15.2f}"


def warnings(results: Results) -> Iterator[str]:
    """What makes the numbers doubtful."""
    rounds = [one for by in results.rounds.values() for each in by.values() for one in each]
    disturbed = sum(one.others_share > DISTURBED_SHARE for one in rounds)
    starved = sum(one.generator_cpu_s / one.seconds > GENERATOR_BUSY_SHARE for one in rounds)
    if disturbed:
        yield ""
        yield (
            f"In {disturbed} of {len(rounds)} rounds more than a tenth of the server core's work "
            "was not the server's: the machine was busy, do not trust these numbers."
        )
    if starved:
        yield ""
        yield (
            f"In {starved} of {len(rounds)} rounds the generator had no time to spare: the "
            "throughput is its own; CPU per request still holds."
        )
