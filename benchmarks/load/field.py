"""Starts all servers that are to be compared, and ends them."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import native
from benchmarks.load import nginx, varnish
from benchmarks.load.contestant import Contestant
from benchmarks.load.cores import Cores
from benchmarks.load.edge import FAMILY, sluice_edge
from benchmarks.load.signing import media_keys, signed_folder
from benchmarks.load.upstream import StaticUpstream, static_upstream
from benchmarks.load.works import OBJECT_BYTES, PUBLIC_FOLDER, SIGNED_FOLDER, object_body
from runtime.settings.edge import EdgeSettings
from runtime.version import sluice_version
from tools.gate.needs import NGINX, VARNISH, provide

FAMILIES: Final = (
    "sluice",
    "sluice, signed",
    "sluice, two threads",
    "sluice, two processes",
    "nginx",
    "nginx cache",
    "varnish",
)
# Names of settings that a variant of the edge needs.
KEYS_SETTING: Final = "media_keys"
THREADS_SETTING: Final = "threads"


@dataclass(frozen=True, slots=True)
class Field:
    """The servers that run, the upstream behind the caches, and what the programs are."""

    contestants: list[Contestant]
    upstream: StaticUpstream
    versions: dict[str, str]

    def absent(self, families: Sequence[str]) -> list[str]:
        """The chosen families of which nothing runs."""
        running = {each.family for each in self.contestants}
        return [name for name in families if name not in running]


@contextmanager
def field(
    families: Sequence[str], folder: Path, cores: Cores, edge_options: Sequence[str]
) -> Iterator[Field]:
    """Run one process of each server that a chosen family needs, all on the same core."""
    objects = {
        f"{place}/{size_bytes}.m4s": object_body(size_bytes)
        for size_bytes in OBJECT_BYTES
        for place in (PUBLIC_FOLDER, SIGNED_FOLDER)
    }
    versions = {"sluice": f"sluice/{sluice_version()} ({native.IMPL})"}
    with ExitStack() as stack:
        upstream = stack.enter_context(static_upstream(objects))
        found = edges(stack, families, folder, upstream.url, cores, edge_options)
        if "nginx" in families or "nginx cache" in families:
            program = provide([NGINX])[NGINX.variable]
            versions["nginx"] = nginx.version(program)
            if "nginx" in families:
                files = nginx.nginx_files(program, folder / "nginx", OBJECT_BYTES, cores.server)
                found += stack.enter_context(files)
            if "nginx cache" in families:
                cache = nginx.nginx_cache(program, folder / "cache", upstream.url, cores.server)
                found += stack.enter_context(cache)
        if "varnish" in families:
            program = provide([VARNISH])[VARNISH.variable]
            versions["varnish"] = varnish.version(program)
            running = varnish.varnish(program, folder / "varnish", upstream.url, cores.server)
            found += stack.enter_context(running)
        yield Field(found, upstream, versions)


def edges(
    stack: ExitStack,
    families: Sequence[str],
    folder: Path,
    upstream: str,
    cores: Cores,
    options: Sequence[str],
) -> list[Contestant]:
    """Run our edge once; with two threads, and as two of one thread; the first for signed paths."""
    known = EdgeSettings.model_fields
    variables = {"SLUICE_MEDIA_KEYS": media_keys()} if KEYS_SETTING in known else {}
    found: list[Contestant] = []
    if FAMILY in families:
        place = folder / "edge"
        found += stack.enter_context(
            sluice_edge(place, upstream, [cores.server], options, variables)
        )
        if "sluice, signed" in families and KEYS_SETTING in known:
            found.append(signed(found[0]))
    both = [cores.server, cores.second]
    for family, threads, processes in (
        ("sluice, two threads", "2", 1),
        ("sluice, two processes", "1", 2),
    ):
        if family in families and THREADS_SETTING in known:
            more = [*options, "--threads", threads]
            running = [
                stack.enter_context(
                    sluice_edge(folder / f"edge-{threads}-{each}", upstream, both, more, variables)
                )[0]
                for each in range(processes)
            ]
            found.append(together(family, running))
    return found


def together(family: str, servers: Sequence[Contestant]) -> Contestant:
    """One server, or two that share the connections, as a contestant for small objects."""
    first, *others = servers
    beside = (others[0].port, others[0].pid) if others else None
    return replace(
        first, name=family, family=family, works=frozenset({"1k"}), beside=beside, cores=2
    )


def signed(public: Contestant) -> Contestant:
    """The same edge, asked for what only a token opens."""
    name = "sluice, signed"
    return replace(public, name=name, family=name, folder=signed_folder(), works=frozenset({"1k"}))
