"""Draws the comparison: for each work a bar for each family, as SVG."""

from collections.abc import Iterator, Mapping
from html import escape
from typing import Final

from benchmarks.load.figures import Spread, best, ratio
from benchmarks.load.results import Results

REFERENCE: Final = "nginx"
COLOURS: Final = {
    "sluice": "#0b6e99",
    "nginx": "#6b7280",
    "nginx cache": "#a3a9b4",
    "varnish": "#c2703d",
    "sluice, signed": "#58a6c4",
    "sluice, two threads": "#9cc9da",
    "sluice, two processes": "#c3dde7",
}
WIDTH: Final = 860
LEFT: Final = 210
BAR: Final = 14
GAP: Final = 16
TOP: Final = 58
SVG: Final = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
    'font-family="sans-serif">'
)
TITLE: Final = "CPU time per request, best nginx = 1 (less is better)"

Bars = Mapping[str, Mapping[str, Spread]]


def bars(results: Results) -> dict[str, dict[str, Spread]]:
    """By title of the work and by family: the cost against the best configuration of nginx."""
    found: dict[str, dict[str, Spread]] = {}
    for work in results.works:
        costs = results.costs(work.name)
        if REFERENCE in costs:
            base = costs[REFERENCE][best(costs[REFERENCE])]
            found[work.title] = {
                family: ratio(by_name[best(by_name)], base) for family, by_name in costs.items()
            }
    return found


def svg(groups: Bars, subtitle: str) -> str:
    """Draw the groups from top to bottom, their bars to the right."""
    widest = max((bar.most for group in groups.values() for bar in group.values()), default=1.0)
    scale = (WIDTH - LEFT - 70) / max(widest, 1.0)
    height = TOP + sum(len(group) * BAR + GAP for group in groups.values()) + 10
    shapes = [
        SVG.format(width=WIDTH, height=height),
        f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>',
        text(12, 22, TITLE, size=15),
        text(12, 40, subtitle),
        *drawn(groups, scale),
        line(LEFT + scale, TOP - 6, f"V{height - 8}", style='stroke-dasharray="3 3"'),
        "</svg>",
    ]
    return "\n".join(shapes) + "\n"


def drawn(groups: Bars, scale: float) -> Iterator[str]:
    """The bars with their names, each with a line from the least to the most."""
    y = TOP
    for title, group in groups.items():
        yield text(12, y + BAR - 3, title)
        for family, value in group.items():
            most = LEFT + value.most * scale
            yield text(LEFT - 6, y + BAR - 3, family, size=10, style='text-anchor="end"')
            yield bar(y, value.median * scale, COLOURS[family])
            yield line(LEFT + value.least * scale, y + BAR / 2 - 1, f"H{most:.1f}")
            yield text(most + 6, y + BAR - 3, f"{value.median:.2f}", size=10)
            y += BAR
        y += GAP


def text(x: float, y: float, words: str, *, size: int = 12, style: str = "") -> str:
    """Some words, their lower left at a place."""
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" {style}>{escape(words)}</text>'


def bar(y: float, width: float, colour: str) -> str:
    """One bar from the left edge of the drawing."""
    return f'<rect x="{LEFT}" y="{y}" width="{width:.1f}" height="{BAR - 2}" fill="{colour}"/>'


def line(x: float, y: float, to: str, *, style: str = "") -> str:
    """A line from a place across or down."""
    return f'<path d="M{x:.1f} {y:.1f}{to}" stroke="#222" {style}/>'
