"""Free ports: nobody uses them, and nobody else was given them."""

from __future__ import annotations

import socket
import subprocess
import sys

import pytest

from coalmine_aggregator.demo.ports import HOST, LAST, MAX_KEPT, NoFreePortError, free_port

ASK = "from coalmine_aggregator.demo.ports import free_port; print(free_port({first}, {last}))"


@pytest.fixture
def few(request: pytest.FixtureRequest) -> range:
    """Three ports above those that all others are given, for this test alone."""
    first = LAST + request.session.items.index(request.node) * 3 % 750
    return range(first, first + 3)


def test_none_is_given_out_twice(few: range) -> None:
    assert {free_port(few.start, few.stop) for _ in few} == set(few)
    with pytest.raises(NoFreePortError, match=f"no free port from {few.start} to {few.stop}"):
        free_port(few.start, few.stop)


def test_none_that_another_process_was_given(few: range) -> None:
    given = {free_port(few.start, few.stop) for _ in few[:2]}
    argv = [sys.executable, "-c", ASK.format(first=few.start, last=few.stop)]
    assert int(subprocess.check_output(argv)) in set(few) - given


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM])
@pytest.mark.parametrize("host", [HOST, "127.0.0.2", "::1"])
def test_none_that_is_used(few: range, kind: socket.SocketKind, host: str) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, kind) as user:
        user.bind((host, few[1]))
        assert {free_port(few.start, few.stop) for _ in few[:2]} == {few[0], few[2]}


def test_a_process_keeps_its_newest(few: range) -> None:
    port = free_port(few.start, few.start + 1)
    for _ in range(MAX_KEPT):
        free_port()
    assert free_port(few.start, few.start + 1) == port
