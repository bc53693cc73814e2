"""`sluice edge top`: the command."""

import asyncio
import contextlib
import os
import sys
import termios
import tty
from collections.abc import Iterator, Sequence
from typing import ClassVar, Final

import msgspec
from rich.console import Console
from rich.live import Live

from cli.edge_top.look import EdgeAway, Lookout, Sight
from cli.edge_top.view import picture
from core.errors import InputFault
from runtime.process import run_on_uvloop
from runtime.settings.top import TopSettings

ROWS_AS_TEXT: Final = 24
QUIT: Final = frozenset({b"q", b"Q", b"\x03", b"\x04", b""})


class NoTerminal(InputFault):
    """The live view needs a terminal."""

    code: ClassVar[str] = "terminal.missing"


def run_edge_top(settings: TopSettings, *, once: bool, as_json: bool) -> int:
    """Show edges until `q` is pressed, or once as text or JSON. Raises `EdgeAway`, `NoTerminal`."""
    lookout = Lookout(settings.admin_urls, settings.admin_token)
    if once or as_json:
        sights = run_on_uvloop(_two_looks(lookout, settings.interval_s))
        _print(sights, as_json=as_json)
        return 0
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise NoTerminal("the live view needs a terminal; --once and --json do without")
    with contextlib.suppress(KeyboardInterrupt), _keys_at_once():
        run_on_uvloop(_show(lookout, settings.interval_s))
    return 0


async def _two_looks(lookout: Lookout, interval_s: float) -> list[Sight]:
    """Look, wait, and look again: rates need two."""
    _require_one(await lookout.look())
    await asyncio.sleep(interval_s)
    return _require_one(await lookout.look())


def _require_one(sights: list[Sight]) -> list[Sight]:
    """Raises `EdgeAway` when there is nothing at all to show."""
    if all(sight.snapshot is None for sight in sights):
        raise EdgeAway("\n".join(sight.problem or "" for sight in sights))
    return sights


def _print(sights: Sequence[Sight], *, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(msgspec.json.encode({"edges": sights}).decode() + "\n")
    else:
        Console(file=sys.stdout, highlight=False).print(picture(sights, rows=ROWS_AS_TEXT))


async def _show(lookout: Lookout, interval_s: float) -> None:
    sights = _require_one(await lookout.look())
    quit_now = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_reader(sys.stdin.fileno(), lambda: _read_key(quit_now))
    console = Console(highlight=False)
    try:
        with Live(console=console, screen=True, auto_refresh=False) as live:
            while not quit_now.is_set():
                live.update(picture(sights, rows=console.height, hint="q quits"), refresh=True)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(interval_s):
                        await quit_now.wait()
                if not quit_now.is_set():
                    sights = await lookout.look()
    finally:
        loop.remove_reader(sys.stdin.fileno())


def _read_key(quit_now: asyncio.Event) -> None:
    if os.read(sys.stdin.fileno(), 1) in QUIT:
        quit_now.set()


@contextlib.contextmanager
def _keys_at_once() -> Iterator[None]:
    """Let keys come without Enter, and unseen."""
    before = termios.tcgetattr(sys.stdin.fileno())
    tty.setcbreak(sys.stdin.fileno())
    try:
        yield
    finally:
        termios.tcsetattr(sys.stdin.fileno(), termios.TCSADRAIN, before)
