"""Numbers of series, leaves and cells within their service, given once and for good.

The ledger's ids mean something in one run alone; what is kept refers to these numbers. They are given
in memory, and their rows are written with the next transaction, so a commit that fails changes nothing.
A series is known by a keyed hash of its name: a dict of names would take 100 MB in a large fleet.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from coalmine_aggregator.ledger.series import CONTROL, MARK
from coalmine_aggregator.model.growing_column import GrowingColumn
from coalmine_aggregator.model.key_index import KeyIndex
from coalmine_aggregator.store import schema
from coalmine_aggregator.store.database import upsert
from coalmine_wire.series import ROOT, Series, parse_name

AT_ONCE: Final = 5_000
"""Series that are given numbers in one transaction: a tenth of a second."""

LEAF_LABELS: Final = ("protocol", "variant", "location", "region", "zone")
CELL_LABELS: Final = ("protocol", "location", "region")
_SERIES_LABELS: Final = (*LEAF_LABELS, "host", "node")
_KEY_BYTES: Final = 16

Numbers = NDArray[np.int32]


class _Named(NamedTuple):
    """A series by the service it is counted for; `sent_to` is the one that a control agent sends to."""

    series: Series
    sent_to: str


class NumberingError(Exception):
    """The rows are not numbered 0, 1, 2..., or two series have one hash: then another key helps."""


class ServiceSeries:
    """The series of one service: `leaf_of` and `cell_of` are the numbers of leaf and cell by number."""

    def __init__(self, service: str) -> None:
        self.service = service
        self.index = KeyIndex()
        self.leaf_of: GrowingColumn[np.int32] = GrowingColumn(np.int32)
        self.cell_of: GrowingColumn[np.int32] = GrowingColumn(np.int32)
        self.leaves: dict[tuple[str, ...], int] = {}
        self.cells: dict[tuple[str, ...], int] = {}


class Numbering:
    """All numbers. `follow` a ledger's names, `reach` a width, then ask."""

    def __init__(self, key: bytes) -> None:
        """`key` is any secret of 16 bytes: nobody can then make up names of one hash."""
        self.services: list[ServiceSeries] = []
        self._key = key
        self._by_service: dict[str, int] = {}
        self._names: Sequence[str] = ()
        self._service_of: GrowingColumn[np.int32] = GrowingColumn(np.int32)
        self._number_of: GrowingColumn[np.int32] = GrowingColumn(np.int32)
        self._rows: dict[str, list[dict[str, Any]]] = {"series": [], "leaves": [], "cells": []}

    def load(self, connection: sa.Connection) -> None:
        """Takes over what is numbered already. Raises `NumberingError`."""
        for table, labels in ((schema.leaves, LEAF_LABELS), (schema.cells, CELL_LABELS)):
            columns = [table.c[label] for label in labels]
            rows = connection.execute(sa.select(table.c.service, table.c.number, *columns))
            for service, number, *values in rows:
                known = self._service(service)
                (known.leaves if table is schema.leaves else known.cells)[tuple(values)] = number
        table = schema.series
        columns = [table.c.number, *(table.c[label] for label in _SERIES_LABELS), table.c.sent_to]
        for service in connection.execute(sa.select(table.c.service).distinct()).scalars().all():
            query = sa.select(*columns).where(table.c.service == service).order_by(table.c.number)
            self._load_series(connection, self._service(service), query)

    def _load_series(
        self, connection: sa.Connection, known: ServiceSeries, query: sa.Select[Any]
    ) -> None:
        count = 0
        result = connection.execute(query.execution_options(yield_per=AT_ONCE))
        for part in result.partitions():
            keys, leaves, cells = [], [], []
            for number, protocol, variant, location, region, zone, host, _, sent_to in part:
                if number != count:
                    raise NumberingError(f"the series of {known.service} are not numbered 0, 1, 2...")
                count += 1
                # A name is put together here as in `Series.name`, which would take twice the time.
                last = f"{protocol}-{variant}" if variant else protocol
                service = sent_to or known.service
                name = f"{ROOT}.{service}.{location}.{region}.{zone}.{host}.{last}"
                keys.append(self._hash(MARK + name if sent_to else name))
                leaves.append(known.leaves.get((protocol, variant, location, region, zone), -1))
                cells.append(known.cells.get((protocol, location, region), -1))
            if -1 in leaves or -1 in cells:
                raise NumberingError(f"there are series of {known.service} without a leaf or a cell")
            known.index.number(np.array(keys, dtype=np.int64))
            if len(known.index) != count:
                raise NumberingError(f"two of the series of {known.service} have one hash")
            known.leaf_of.append(leaves, len(leaves))
            known.cell_of.append(cells, len(cells))

    def follow(self, names: Sequence[str]) -> None:
        """From now on ids are those of this list of full names, which only grows."""
        if names is not self._names:
            self._names = names
            self._service_of, self._number_of = GrowingColumn(np.int32), GrowingColumn(np.int32)

    def reach(self, width: int) -> bool:
        """Gives numbers to ids below `width`, `AT_ONCE` at a time; whether all of them have one now."""
        begin = len(self._number_of)
        end = min(width, begin + AT_ONCE)
        if end > begin:
            self._number([_named(name) for name in self._names[begin:end]], self._names[begin:end])
        return len(self._number_of) >= width

    def service_of(self, ids: NDArray[Any]) -> Numbers:
        """int32[n]: the place in `services` of each id."""
        places: Numbers = self._service_of.values[ids]
        return places

    def number_of(self, ids: NDArray[Any]) -> Numbers:
        """int32[n]: the number of each id within its service."""
        numbers: Numbers = self._number_of.values[ids]
        return numbers

    def write(self, connection: sa.Connection) -> None:
        """Writes the rows of numbers given since `written` was last called."""
        for name, rows in self._rows.items():
            upsert(connection, schema.metadata.tables[name], rows)

    def written(self) -> None:
        """What was written is committed."""
        for rows in self._rows.values():
            rows.clear()

    def _number(self, named: Sequence[_Named], names: Sequence[str]) -> None:
        keys = np.fromiter(map(self._hash, names), np.int64, len(names))
        place_of = {name: self._place(name) for name in {each.series.service for each in named}}
        service = np.array([place_of[each.series.service] for each in named], dtype=np.int32)
        number = np.empty(len(named), dtype=np.int32)
        for place in set(place_of.values()):
            known = self.services[place]
            rows = np.flatnonzero(service == place)
            number[rows], first = known.index.number(keys[rows])
            for row in rows[first].tolist():
                self._add(known, int(number[row]), named[row])
        self._service_of.append(service, len(named))
        self._number_of.append(number, len(named))

    def _add(self, known: ServiceSeries, number: int, named: _Named) -> None:
        series = named.series
        labels = {label: str(getattr(series, label)) for label in _SERIES_LABELS}
        row = {"service": known.service, "number": number, **labels, "sent_to": named.sent_to}
        self._rows["series"].append(row)
        for column, table, numbers, names in (
            (known.leaf_of, "leaves", known.leaves, LEAF_LABELS),
            (known.cell_of, "cells", known.cells, CELL_LABELS),
        ):
            values = tuple(labels[name] for name in names)
            given = numbers.get(values)
            if given is None:
                given = numbers[values] = len(numbers)
                own = dict(zip(names, values, strict=True))
                self._rows[table].append({"service": known.service, "number": given, **own})
            column.append(given, 1)

    def _place(self, service: str) -> int:
        place = self._by_service.setdefault(service, len(self.services))
        if place == len(self.services):
            self.services.append(ServiceSeries(service))
        return place

    def _service(self, service: str) -> ServiceSeries:
        return self.services[self._place(service)]

    def _hash(self, name: str) -> int:
        digest = hashlib.blake2b(name.encode(), digest_size=8, key=self._key).digest()
        return int.from_bytes(digest, "little", signed=True)


def _named(name: str) -> _Named:
    """A full name of the ledger's."""
    if not name.startswith(MARK):
        return _Named(parse_name(name), "")
    series = parse_name(name.removeprefix(MARK))
    return _Named(series._replace(service=CONTROL), series.service)
