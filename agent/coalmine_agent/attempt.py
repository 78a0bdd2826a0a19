"""One try to deliver one datapoint: its steps and their times, its socket, its verdict.

A sender (one generator function a protocol, see `senders`) does the work on a non-blocking socket.
It calls `enter` when a step begins and `left` when the last one is over, yields a `Until` whenever
it has to wait, and returns once the datapoint is delivered as far as its protocol can tell; it
raises what went wrong. It knows no clock and no deadline: those are the runner's, and so is the
verdict.
"""

from __future__ import annotations

import errno
import os
import socket
import ssl
import struct
from collections.abc import Callable, Generator, Sequence
from enum import Enum
from typing import TYPE_CHECKING

from coalmine_agent.resolver import ResolveError
from coalmine_agent.tcp_state import unacknowledged
from coalmine_runtime.clock import monotonic
from coalmine_runtime.logs import get_logger
from coalmine_wire.reports import MAX_ERROR, Outcome, Step, Verdict

if TYPE_CHECKING:
    from coalmine_agent.reactor import Reactor
    from coalmine_agent.resolver import Addresses, Resolver
    from coalmine_agent.tally import Tally
    from coalmine_agent.target import Address, Target

log = get_logger("agent")

_ABORT = struct.pack("ii", 1, 0)  # SO_LINGER: on, 0 s: close() resets the connection

_OURS = frozenset(
    {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL, errno.EAGAIN}
)
"""What the agent's own host lacks: descriptors, memory, ports. It is nobody else's fault, so that the
datapoint counts as not attempted."""

_NO_WAY = frozenset({errno.EADDRNOTAVAIL, errno.ENETUNREACH, errno.EAFNOSUPPORT})
"""What a host says that has no addresses of a family, or no route: a container with IPv4 alone."""


class Until(Enum):
    """What a sender waits for, and thereby what the deadline means if it comes first."""

    READY = "ready"
    """The socket, to go on: abandoned."""

    ACKNOWLEDGED = "acknowledged"
    """The peer: sent, if its TCP has acknowledged the last byte by then; abandoned otherwise."""

    REFUSED = "refused"
    """Only a refusal could still come: sent."""


# Members bound once: with Python 3.11 looking one up in its class costs as much as a short call.
READY, ACKNOWLEDGED, REFUSED = Until.READY, Until.ACKNOWLEDGED, Until.REFUSED
CONNECT, TLS, SEND, RESPONSE = Step.CONNECT, Step.TLS, Step.SEND, Step.RESPONSE
SENT, FAILED, ABANDONED, SKIPPED = (
    Verdict.SENT,
    Verdict.FAILED,
    Verdict.ABANDONED,
    Verdict.SKIPPED,
)
_RESOLVE = Step.RESOLVE

_BUGS_TOLD = 100
_bugs: set[str] = set()

_FLAGS = int(socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
_STREAM = int(socket.SOCK_STREAM)


class SendError(Exception):
    """The peer answered, and its answer was no; the text says what."""


Sender = Callable[["Attempt", "Target", "Address", int], Generator[Until, None, None]]
"""`sender(attempt, target, address, slot)`, see above."""


class Attempt:
    """Made at its start. `ended(attempt)` is called once, when the verdict is there.

    `deadline` is on the monotonic clock. `events` are those that woke the sender last.
    """

    __slots__ = (
        "_address",
        "_ended",
        "_lookup",
        "_marked",
        "_other",
        "_reactor",
        "_refusal",
        "_sender",
        "_step",
        "_steps_us",
        "_until",
        "_watched",
        "deadline",
        "error",
        "events",
        "expires_at",
        "far",
        "fd",
        "parting",
        "slot",
        "sock",
        "tally",
        "target",
        "told",
        "verdict",
    )

    def __init__(
        self,
        target: Target,
        tally: Tally,
        *,
        deadline: float,
        reactor: Reactor,
        ended: Callable[[Attempt], None],
    ) -> None:
        self.target = target
        self.tally = tally
        self.slot = tally.slot
        self.deadline = deadline
        self.verdict: Verdict | None = None
        self.error = ""
        self.events = 0
        self.expires_at = 0
        """When the peer's certificate ends, seconds since the epoch; 0 where there was none."""
        self.sock: socket.SocketType | None = None
        self.fd = -1
        self.far = False
        """The peer did not answer at once: it is on another machine."""
        self.parting = False
        """If it ends well, the peer is to close the (watched) connection first."""
        self.told = False
        """An acknowledgement wakes the sender."""
        self._watched = False
        self._lookup: Callable[[], None] | None = None
        self._address: Address | None = None  # of a name that was looked up
        self._other: Address | None = None  # the one of the other family, where there is one
        self._refusal = ""  # how the first family's address failed, once the other one's is tried
        self._reactor = reactor
        self._ended = ended
        self._sender: Generator[Until, None, None] | None = None
        self._until = READY
        self._step = -1
        self._marked = 0.0
        self._steps_us = [-1, -1, -1, -1, -1]

    # What senders use.

    def enter(self, step: Step) -> None:
        """The last step is over, and `step` begins."""
        now = monotonic()
        if self._marked:
            self._steps_us[self._step] = int((now - self._marked) * 1e6)
        self._step = step
        self._marked = now

    def left(self) -> None:
        """The last step is over: what follows is not counted in its time."""
        if self._marked:
            self._steps_us[self._step] = int((monotonic() - self._marked) * 1e6)
            self._marked = 0.0

    def repeat(self, steps_us: Sequence[int]) -> None:
        """Ends the step under way, and takes the times of those that were not taken from `steps_us`."""
        self.left()
        self._steps_us = [
            taken if taken >= 0 else other
            for taken, other in zip(self._steps_us, steps_us, strict=True)
        ]

    def open(self, family: int, kind: int) -> socket.SocketType:
        """The attempt's socket, non-blocking; it is closed when the attempt ends, however it ends."""
        # The C type: the class derived from it in Python costs some calls for each socket.
        self.sock = sock = socket.SocketType(family, kind | _FLAGS)
        self.fd = sock.fileno()
        return sock

    def watch(self) -> None:
        """From here on all that happens to the socket wakes the sender."""
        self._watched = True
        self._reactor.watch(self.fd, self)

    def watch_reads(self) -> None:
        """From here on what can be read wakes the sender, at least."""
        if not self._watched:
            self._watched = True
            self._reactor.watch_reads(self.fd, self)

    def look_again(self) -> None:
        """Wakes the sender in a moment, whatever the socket says."""
        self._reactor.again(self)

    def look_later(self) -> None:
        """Wakes the sender in a while, and not before, whatever happens to the socket."""
        if self._watched:
            self._watched = False
            self._reactor.unwatch(self.fd)
        self._reactor.later(self)

    def watch_errors(self) -> None:
        """From here on the socket's errors, and only those, wake the sender."""
        self._watched = True
        self._reactor.watch_errors(self.fd, self)

    # What the runner uses.

    def begin(self, resolver: Resolver) -> None:
        """Starts, with the look-up of the name where there is one: the step `resolve`."""
        literal = self.target.literal
        if literal is not None:
            self._send(literal)
            return
        self.enter(_RESOLVE)
        plan, target = self.target.plan, self.target
        try:
            self._lookup = resolver.look_up(plan.host, target.family, self._resolved)
        except Exception as error:
            # Descriptors, most likely: whatever it is, it is not the peer's fault.
            self.fail(f"agent: resolver: {error}", SKIPPED)

    def _resolved(self, answer: Addresses | ResolveError) -> None:
        self._lookup = None
        if isinstance(answer, ResolveError):
            self.fail(str(answer))
            return
        if answer.stale:
            self.error = f"last good address: {answer.stale}"
        first, *others = self.target.choose(answer.found, self.slot)
        self._address = first
        self._other = others[0] if others else None
        self._send(first)

    def _send(self, address: Address) -> None:
        target = self.target
        self._sender = target.sender(self, target, address, self.slot)
        self._go_on()

    def ready(self, events: int) -> None:
        """The reactor's call: the socket has news."""
        self.events = events
        if self._sender is not None:
            self._go_on()

    def expire(self) -> None:
        """The deadline came first."""
        until = self._until
        if until is REFUSED or (until is ACKNOWLEDGED and self.fd >= 0 and not unacknowledged(self.fd)):
            self.left()
            self._end(SENT)
            return
        self.left()
        self._end(ABANDONED)

    def fail(self, error: str, verdict: Verdict = FAILED) -> None:
        """Ends the attempt in the step that it is in."""
        self.error = error
        self.left()
        self._end(verdict)

    def outcome(self) -> Outcome:
        """How it ended, for the report."""
        verdict = self.verdict
        assert verdict is not None
        if verdict is SENT:
            return Outcome(self.target.index, verdict, None, tuple(self._steps_us), self.error)
        if verdict is SKIPPED:
            return Outcome(self.target.index, verdict, None, (), self.error)
        step = Step(max(self._step, 0))
        error = self.error or "deadline"
        return Outcome(self.target.index, verdict, step, tuple(self._steps_us), error[:MAX_ERROR])

    def _go_on(self) -> None:
        try:
            until = next(self._sender, None)  # type: ignore[arg-type]
        except ssl.SSLError as error:
            self.fail(_tls_text(error))
        except OSError as error:
            ours, no_way = error.errno in _OURS, error.errno in _NO_WAY
            text = f"{self.target.where}: {_os_text(error)}"
            if (no_way or not ours) and self._refused_by_a_family("" if no_way else text):
                return
            if self._refusal and (ours or no_way):
                # Of the peer only the first address said something.
                self.fail(self._refusal)
                return
            self.fail(f"agent: {text}" if ours else text, SKIPPED if ours else FAILED)
        except SendError as error:
            self.fail(str(error))
        except Exception as error:
            text = f"agent: {type(error).__name__}: {error}"
            if text not in _bugs and len(_bugs) < _BUGS_TOLD:  # once each: they come every second
                _bugs.add(text)
                log.exception("agent.sender.bug", error, endpoint=self.target.where)
            self.fail(text, SKIPPED)
        else:
            if until is not None:
                self._until = until
                return
            if self._marked:
                self.left()
            # Whatever held the loop up: a success that is seen after the deadline is none.
            self._end(ABANDONED if monotonic() > self.deadline else SENT)

    def _refused_by_a_family(self, refusal: str) -> bool:
        """Goes on with the address of the other family, in the same attempt and by the same deadline.

        Only where the first one could not be reached at all: nothing was delivered there, so this is
        what any client does with a name, and no second try.
        """
        other, sock = self._other, self.sock
        if other is None or sock is None or monotonic() > self.deadline:
            return False
        if self._step != CONNECT and sock.type == _STREAM:
            return False
        if self._watched:
            self._watched = False
            self._reactor.forget(self.fd)
        self.sock = None
        sock.close()
        self._address, self._other = other, None
        self._refusal = refusal
        self._send(other)
        return True

    def _end(self, verdict: Verdict) -> None:
        self.verdict = verdict
        sender, self._sender = self._sender, None
        lookup, self._lookup = self._lookup, None
        if lookup is not None:
            lookup()
        if sender is not None and verdict is not SENT:
            sender.close()
            if self._step == CONNECT and self._address is not None:
                self.target.unreachable(self._address, self._other)
        elif verdict is SENT and self._address is not None:
            self.target.reached(self._address.family)
        sock = self.sock
        if sock is not None:
            self.sock = None
            if self.parting and verdict is SENT:
                self._reactor.part(sock)
                self._ended(self)
                return
            if self._watched:
                self._reactor.forget(self.fd)
            if verdict is ABANDONED and sock.type == _STREAM:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _ABORT)
            sock.close()
        self._ended(self)


def _os_text(error: OSError) -> str:
    if error.errno:
        text = os.strerror(error.errno)
        return text[:1].lower() + text[1:]
    return str(error) or type(error).__name__


def _tls_text(error: ssl.SSLError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"certificate: {error.verify_message}"
    if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        return "TLS: the peer closed the connection"
    return f"TLS: {(error.reason or str(error)).replace('_', ' ').lower()}"
