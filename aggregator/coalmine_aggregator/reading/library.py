"""What a reader remembers between questions: labels by number, and rosters. Both never change."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from coalmine_aggregator.history import roster_mask
from coalmine_aggregator.reading.catalogue import Catalogue
from coalmine_aggregator.store import schema
from coalmine_runtime.logs import get_logger

log = get_logger("reading")

MAX_ROSTERS: Final = 64 << 20
"""Bytes of masks that are remembered."""

Mask = NDArray[np.bool_]


class Library:
    """One a process."""

    def __init__(self) -> None:
        self._catalogues: dict[tuple[str, str], Catalogue] = {}
        self._rosters: OrderedDict[tuple[str, int], Mask] = OrderedDict()
        self._roster_bytes = 0

    def services(self, connection: sa.Connection) -> list[str]:
        """The services that have series, by name."""
        found: list[str] = []
        table = schema.series
        while True:  # a step of the index each: there may be a million series
            query = sa.select(sa.func.min(table.c.service))
            if found:
                query = query.where(table.c.service > found[-1])
            service = connection.execute(query).scalar_one()
            if service is None:
                return found
            found.append(service)

    def catalogue(self, connection: sa.Connection, table: sa.Table, service: str) -> Catalogue:
        """The labels of a service's series, leaves or cells."""
        key = (table.name, service)
        catalogue = self._catalogues.get(key)
        if catalogue is None:
            catalogue = self._catalogues[key] = Catalogue(table, service)
        catalogue.refresh(connection)
        return catalogue

    def roster(self, connection: sa.Connection, service: str, number: int) -> Mask | None:
        """bool[numbers]: who was expected; None where the store does not say."""
        key = (service, number)
        mask = self._rosters.get(key)
        if mask is not None:
            self._rosters.move_to_end(key)
            return mask
        table = schema.rosters
        body = connection.execute(
            sa.select(table.c.body).where(table.c.service == service, table.c.number == number)
        ).scalar_one_or_none()
        try:
            mask = None if body is None else roster_mask.decode(body)
        except roster_mask.RosterError as error:
            log.error("reading.roster.damaged", service=service, roster=number, error=error)
        if mask is None:
            return None
        self._rosters[key] = mask
        self._roster_bytes += len(mask)
        while self._roster_bytes > MAX_ROSTERS and len(self._rosters) > 1:
            _, old = self._rosters.popitem(last=False)
            self._roster_bytes -= len(old)
        return mask
