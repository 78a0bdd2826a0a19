"""Pages of the series that are kept, in order of service and number."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import sqlalchemy as sa

from coalmine_aggregator.model.label_filter import LabelFilter
from coalmine_aggregator.reading.counts import asked_services
from coalmine_aggregator.reading.library import Library
from coalmine_aggregator.store import schema
from coalmine_wire.series import LABELS


class SeriesPlace(NamedTuple):
    """The last series of a page."""

    service: str
    number: int


class SeriesPage(NamedTuple):
    """The labels of each, in the order of `LABELS`, how many there are in all, and where the next page
    begins, None at the end."""

    rows: list[tuple[str, ...]]
    total: int
    next: SeriesPlace | None


def series_page(
    library: Library,
    connection: sa.Connection,
    where: Mapping[str, str],
    after: SeriesPlace | None,
    limit: int,
) -> SeriesPage:
    """At most `limit` series that a filter takes."""
    wanted = LabelFilter(where)
    rows: list[tuple[str, ...]] = []
    last: SeriesPlace | None = None
    total, left = 0, 0
    for service in asked_services(library, connection, wanted):
        catalogue = library.catalogue(connection, schema.series, service)
        numbers = np.flatnonzero(catalogue.chosen(wanted))
        total += len(numbers)
        if after is not None and service <= after.service:
            numbers = numbers[numbers > after.number] if service == after.service else numbers[:0]
        page = numbers[: limit - len(rows)]
        left += len(numbers) - len(page)
        if len(page):
            values = [catalogue.values(label, page) for label in LABELS]
            rows += zip(*values, strict=True)
            last = SeriesPlace(service, int(page[-1]))
    return SeriesPage(rows, total, last if left else None)
