import socket
from collections.abc import Iterator

import pytest

from runtime.listen import (
    AddressInUse,
    AddressUnavailable,
    HostPort,
    MalformedAddress,
    bind,
    check_free,
    local_address,
    share,
)

LOOPBACK = HostPort("127.0.0.1", 0)

ADDRESSES = [
    ("127.0.0.1:8080", HostPort("127.0.0.1", 8080)),
    ("localhost:0", HostPort("localhost", 0)),
    ("[::1]:65535", HostPort("::1", 65535)),
    (":8080", HostPort("0.0.0.0", 8080)),
    ("*:8080", HostPort("0.0.0.0", 8080)),
]


@pytest.fixture
def taken() -> Iterator[HostPort]:
    with bind(LOOPBACK) as listener:
        yield local_address(listener)


@pytest.mark.parametrize(("text", "address"), ADDRESSES)
def test_an_address_is_read(text: str, address: HostPort) -> None:
    assert HostPort.parse(text) == address


@pytest.mark.parametrize(
    "text",
    ["", "8080", "host", "host:", "host:x", "host:65536", "host:-1", "::1:80", "a b:1", "h:123456"],
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(MalformedAddress, match="is not HOST:PORT"):
        HostPort.parse(text)


def test_an_ipv6_address_stands_in_brackets_in_urls() -> None:
    assert HostPort("::1", 80).url() == "http://[::1]:80"
    assert HostPort.parse(str(HostPort("::1", 80))) == HostPort("::1", 80)


def test_port_zero_becomes_a_port_that_connects() -> None:
    with bind(LOOPBACK) as listener:
        where = local_address(listener)
        assert where.port > 0
        socket.create_connection((where.host, where.port), timeout=5).close()


def test_a_port_in_use_is_named(taken: HostPort) -> None:
    with pytest.raises(AddressInUse, match=f"port {taken.port} on 127.0.0.1 is in use"):
        bind(taken)


def test_a_busy_port_is_not_shared_silently_although_its_holder_would_allow_it() -> None:
    with bind(LOOPBACK, reuse_port=True) as held, pytest.raises(AddressInUse):
        bind(local_address(held), reuse_port=True)


def test_a_process_may_share_the_port_it_claimed() -> None:
    with bind(LOOPBACK, reuse_port=True) as first, share(local_address(first)) as second:
        assert local_address(first) == local_address(second)


def test_a_check_leaves_the_port_free(taken: HostPort) -> None:
    with pytest.raises(AddressInUse):
        check_free(taken)
    check_free(LOOPBACK)


def test_a_port_is_free_again_once_its_connections_are_closed() -> None:
    with bind(LOOPBACK) as listener:
        where = local_address(listener)
        client = socket.create_connection((where.host, where.port), timeout=5)
        listener.setblocking(True)
        served, _ = listener.accept()
        served.close()
        client.close()
    bind(where).close()


def test_an_address_of_another_machine_is_named() -> None:
    with pytest.raises(AddressUnavailable, match=r"192\.0\.2\.1 is not an address of this machine"):
        bind(HostPort("192.0.2.1", 0))


def test_a_host_without_an_address_is_named() -> None:
    with pytest.raises(AddressUnavailable, match=r"no-such-host\.invalid"):
        bind(HostPort("no-such-host.invalid", 0))


@pytest.mark.parametrize(
    ("host", "wildcard", "loopback"),
    [
        ("0.0.0.0", True, False),
        ("::", True, False),
        ("127.0.0.2", False, True),
        ("::1", False, True),
        ("localhost", False, True),
        ("192.0.2.1", False, False),
    ],
)
def test_an_address_knows_how_far_it_reaches(host: str, *, wildcard: bool, loopback: bool) -> None:
    address = HostPort(host, 1)
    assert (address.is_wildcard, address.is_loopback) == (wildcard, loopback)
