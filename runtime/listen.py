"""Addresses a process listens on, and the sockets bound to them."""

import errno
import socket
from dataclasses import dataclass
from typing import Final, Self

from core.errors import InputFault, OperatorFault

BACKLOG: Final = 1024


class MalformedAddress(InputFault):
    """The text is not HOST:PORT."""

    code = "listen.malformed_address"

    def __init__(self, text: str, why: str) -> None:
        super().__init__(f"{text!r} is not HOST:PORT: {why}")


class AddressInUse(OperatorFault):
    """Another process listens on the address."""

    code = "listen.address_in_use"

    def __init__(self, address: "HostPort") -> None:
        super().__init__(
            f"port {address.port} on {address.host} is in use by another process; "
            "stop it or choose another port"
        )
        self.address = address


class AddressUnavailable(OperatorFault):
    """This machine cannot listen on the address: it is not ours, or we may not."""

    code = "listen.address_unavailable"

    def __init__(self, address: "HostPort", why: str) -> None:
        super().__init__(f"cannot listen on {address}: {why}")
        self.address = address


@dataclass(frozen=True, slots=True, order=True)
class HostPort:
    """A host name or IP address and a TCP port; port 0 asks the kernel for a free one."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``127.0.0.1:80``, ``[::1]:80``, ``localhost:80`` or ``:80`` (every interface).

        Raises `MalformedAddress`.
        """
        host, colon, port = text.strip().rpartition(":")
        if not colon:
            raise MalformedAddress(text, "the port is missing")
        if not (port.isascii() and port.isdigit() and len(port) <= 5 and int(port) <= 65535):
            raise MalformedAddress(text, f"{port!r} is not a port from 0 to 65535")
        bracketed = host.startswith("[") and host.endswith("]")
        if ":" in host and not bracketed:
            raise MalformedAddress(text, "an IPv6 address stands in brackets, as in [::1]:8080")
        return cls(_host(text, host.strip("[]") if bracketed else host), int(port))

    def __str__(self) -> str:
        return f"{self.bracketed_host}:{self.port}"

    @property
    def bracketed_host(self) -> str:
        """The host as it stands in a URL (RFC 3986 §3.2.2)."""
        return f"[{self.host}]" if ":" in self.host else self.host

    @property
    def is_wildcard(self) -> bool:
        """Whether it means every interface, and so cannot be handed to a viewer."""
        return self.host in {"0.0.0.0", "::"}  # noqa: S104 - compared, not bound

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach it."""
        return self.host in {"localhost", "::1"} or self.host.startswith("127.")

    def url(self, scheme: str = "http") -> str:
        """Give the base URL without a trailing slash."""
        return f"{scheme}://{self}"


def _host(text: str, host: str) -> str:
    """Turn the empty host into the wildcard; refuse what cannot be a host name."""
    if host in {"", "*"}:
        return "0.0.0.0"  # noqa: S104 - the operator asked for every interface
    if any(character.isspace() or character in "/@[]?#" for character in host):
        raise MalformedAddress(text, f"{host!r} is not a host name or address")
    return host


def bind(address: HostPort, *, reuse_port: bool = False) -> socket.socket:
    """Bind and listen, so that a clash shows now and not at the first viewer.

    `SO_REUSEPORT` would share a busy port silently with whoever else set it, so with `reuse_port`
    the address is first bound without it. Later sockets of the same process use `share`.

    Raises `AddressInUse` and `AddressUnavailable`.
    """
    listener = _bind(address, reuse_port=False)
    if not reuse_port:
        return listener
    claimed = local_address(listener)
    listener.close()
    return share(HostPort(address.host, claimed.port))


def share(address: HostPort) -> socket.socket:
    """Bind one more socket beside those this process got by `bind(…, reuse_port=True)`."""
    return _bind(address, reuse_port=True)


def reserve(address: HostPort) -> socket.socket:
    """Bind and do not listen: who reuses addresses, as `bind` does, may then listen there.

    Nobody whom the kernel gives any port gets this one, be it for a server or for the near end of a
    connection, as long as the socket is open.

    Raises `AddressInUse` and `AddressUnavailable`.
    """
    return _bind(address, reuse_port=False, listen=False)


def local_address(listener: socket.socket) -> HostPort:
    """Say where a socket really listens; tells the port the kernel chose for port 0."""
    name = listener.getsockname()
    return HostPort(str(name[0]), int(name[1]))


def check_free(address: HostPort) -> None:
    """Raise what `bind` would raise, and leave nothing bound."""
    bind(address).close()


def _bind(address: HostPort, *, reuse_port: bool, listen: bool = True) -> socket.socket:
    family, where = _resolve(address)
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if reuse_port:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            # The wildcard means every interface of both families; any other IPv6 address means
            # itself.
            listener.setsockopt(
                socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(not address.is_wildcard)
            )
        listener.bind(where)
        if listen:
            listener.listen(BACKLOG)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        raise _explain(address, error) from error
    return listener


def _resolve(address: HostPort) -> tuple[socket.AddressFamily, tuple[object, ...]]:
    try:
        found = socket.getaddrinfo(
            address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
    except OSError as error:
        raise AddressUnavailable(address, f"the host {address.host!r} has no address") from error
    family, _, _, _, where = found[0]
    return family, where


def _explain(address: HostPort, error: OSError) -> OperatorFault:
    match error.errno:
        case errno.EADDRINUSE:
            return AddressInUse(address)
        case errno.EADDRNOTAVAIL:
            return AddressUnavailable(address, f"{address.host} is not an address of this machine")
        case errno.EACCES:
            return AddressUnavailable(address, "this user may not open a port below 1024")
        case _:
            return AddressUnavailable(address, error.strerror or str(error))
