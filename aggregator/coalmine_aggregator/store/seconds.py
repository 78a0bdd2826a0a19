"""Settled slots into minutes by number: the growing rows of `seconds`."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from typing import Final, NamedTuple

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from coalmine_aggregator.history.minute import Minute, MinuteError, decode, encode
from coalmine_aggregator.history.minute_layout import SECONDS
from coalmine_aggregator.model.endings import ENDINGS
from coalmine_aggregator.model.settled_slot import ExpectedSeries, SettledSlot
from coalmine_aggregator.store import schema
from coalmine_aggregator.store.database import upsert
from coalmine_aggregator.store.numbering import Numbering
from coalmine_aggregator.store.rosters import Part, Rosters
from coalmine_runtime.logs import get_logger

log = get_logger("store")

_OPEN: Final = 16
"""Minutes kept decoded, so that the growing one of each service is not read back every second."""

_OPEN_EXCEPTIONS: Final = 4_000_000
"""Of exceptions in them; the newest minute of a service is kept however large it is."""


class MinuteKey(NamedTuple):
    """A row of `seconds`: the service by its place in `Numbering.services`, and slot // 60."""

    place: int
    minute: int


class Seconds:
    """Puts slots into minutes. `bodies` are those of the transaction, for sums to be made of them."""

    def __init__(self, numbering: Numbering, rosters: Rosters) -> None:
        self._numbering = numbering
        self._rosters = rosters
        self._open: OrderedDict[MinuteKey, Minute] = OrderedDict()
        self._sizes: dict[MinuteKey, int] = {}

    def forget(self) -> None:
        """What is kept decoded may hold what was rolled back."""
        self._open.clear()
        self._sizes.clear()

    def write(self, connection: sa.Connection, slots: Iterable[SettledSlot]) -> dict[MinuteKey, bytes]:
        """Writes every minute that these slots lie in; gives their new bytes."""
        touched: dict[MinuteKey, Minute] = {}
        for slot in slots:
            number, second = divmod(slot.slot, SECONDS)
            parts = self._rosters.parts(slot.expected, number)
            service = self._numbering.service_of(slot.ids) if len(parts) > 1 else None
            for part in parts:
                key = MinuteKey(part.place, number)
                # What this batch has changed may no longer be among the kept ones.
                minute = touched.get(key) or self._minute(connection, key)
                those = slice(None) if service is None else np.flatnonzero(service == part.place)
                usual, numbers, endings = self._second(slot, part, slot.ids[those], slot.endings[those])
                minute.put(second, part.roster, usual, numbers, endings)
                touched[key] = minute
                self._sizes[key] = self._sizes.get(key, 0) + len(numbers)
        bodies = {key: encode(minute) for key, minute in touched.items()}
        upsert(
            connection,
            schema.seconds,
            [
                {
                    "service": self._numbering.services[key.place].service,
                    "minute": key.minute,
                    "body": body,
                }
                for key, body in bodies.items()
            ],
        )
        self._close()
        return bodies

    def read(self, connection: sa.Connection, key: MinuteKey) -> bytes | None:
        """A minute's bytes as they were written."""
        table = schema.seconds
        return connection.execute(
            sa.select(table.c.body).where(
                table.c.service == self._numbering.services[key.place].service,
                table.c.minute == key.minute,
            )
        ).scalar_one_or_none()

    def _second(
        self,
        slot: SettledSlot,
        part: Part,
        ids: NDArray[np.int32],
        endings: NDArray[np.uint8],
    ) -> tuple[int, NDArray[np.int32], NDArray[np.uint8]]:
        """The usual ending of one service, and the numbers that ended otherwise, ascending."""
        usual = slot.usual
        numbers = self._numbering.number_of(ids)
        if 2 * len(numbers) > part.size:
            counts = np.bincount(endings, minlength=ENDINGS)
            counts[usual] = part.size - len(numbers)
            if int(counts.argmax()) != usual:
                every = self._members(slot.expected, part.place)
                ending_of = np.full(int(every.max()) + 1, usual, dtype=np.uint8)
                ending_of[numbers] = endings
                usual = int(counts.argmax())
                numbers = every[ending_of[every] != usual]
                return usual, numbers, ending_of[numbers]
        if len(numbers) > 1 and not (numbers[1:] > numbers[:-1]).all():
            order = np.argsort(numbers)
            numbers, endings = numbers[order], endings[order]
        return usual, numbers, endings

    def _members(self, expected: ExpectedSeries, place: int) -> NDArray[np.int32]:
        """The numbers that are expected of a service, ascending."""
        ids = np.flatnonzero(expected.mask())
        return np.sort(self._numbering.number_of(ids[self._numbering.service_of(ids) == place]))

    def _minute(self, connection: sa.Connection, key: MinuteKey) -> Minute:
        minute = self._open.get(key)
        if minute is None:
            minute = self._open[key] = _decoded(self.read(connection, key), key.minute)
        self._open.move_to_end(key)
        return minute

    def _close(self) -> None:
        """Keeps as many minutes decoded as the bounds allow, those touched last."""
        while len(self._open) > len(self._numbering.services) and (
            len(self._open) > _OPEN + len(self._numbering.services)
            or sum(self._sizes.get(key, 0) for key in self._open) > _OPEN_EXCEPTIONS
        ):
            key, _ = self._open.popitem(last=False)
            self._sizes.pop(key, None)
        if len(self._sizes) > len(self._open):
            self._sizes = {key: self._sizes.get(key, 0) for key in self._open}


def _decoded(body: bytes | None, number: int) -> Minute:
    """The minute so far. A damaged one is begun anew, since nothing can be added to it."""
    if body is None:
        return Minute()
    try:
        return decode(body)
    except MinuteError as error:
        log.error("store.minute.damaged", minute=number, error=error)
        return Minute()
