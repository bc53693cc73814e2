import socket

import pytest

from cli.up.addresses import claimed, local_url, machine_address, shown_url
from runtime.listen import AddressInUse, HostPort, bind, local_address, share
from runtime.settings import UpSettings

ANY: dict[str, object] = {"api_port": 0, "edge_port": 0, "origin_port": 0, "edge_admin_port": 0}


def test_port_zero_becomes_four_different_ports() -> None:
    with claimed(UpSettings.model_validate(ANY)) as found:
        ports = {found.api.port, found.edge.port, found.origin.port, found.edge_admin.port}
    assert len(ports) == 4
    assert 0 not in ports


def test_a_port_in_use_is_named_before_anything_starts() -> None:
    with bind(HostPort("127.0.0.1", 0)) as taken:
        port = local_address(taken).port
        with (
            pytest.raises(AddressInUse, match=f"port {port} on 127.0.0.1 is in use"),
            claimed(UpSettings.model_validate(ANY | {"origin_port": port})),
        ):
            pass


def test_two_of_our_own_on_one_port_are_a_clash_too() -> None:
    with bind(HostPort("127.0.0.1", 0)) as free:
        port = local_address(free).port
    wanted = UpSettings.model_validate(ANY | {"api_port": port, "edge_port": port})
    with pytest.raises(AddressInUse), claimed(wanted):
        pass


def test_a_failed_claim_leaves_the_free_ports_free() -> None:
    with bind(HostPort("127.0.0.1", 0)) as free:
        port = local_address(free).port
    with bind(HostPort("127.0.0.1", 0)) as taken:
        busy = local_address(taken).port
        wanted = UpSettings.model_validate(ANY | {"api_port": port, "edge_admin_port": busy})
        with pytest.raises(AddressInUse), claimed(wanted):
            pass
    bind(HostPort("127.0.0.1", port)).close()


def test_origin_and_admin_stay_on_loopback_when_the_host_is_every_interface() -> None:
    with claimed(UpSettings.model_validate(ANY | {"host": "0.0.0.0"})) as found:
        assert found.api.host == "0.0.0.0"
        assert found.origin.is_loopback
        assert found.edge_admin.is_loopback


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0", "::1"])
def test_a_claimed_port_is_for_our_processes_and_for_no_connection(host: str) -> None:
    """Also between the end of one of them and the next start of it."""
    with claimed(UpSettings.model_validate(ANY | {"host": host})) as found:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.socket(family) as stranger, pytest.raises(OSError, match="in use"):
            stranger.bind((host, found.edge.port))
        for _ in range(2):
            bind(found.api).close()
            with bind(found.edge, reuse_port=True), share(found.edge):
                pass


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:8080"),
        ("192.0.2.7", "http://192.0.2.7:8080"),
        ("0.0.0.0", "http://127.0.0.1:8080"),
        ("::", "http://[::1]:8080"),
        ("::1", "http://[::1]:8080"),
    ],
)
def test_this_machine_reaches_itself_whatever_it_listens_on(host: str, url: str) -> None:
    assert local_url(HostPort(host, 8080)) == url


def test_the_printed_url_is_the_public_one_where_there_is_one() -> None:
    assert shown_url(HostPort("0.0.0.0", 8080), "https://films.example") == "https://films.example"


def test_a_wildcard_is_never_printed() -> None:
    assert shown_url(HostPort("0.0.0.0", 8080), None) == f"http://{machine_address()}:8080"
    assert machine_address() not in {"0.0.0.0", "127.0.0.1", ""}


def test_an_address_is_printed_as_given() -> None:
    assert shown_url(HostPort("127.0.0.1", 8080), None) == "http://127.0.0.1:8080"
