"""The addresses `up` listens on and the URLs it prints."""

import socket
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Self

from runtime.listen import HostPort, bind, local_address
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

    @classmethod
    def claim(cls, settings: UpSettings) -> Self:
        """See that every port is free, and pick one where 0 is asked for.

        Raises `AddressInUse` and `AddressUnavailable`. A port may still be taken before the
        process that wants it binds it; that process then says so itself.
        """
        wanted = [
            HostPort(settings.host, settings.api_port),
            HostPort(settings.host, settings.edge_port),
            HostPort("127.0.0.1", settings.origin_port),
            HostPort("127.0.0.1", settings.edge_admin_port),
        ]
        # Held together, so that two of ours that are the same port are a clash too.
        with ExitStack() as stack:
            held = [stack.enter_context(bind(address)) for address in wanted]
            ports = [local_address(listener).port for listener in held]
        found = zip(wanted, ports, strict=True)
        return cls(*(HostPort(address.host, port) for address, port in found))


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
