"""Readiness of many short-lived sockets: an epoll set of our own, one descriptor to the loop.

A socket is registered once, edge-triggered for everything, and leaves by being closed; there is no
handle a socket in the event loop. Each wake-up hands out a whole batch.
"""

from __future__ import annotations

import asyncio
import select
import socket
from collections.abc import Callable
from typing import Protocol

from coalmine_agent.partings import Partings
from coalmine_runtime.clock import monotonic

IN = select.EPOLLIN
OUT = select.EPOLLOUT
ERROR = select.EPOLLERR
HANGUP = select.EPOLLHUP
READ_CLOSED = select.EPOLLRDHUP

_READS = IN | READ_CLOSED | select.EPOLLET
_EVERYTHING = _READS | OUT
_ERRORS = select.EPOLLET  # EPOLLERR and EPOLLHUP are always told
_BATCH = 2
"""Events handed out before the loop looks at its timers again: each may be a handshake, half a
millisecond of arithmetic, and starts must not wait for many of them."""

AGAIN_S = 0.001
"""Between two looks at what the kernel does not tell by itself."""

LATER_S = 0.01
"""Between two looks at what nobody is in a hurry for."""


class Handler(Protocol):
    """What a descriptor's events go to.

    It must not raise, and must bear events that tell nothing new.
    """

    def ready(self, events: int) -> None:
        """`events` are the epoll events that are set."""


class Reactor:
    """Made on a running loop; `close` when done."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, before_poll: Callable[[], None] = lambda: None
    ) -> None:
        """`before_poll` is called before events are handed out."""
        self.before_poll = before_poll
        self._loop = loop
        self._epoll = select.epoll()
        self._handlers: dict[int, Handler] = {}
        self._again: list[Handler] = []
        self._later: list[Handler] = []
        self.partings = Partings()
        loop.add_reader(self._epoll.fileno(), self.poll)

    def watch(self, fd: int, handler: Handler) -> None:
        """Reads, writes and errors of `fd` go to `handler`, at each change, until `forget`."""
        self._handlers[fd] = handler
        self._epoll.register(fd, _EVERYTHING)

    def watch_reads(self, fd: int, handler: Handler) -> None:
        """Reads and errors of `fd` go to `handler`: that it can be written to is known."""
        self._handlers[fd] = handler
        self._epoll.register(fd, _READS)

    def watch_errors(self, fd: int, handler: Handler) -> None:
        """Only errors of `fd` go to `handler`."""
        self._handlers[fd] = handler
        self._epoll.register(fd, _ERRORS)

    def forget(self, fd: int) -> None:
        """To be called right before `fd` is closed, which takes it out of the epoll set.

        Its number may be given out again at once. An event of the old socket that is still in the batch
        under way then reaches the new one's handler, which is why handlers bear such events.
        """
        self._handlers.pop(fd, None)

    def unwatch(self, fd: int) -> None:
        """Nothing that happens to `fd`, which stays open, is told any more."""
        self._handlers.pop(fd, None)
        self._epoll.unregister(fd)

    def part(self, sock: socket.SocketType) -> None:
        """Takes over a watched socket whose attempt is over, until its peer has closed it."""
        self.unwatch(sock.fileno())
        self.partings.add(sock, monotonic())

    def again(self, handler: Handler) -> None:
        """Calls `handler`, without events, in a millisecond."""
        if not self._again:
            self._loop.call_later(AGAIN_S, self._call, self._again)
        self._again.append(handler)

    def later(self, handler: Handler) -> None:
        """Calls `handler`, without events, together with others, in ten milliseconds."""
        if not self._later:
            self._loop.call_later(LATER_S, self._call, self._later)
        self._later.append(handler)

    @staticmethod
    def _call(waiting: list[Handler]) -> None:
        handlers = waiting[:]
        waiting.clear()
        for handler in handlers:
            handler.ready(0)

    def poll(self) -> None:
        """Hands out what is ready now."""
        self.before_poll()
        handlers = self._handlers
        for fd, events in self._epoll.poll(0, _BATCH):
            handler = handlers.get(fd)
            if handler is not None:
                handler.ready(events)

    @property
    def watched(self) -> int:
        """How many descriptors are watched."""
        return len(self._handlers)

    def close(self) -> None:
        """Ends watching; the descriptors themselves stay open."""
        self._loop.remove_reader(self._epoll.fileno())
        self._handlers.clear()
        self._again.clear()
        self._later.clear()
        self.partings.close()
        self._epoll.close()
