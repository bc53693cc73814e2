"""How far packaging is: a bar on a terminal, nothing elsewhere."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from origin.packaging.progress import Progress, Unwatched
from origin.static.request import Watcher

if TYPE_CHECKING:
    from rich.progress import Progress as Bars
    from rich.progress import TaskID

BAR_COLUMNS = 30


@contextmanager
def choose_watcher() -> Iterator[Watcher]:
    """Give a watcher for standard error, which leaves the terminal as it was found."""
    if not sys.stderr.isatty():
        yield Unseen()
        return
    # Imported here: rich costs start-up time that a pipe need not pay.
    from rich.console import Console  # noqa: PLC0415 - see above
    from rich.progress import BarColumn, TaskProgressColumn, TextColumn  # noqa: PLC0415
    from rich.progress import Progress as Bars  # noqa: PLC0415

    columns = (
        TextColumn("{task.description}", style="bold"),
        BarColumn(bar_width=BAR_COLUMNS),
        TaskProgressColumn(),
    )
    with Bars(*columns, console=Console(file=sys.stderr), transient=True) as bars:
        yield Shown(bars)


class Unseen:
    """Nobody watches."""

    def step(self, label: str) -> Progress:  # noqa: ARG002 - the watcher's
        """Give an ear that does not listen."""
        return Unwatched()


class Shown:
    """One bar, of the step that runs."""

    def __init__(self, bars: "Bars") -> None:
        self._bars = bars
        self._task: TaskID | None = None

    def step(self, label: str) -> Progress:
        """Begin the bar anew."""
        if self._task is not None:
            self._bars.remove_task(self._task)
        self._task = self._bars.add_task(label, total=1.0)
        return _Step(self._bars, self._task)


class _Step:
    def __init__(self, bars: "Bars", task: "TaskID") -> None:
        self._bars = bars
        self._task = task

    def advance(self, fraction: float) -> None:
        self._bars.update(self._task, completed=fraction)

    def cancelled(self) -> bool:
        return False
