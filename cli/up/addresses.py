"""The addresses `up` listens on and the URLs it prints."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from runtime.listen import HostPort, bind, local_address, reserve
from runtime.settings.up import UpSettings

# Documentation address (RFC 5737): nothing is sent, the kernel only picks the interface.
ELSEWHERE = ("192.0.2.1", 9)


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where each process listens, with real port numbers."""

    api: HostPort
    edge: HostPort
    origin: HostPort
    edge_admin: HostPort


@contextmanager
def claimed(settings: UpSettings) -> Iterator[Addresses]:
    """See that every port is free, pick one where 0 is asked for, and keep them meanwhile.

    They are kept while a process has not begun to listen, or is started again: a port that the
    kernel may give to anybody's connection would be gone by then.

    Raises `AddressInUse` and `AddressUnavailable`.
    """
    wanted = [
        HostPort(settings.host, settings.api_port),
        HostPort(settings.host, settings.edge_port),
        HostPort("127.0.0.1", settings.origin_port),
        HostPort("127.0.0.1", settings.edge_admin_port),
    ]
    with ExitStack() as kept:
        found = []
        for address in wanted:
            port = local_address(kept.enter_context(reserve(address))).port
            found.append(HostPort(address.host, port))
        # All at once, so that two of ours that are the same port are a clash too.
        with ExitStack() as tried:
            for address in found:
                tried.enter_context(bind(address))
        yield Addresses(*found)


def local_url(address: HostPort) -> str:
    """Give the URL at which this machine itself reaches `address`."""
    if not address.is_wildcard:
        return address.url()
    loopback = "::1" if ":" in address.host else "127.0.0.1"
    return HostPort(loopback, address.port).url()


def shown_url(address: HostPort, public_url: str | None) -> str:
    """Give the URL to print: the public one, else one that other machines can use."""
    if public_url is not None:
        return public_url
    if not address.is_wildcard:
        return address.url()
    return HostPort(machine_address(), address.port).url()


def machine_address() -> str:
    """Find the address by which other machines know this one, else its name."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(ELSEWHERE)
            return str(probe.getsockname()[0])
        except OSError:
            return socket.gethostname()
