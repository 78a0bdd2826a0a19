"""Plaintext lines on a stream, over TCP or TLS. Pure."""

from __future__ import annotations

from coalmine_aggregator.receivers.gather import Gather
from coalmine_aggregator.receivers.intake import Receive
from coalmine_aggregator.receivers.reasons import Reason
from coalmine_wire.plaintext import LineFramer


class LineIntake:
    """Reads straight into the gather's buffer; lines without end are left to the decoder to count."""

    __slots__ = ("_framer", "_gather", "units")

    done = False

    def __init__(self, gather: Gather) -> None:
        self._gather = gather
        self._framer = LineFramer()
        self.units = 0

    @property
    def held(self) -> int:
        return len(self._framer.pending)

    def read(self, receive: Receive) -> int:
        gather, framer = self._gather, self._framer
        count = receive(gather.room(framer))
        if count:
            self.units += gather.took(framer, count)
        return count

    def replies(self) -> bytes:
        return b""

    def ended(self) -> Reason | None:
        return Reason.TRUNCATED if self._framer.pending else None
