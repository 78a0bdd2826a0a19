"""Minutes as they were kept before 0003: counts by leaf and second, folded into sums.

Their bytes are a version and a zlib stream of, all little-endian: a bit for each second that has counts
(uint64), the number of leaves and of steps (uint32 each), the leaves' ids (uint32), then the steps: the
distance of each from the one before (uint32), and their sizes (int32). A step is where a count differs
from that of the second before, in the order leaf, column, second; the columns are the seven fates and,
last, received less delivered.
"""

from __future__ import annotations

import struct
import zlib
from collections import defaultdict
from collections.abc import Iterator
from typing import Final

import numpy as np
import sqlalchemy as sa

from coalmine_aggregator.history import sums
from coalmine_aggregator.history.sums import Sums
from coalmine_aggregator.model.endings import COLUMNS, RECEIVED
from coalmine_aggregator.model.fates import FATES, Fate
from coalmine_aggregator.model.unknown import UnknownReason
from coalmine_runtime.logs import get_logger

log = get_logger("store")

LABELS: Final = ("protocol", "variant", "location", "region", "zone")
_HEAD: Final = struct.Struct("<QII")
_SECONDS: Final = 60
_AT_ONCE: Final = 1_000


def leaves(connection: sa.Connection) -> list[dict[str, object]]:
    """The rows of the new table, each with the `id` that it had before."""
    rows = connection.execute(
        sa.text(f"SELECT id, service, {', '.join(LABELS)} FROM leaves ORDER BY id")  # noqa: S608
    )
    counts: defaultdict[str, int] = defaultdict(int)
    found: list[dict[str, object]] = []
    for row in rows.mappings():
        found.append({**row, "number": counts[row["service"]]})
        counts[row["service"]] += 1
    return found


def rollups(connection: sa.Connection, numbers: dict[int, int]) -> Iterator[dict[str, object]]:
    """Rows of sums, made of all old minutes; `numbers` are the new ones of leaves by their old ids. Why
    a datapoint is unknown was not kept: it is taken for the aggregator's own gap."""
    hour: tuple[str, int] | None = None
    parts: list[Sums] = []
    query = sa.text("SELECT service, minute, body FROM minutes ORDER BY service, minute")
    for service, minute, body in connection.execute(query.execution_options(yield_per=_AT_ONCE)):
        try:
            found = _sums(bytes(body), numbers)
        except (zlib.error, struct.error, ValueError, IndexError, KeyError) as error:
            log.error("store.minute.damaged", service=service, minute=minute, error=error)
            continue
        if hour != (service, minute // 60):
            if hour is not None:
                yield _row(hour[0], 3_600, hour[1] * 3_600, sums.add(parts))
            hour, parts = (service, minute // 60), []
        parts.append(found)
        yield _row(service, 60, minute * 60, found)
    if hour is not None:
        yield _row(hour[0], 3_600, hour[1] * 3_600, sums.add(parts))


def _row(service: str, step_s: int, start: int, found: Sums) -> dict[str, object]:
    return {"service": service, "step_s": step_s, "start": start, "body": sums.encode(found)}


def _sums(data: bytes, numbers: dict[int, int]) -> Sums:
    raw = zlib.decompress(data[1:])
    bits, count, steps = _HEAD.unpack_from(raw)
    ids = np.frombuffer(raw, dtype="<u4", count=count, offset=_HEAD.size)
    gaps = np.frombuffer(raw, dtype="<u4", count=steps, offset=_HEAD.size + 4 * count)
    sizes = np.frombuffer(raw, dtype="<i4", count=steps, offset=_HEAD.size + 4 * (count + steps))
    changes = np.zeros(count * (FATES + 1) * _SECONDS, dtype=np.int64)
    changes[np.cumsum(gaps, dtype=np.int64)] = sizes
    seen = np.array([bits >> second & 1 for second in range(_SECONDS)], dtype=np.bool_)
    by_second = np.cumsum(changes.reshape(count, FATES + 1, _SECONDS), axis=2)
    old = by_second[:, :, seen].sum(axis=2)
    table = np.zeros((count, COLUMNS), dtype=np.int64)
    table[:, : Fate.UNKNOWN] = old[:, : Fate.UNKNOWN]
    table[:, Fate.UNKNOWN + UnknownReason.AGGREGATOR] = old[:, Fate.UNKNOWN]
    table[:, RECEIVED] = old[:, FATES] + old[:, Fate.DELIVERED]
    leaf = np.array([numbers[each] for each in ids.tolist()], dtype=np.int32)
    order = np.argsort(leaf)
    return Sums(leaf[order], table[order], int(seen.sum()))
