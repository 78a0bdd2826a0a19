"""A carbon on this machine is found by what listens, and by its configuration."""

from __future__ import annotations

import socket

import pytest

from coalmine_install.carbon import endpoints
from coalmine_install.sockets import Listening, listening, owner

DEBIAN = """
[cache]
LINE_RECEIVER_INTERFACE = 0.0.0.0
LINE_RECEIVER_PORT = 2003
ENABLE_UDP_LISTENER = False
UDP_RECEIVER_PORT = 2003
PICKLE_RECEIVER_PORT = 2004

[relay]
LINE_RECEIVER_PORT = 2013
PICKLE_RECEIVER_PORT = 2014
DESTINATIONS = 127.0.0.1:2004
"""


def tcp(port: int, address: str = "0.0.0.0") -> Listening:
    return Listening("tcp", address, port, 1)


def udp(port: int) -> Listening:
    return Listening("udp", "0.0.0.0", port, 1)


def test_what_listens_counts() -> None:
    found = endpoints(None, [tcp(22), tcp(2003), udp(2003), tcp(2004)])
    assert found == {"tcp": "127.0.0.1:2003", "udp": "127.0.0.1:2003", "pickle": "127.0.0.1:2004"}


def test_the_relay_stands_in_front() -> None:
    found = endpoints(DEBIAN, [tcp(2003), tcp(2004), tcp(2013), tcp(2014)])
    assert found == {"tcp": "127.0.0.1:2013", "pickle": "127.0.0.1:2014"}


def test_a_relay_that_is_only_configured_does_not() -> None:
    assert endpoints(DEBIAN, [tcp(2003)]) == {"tcp": "127.0.0.1:2003"}


def test_where_nothing_listens_yet_its_configuration_is_believed() -> None:
    udp_too = DEBIAN.replace("ENABLE_UDP_LISTENER = False", "ENABLE_UDP_LISTENER = True")
    assert endpoints(udp_too, []) == {
        "tcp": "127.0.0.1:2003",
        "udp": "127.0.0.1:2003",
        "pickle": "127.0.0.1:2004",
    }


def test_an_address_of_its_own_is_where_it_is_reached() -> None:
    assert endpoints(None, [tcp(2003, "10.1.2.3")]) == {"tcp": "10.1.2.3:2003"}
    assert endpoints(None, [tcp(2003, "fd00::1")]) == {"tcp": "[fd00::1]:2003"}


@pytest.mark.parametrize("config", [None, "", "no section", "[cache]\nLINE_RECEIVER_PORT = many\n"])
def test_no_carbon_is_none(config: str | None) -> None:
    assert endpoints(config, [tcp(22), udp(2003)]) == {}


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_the_kernel_tells_of_a_real_socket(host: str) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, 0), family=family) as server:
        port = server.getsockname()[1]
        (found,) = [each for each in listening() if (each.protocol, each.port) == ("tcp", port)]
        assert found.address == host
        assert "(process " in owner(found.inode)
    with socket.socket(family, socket.SOCK_DGRAM) as datagrams:
        datagrams.bind((host, 0))
        port = datagrams.getsockname()[1]
        assert [
            each.address for each in listening() if (each.protocol, each.port) == ("udp", port)
        ] == [host]
