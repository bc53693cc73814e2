"""What is shown of edges: one in full, several as rows, and the keys that are asked for most."""

from collections.abc import Sequence
from typing import Final

from rich.bar import Bar
from rich.console import Group, RenderableType
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from cli.edge_top.look import Sight
from cli.edge_top.words import age, duration, number, share, size
from core.cache.snapshot import Percentiles, Rates, Snapshot

RESULTS: Final = ("hit", "stale", "revalidated", "miss", "pass", "local", "error", "aborted")
BAD: Final = frozenset({"error", "aborted"})
BAR_COLUMNS: Final = 18
FEWEST_KEYS: Final = 3


def picture(sights: Sequence[Sight], *, rows: int, hint: str = "") -> RenderableType:
    """Everything in so many rows, or in as few as there must be."""
    seen = [sight for sight in sights if sight.snapshot is not None]
    lines: list[RenderableType] = [_problem(sight) for sight in sights if sight.problem]
    used = len(lines)
    if len(sights) == 1 and seen:
        one, height = _one(seen[0], hint)
        lines.append(one)
        used += height
    elif seen:
        lines.append(_rows(seen))
        used += len(seen) + 1
    if seen:
        lines.append(_hottest(seen, max(FEWEST_KEYS, rows - used - 1)))
    return Group(*lines)


def _problem(sight: Sight) -> Text:
    return Text(sight.problem or "", style="bold red", no_wrap=True, overflow="ellipsis")


# ---- one edge


def _one(sight: Sight, hint: str) -> tuple[RenderableType, int]:
    """One edge, and how many rows it takes."""
    assert sight.snapshot is not None
    found, rates = sight.snapshot, sight.rates
    parts: list[RenderableType] = [_title(found, hint)]
    if found.upstream_problem is not None:
        problem = Text(found.upstream_problem, "bold red", no_wrap=True, overflow="ellipsis")
        parts.append(problem)
    tables = [_flow(found, rates), _stores(found, rates)]
    if rates is None:
        parts += [*tables, Text("rates come with the next look", style="dim")]
        return Group(*parts), len(parts) - 2 + sum(table.row_count for table in tables)
    results = _results(rates)
    tables.append(results)
    height = len(parts) + sum(table.row_count for table in tables) + 1  # the head of the last
    return Group(*parts, *tables), height


def _title(found: Snapshot, hint: str) -> RenderableType:
    state = Text.assemble((found.name, "bold"), f"  up {age(found.up_s)}  ")
    if found.draining:
        state.append("stops  ", "yellow")
    if found.upstream_problem is None:
        state.append("upstream ok", "green")
    line = Table.grid(expand=True)
    line.add_column(no_wrap=True, overflow="ellipsis")
    line.add_column(justify="right", no_wrap=True)
    line.add_row(state, Text(hint, style="dim"))
    return line


def _flow(found: Snapshot, rates: Rates | None) -> Table:
    grid = Table.grid(padding=(0, 3))
    if rates is None:
        grid.add_row(f"{found.connections:,.0f} connections", f"{found.fetches:,.0f} fetches")
        return grid
    grid.add_row(
        Text.assemble((number(rates.requests), "bold"), " requests/s"),
        Text.assemble("hits ", (share(rates.hit_ratio), "bold")),
        f"out {size(rates.sent_bytes)}/s",
        f"in {size(rates.filled_bytes)}/s",
    )
    grid.add_row(
        f"{found.connections:,.0f} connections",
        f"+{number(rates.accepted)}/s",
        Text(f"{number(rates.refused)}/s refused", style="red" if rates.refused else ""),
        f"{found.fetches:,.0f} fetches",
    )
    return grid


def _stores(found: Snapshot, rates: Rates | None) -> Table:
    grid = Table.grid(padding=(0, 2))
    evicted = "" if rates is None else f"{number(rates.evictions)}/s evicted"
    more = f"{found.objects:,.0f} objects  {evicted}"
    grid.add_row("memory", *_fill(found.memory_bytes, found.memory_limit_bytes), more)
    if found.disk_bytes is not None and found.disk_limit_bytes is not None:
        grid.add_row("disk", *_fill(found.disk_bytes, found.disk_limit_bytes), "")
    return grid


def _fill(used: float, limit: float) -> tuple[RenderableType, str]:
    bar = Bar(max(limit, 1), 0, used, width=BAR_COLUMNS, color="cyan", bgcolor="grey30")
    return bar, f"{size(used)} of {size(limit)}"


def _results(rates: Rates) -> Table:
    """How requests ended, how long they took, and beside it why the upstream was asked."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", expand=False)
    table.add_column("result", width=11)
    for name in ("/s", "p50", "p90", "p99"):
        table.add_column(name, justify="right", width=8)
    table.add_column("upstream asked", min_width=14)
    table.add_column("/s", justify="right", width=7)
    beside = iter(_beside(rates))
    for result in RESULTS:
        rate = rates.by_result.get(result, 0.0)
        style = "" if rate == 0 else "red" if result in BAD else "bold"
        table.add_row(
            Text(result, style=style or "dim"),
            Text(number(rate), style=style or "dim"),
            *_times(rates.latencies.get(result)),
            *next(beside, ("", "")),
        )
    return table


def _times(found: Percentiles | None) -> tuple[str, str, str]:
    if found is None:
        return "–", "–", "–"
    return duration(found.p50_s), duration(found.p90_s), duration(found.p99_s)


def _beside(rates: Rates) -> list[tuple[RenderableType, RenderableType]]:
    rows: list[tuple[RenderableType, RenderableType]] = [
        (reason, number(rate)) for reason, rate in sorted(rates.misses.items())
    ]
    failures = Text(number(rates.upstream_failures), "red" if rates.upstream_failures else "")
    rows.append(("failures", failures))
    rows += [("its head, p50", duration(rates.upstream.p50_s))]
    rows += [("its head, p99", duration(rates.upstream.p99_s))]
    return rows


# ---- several


def _rows(sights: Sequence[Sight]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("edge", max_width=20, no_wrap=True, overflow="ellipsis")
    for name in ("req/s", "hits", "out/s", "in/s", "conns", "p99 hit"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("upstream", no_wrap=True, overflow="ellipsis")
    for sight in sights:
        table.add_row(*_row(sight))
    return table


def _row(sight: Sight) -> list[RenderableType]:
    found, rates = sight.snapshot, sight.rates
    assert found is not None
    state = Text("ok", "green") if found.upstream_problem is None else Text("away", "bold red")
    if found.draining:
        state = Text("stops", "yellow")
    if rates is None:
        return [found.name, "–", "–", "–", "–", f"{found.connections:,.0f}", "–", state]
    hit = rates.latencies.get("hit")
    return [
        Text(found.name, "bold"),
        number(rates.requests),
        share(rates.hit_ratio),
        size(rates.sent_bytes),
        size(rates.filled_bytes),
        f"{found.connections:,.0f}",
        duration(None if hit is None else hit.p99_s),
        state,
    ]


def _hottest(sights: Sequence[Sight], most: int) -> RenderableType:
    """The keys that are asked for most, over all edges."""
    rates: dict[str, float] = {}
    for sight in sights:
        for each in sight.snapshot.hot if sight.snapshot else ():
            rates[each.key] = rates.get(each.key, 0.0) + each.rate
    best = sorted(rates.items(), key=lambda item: (-item[1], item[0]))[:most]
    table = Table.grid(padding=(0, 2))
    table.add_column(justify="right", width=8)
    table.add_column(no_wrap=True, overflow="ellipsis")
    for key, rate in best:
        table.add_row(number(rate), Text(_printable(key)))
    if not best:
        table.add_row("", Text("nobody asks for anything", style="dim"))
    title = Rule("hottest keys, requests/s", align="left", style="dim", characters="─")
    return Group(title, table)


def _printable(key: str) -> str:
    """A key as one line: what a terminal would take for a command is shown as a dot."""
    return "".join(each if each.isprintable() else "·" for each in key)
