"""Ports that somebody has are told, with who has them, before anything is started."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from coalmine_install.listeners import Listener, check_free, listeners
from coalmine_install.refusal import Code, RefusalError
from coalmine_runtime.settings import Address

CONFIGS = Path(__file__).resolve().parents[2] / "configs"
AGGREGATOR = """
services: {ingest: {}}
receive: {tcp: "127.0.0.1:2003", udp: "127.0.0.1:2003"}
store: sqlite:////tmp/h.db
metrics: 127.0.0.1:9464
"""


def test_an_agent_listens_for_metrics() -> None:
    env = {"COALMINE_BROKER_PASSWORD": "x", "COALMINE_API_KEY": "y"}
    assert listeners("agent", CONFIGS / "agent.yaml", env) == [
        Listener("metrics", Address("127.0.0.1", 9105))
    ]


def test_an_aggregator_listens_on_many(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(AGGREGATOR)
    found = listeners("aggregator", tmp_path / "a.yaml", {})
    assert [(each.key, str(each.address), each.datagrams) for each in found] == [
        ("receive.tcp", "127.0.0.1:2003", False),
        ("receive.udp", "127.0.0.1:2003", True),
        ("broker.listen", "127.0.0.1:1883", False),
        ("web.listen", "127.0.0.1:8080", False),
        ("metrics", "127.0.0.1:9464", False),
    ]
    (tmp_path / "a.yaml").write_text(f"{AGGREGATOR}broker: {{url: mqtt://broker.example}}\n")
    found = listeners("aggregator", tmp_path / "a.yaml", {})
    assert "broker.listen" not in [each.key for each in found]


def test_a_status_page_listens_once() -> None:
    found = listeners("status-page", CONFIGS / "status-page.yaml", {"COALMINE_STATUS_PASSWORD": "x"})
    assert [(each.key, str(each.address)) for each in found] == [("listen", "127.0.0.1:8081")]


def test_who_has_a_port_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as one, socket.socket(type=socket.SOCK_DGRAM) as two:
        two.bind(("127.0.0.1", 0))
        ports = one.getsockname()[1], two.getsockname()[1]
        taken = [
            Listener("metrics", Address("127.0.0.1", ports[0])),
            Listener("receive.udp", Address("", ports[1]), datagrams=True),
        ]
        with pytest.raises(RefusalError) as caught:
            check_free(taken)
    assert caught.value.code is Code.PORT
    lines = str(caught.value).splitlines()
    assert lines[0].startswith(f"metrics: 127.0.0.1:{ports[0]} is taken by ")
    assert lines[1].startswith(f"receive.udp: :{ports[1]} is taken by ")
    check_free(taken)  # they are gone


def test_what_lingers_of_an_earlier_process_is_no_hindrance() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        client = socket.create_connection(("127.0.0.1", port))
        accepted, _ = server.accept()
        accepted.close()  # first: it is this side that lingers
        client.close()
    check_free([Listener("metrics", Address("127.0.0.1", port))])
