"""Connections that are over wait for their peer, without a wake-up and not for ever."""

from __future__ import annotations

import socket

from coalmine_agent.partings import MAX_OPEN, PATIENCE_S, Partings


def pair() -> tuple[socket.socket, socket.socket]:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    return ours, theirs


def fill(sock: socket.socket) -> None:
    """Sends until the kernel takes no more."""
    try:
        while True:
            sock.send(b"x" * 65536)
    except BlockingIOError:
        pass


def test_closes_when_the_peer_has_and_not_before() -> None:
    partings = Partings()
    ours, theirs = pair()
    partings.add(ours, now=10.0)
    theirs.send(b"the rest")
    partings.sweep(now=10.1)
    assert ours.fileno() >= 0
    assert partings
    theirs.send(b"and the end")
    theirs.close()
    partings.sweep(now=10.2)
    assert ours.fileno() == -1
    assert not partings
    assert partings.cut_short == 0


def test_a_peer_that_never_closes_is_not_waited_for() -> None:
    partings = Partings()
    ours, theirs = pair()
    partings.add(ours, now=10.0)
    partings.sweep(now=10.0 + PATIENCE_S)
    assert ours.fileno() == -1
    assert partings.cut_short == 1
    theirs.close()


def test_a_peer_that_never_stops_talking_is_not_listened_to_for_ever() -> None:
    partings = Partings()
    ours, theirs = pair()
    theirs.setblocking(False)
    partings.add(ours, now=10.0)
    for now in (10.0, 10.5, 11.0):
        fill(theirs)
        partings.sweep(now)
    assert ours.fileno() == -1
    theirs.close()


def test_the_oldest_gives_way() -> None:
    partings = Partings()
    ours, theirs = pair()
    partings.add(ours, now=10.0)
    more = [socket.socket() for _ in range(MAX_OPEN)]
    for sock in more:
        partings.add(sock, now=10.0)
    assert ours.fileno() == -1
    assert partings.cut_short == 1
    partings.close()
    assert all(sock.fileno() == -1 for sock in more)
    theirs.close()
