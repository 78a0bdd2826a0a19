"""Objectives and budgets as they stood at any time."""

from __future__ import annotations

import itertools

import msgspec
import numpy as np
import sqlalchemy as sa

from coalmine_aggregator.detect.slo import Slo, SloView
from coalmine_aggregator.model.slo_minutes import MINUTE_COLUMNS, MINUTE_S, MinuteSums
from coalmine_aggregator.store import schema


class Objective(msgspec.Struct, frozen=True):
    """What a service is held to, over a window of whole minutes."""

    objective: float
    window_s: int


def slo_at(connection: sa.Connection, service: str, objective: Objective, slot: int) -> SloView:
    """The objective over its window that ends at a slot, as late evidence has made it since."""
    return _slo_at(connection, service, objective, slot).view(slot)


def burn_down_at(
    connection: sa.Connection, service: str, objective: Objective, slot: int, points: int
) -> list[tuple[int, float]]:
    """How the budget of that window was spent, see `Slo.burn_down`."""
    return _slo_at(connection, service, objective, slot).burn_down(points, slot)


def _slo_at(connection: sa.Connection, service: str, objective: Objective, slot: int) -> Slo:
    table = schema.slo_minutes
    minute = slot // MINUTE_S
    oldest = minute - objective.window_s // MINUTE_S + 1
    rows = connection.execute(
        sa.select(table.c.minute, *(table.c[name] for name in MinuteSums._fields))
        .where(table.c.service == service, table.c.minute.between(oldest, minute))
        .order_by(table.c.minute)
    )
    slo = Slo(round(1.0 - objective.objective, 12), objective.window_s)
    flat = np.fromiter(itertools.chain.from_iterable(rows), dtype=np.int64)
    slo.restore(flat.reshape(-1, MINUTE_COLUMNS))
    return slo
