"""The live terminal: log lines scroll above, a bar for each file stays below."""

import sys

from rich.console import Console
from rich.panel import Panel
from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.table import Table
from rich.text import Text

from cli.report.events import (
    AlreadyThere,
    AnyEvent,
    ChildEnded,
    IngestFailed,
    Playable,
    Preparing,
    Ready,
    Uploaded,
    Uploading,
    VideoReady,
)
from cli.report.reporter import PREFIX_COLUMNS
from cli.report.sentences import megabytes, percent, ready_rows, sentence

STYLES = {
    "postgres": "blue",
    "origin": "magenta",
    "server": "cyan",
    "worker": "yellow",
    "edge": "green",
}
NAME_COLUMNS = 28
PACKAGING_SHARE = 0.5


class TerminalReporter:
    """Shows events in colour on a terminal."""

    def __init__(self) -> None:
        self._console = Console(file=sys.stdout, highlight=False, soft_wrap=True)
        self._progress = Progress(
            TextColumn("{task.description}", style="bold"),
            BarColumn(bar_width=30),
            TextColumn("{task.fields[state]}"),
            console=self._console,
            transient=True,
        )
        self._bars: dict[str, TaskID] = {}

    def event(self, event: AnyEvent) -> None:
        """Show one event."""
        match event:
            case Ready():
                self._console.print(_panel(event))
            case Uploading():
                state = f"uploading {percent(event.sent_bytes, event.total_bytes)}"
                share = event.sent_bytes / max(event.total_bytes, 1)
                self._move(event.file, share * PACKAGING_SHARE, state)
            case Uploaded():
                self._move(event.file, PACKAGING_SHARE, f"uploaded {megabytes(event.total_bytes)}")
            case Preparing():
                state = f"{event.stage or event.status} {percent(event.progress, 1.0)}"
                self._move(event.file, PACKAGING_SHARE * (1 + event.progress), state)
            case _:
                self._say(event)

    def log(self, source: str, line: str) -> None:
        """Show one log line behind the coloured name of its process."""
        style = STYLES.get(source.partition("-")[0], "white")
        head = (f"{source:<{PREFIX_COLUMNS}}│ ", style)
        self._console.print(Text.assemble(head, Text.from_ansi(line)))

    def close(self) -> None:
        """Take the bars away and give the cursor back."""
        self._progress.stop()

    def _say(self, event: AnyEvent) -> None:
        if isinstance(event, VideoReady | IngestFailed | AlreadyThere):
            self._drop(event.file)
        self._console.print(Text(sentence(event), style=_style(event)))

    def _move(self, file: str, share: float, state: str) -> None:
        if file not in self._bars:
            label = file if len(file) <= NAME_COLUMNS else f"…{file[1 - NAME_COLUMNS :]}"
            self._bars[file] = self._progress.add_task(label, total=1.0, state=state)
            self._progress.start()
        self._progress.update(self._bars[file], completed=share, state=state)

    def _drop(self, file: str) -> None:
        bar = self._bars.pop(file, None)
        if bar is not None:
            self._progress.remove_task(bar)
        if not self._bars:
            self._progress.stop()


def _style(event: AnyEvent) -> str:
    match event:
        case Playable() | AlreadyThere():
            return "bold green"
        case IngestFailed():
            return "bold red"
        case ChildEnded():
            return "yellow"
        case _:
            return "dim"


def _panel(event: Ready) -> Panel:
    rows = Table.grid(padding=(0, 2))
    for label, value in ready_rows(event):
        style = "bold" if value.startswith("http") else ""
        rows.add_row(Text(label, style="dim"), Text(value, style=style))
    title = f"Sluice is ready after {event.after_s:.1f} s"
    return Panel(rows, title=title, title_align="left", border_style="green", expand=False)
