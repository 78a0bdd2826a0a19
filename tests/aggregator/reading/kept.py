"""A store with history in it that a dense model knows too.

Every series of a small fleet has an ending in every slot, or was not expected (`OUT`), or nobody looked
(`UNSEEN`, whole slots). `keep` writes that as the store does: seconds by exceptions, rosters, sums by
leaf of whole minutes and hours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from coalmine_aggregator.history import columns, minute, roster_mask, sums
from coalmine_aggregator.history.tally import expected_by_group
from coalmine_aggregator.model.endings import COLUMNS, ENDINGS, PLAIN_ENDING, sums_of
from coalmine_aggregator.model.scopes import leaf_of
from coalmine_aggregator.store import schema
from coalmine_aggregator.store.database import upsert
from coalmine_wire.protocols import Protocol
from coalmine_wire.series import Location, Series, make_series

OUT = 255
UNSEEN = 254
START = 1_790_002_800
"""The first slot, at the beginning of an hour."""


class Past(NamedTuple):
    """`endings` uint8[slots, series] from slot `START` on."""

    series: list[Series]
    endings: NDArray[np.uint8]

    def rates(
        self, by: Sequence[str], where: Mapping[str, str], first: int, last: int, step_s: int
    ) -> dict[tuple[str, ...], dict[int, list[int]]]:
        """By labels and beginning of the step: counts in `COLUMNS`; what is seen of nothing is left
        out, and groups that expected nothing."""
        indices = np.array([index for index, _ in self.seen(first, last)], dtype=np.int64)
        step = (indices + START) // step_s * step_s
        found: dict[tuple[str, ...], dict[int, NDArray[np.int64]]] = {}
        for column, series in enumerate(self.series):
            if any(getattr(series, key) != value for key, value in where.items()):
                continue
            endings = self.endings[indices, column]
            there = endings != OUT
            group = found.setdefault(tuple(str(getattr(series, label)) for label in by), {})
            for begin in np.unique(step[there]).tolist():
                some = np.bincount(endings[there & (step == begin)], minlength=ENDINGS)
                group[begin] = group.get(begin, np.zeros(COLUMNS, dtype=np.int64)) + sums_of(some)
        return {
            labels: {slot: table.tolist() for slot, table in group.items()}
            for labels, group in found.items()
            if group
        }

    def seen(self, first: int, last: int) -> list[tuple[int, int]]:
        """Index and slot of what is seen."""
        return [
            (slot - START, slot)
            for slot in range(max(first, START), min(last, START + len(self.endings) - 1) + 1)
            if self.endings[slot - START, 0] != UNSEEN
        ]


def fleet(services: Sequence[str] = ("ingest",), hosts: int = 2) -> list[Series]:
    """Two regions, two protocols, two locations."""
    return [
        make_series(
            service=service,
            protocol=protocol,
            location=location,
            region=region,
            zone=f"{region}-a",
            host=f"{location}-{region}-{host}",
        )
        for service in services
        for region in ("eu", "us")
        for location in (Location.EXTERNAL, Location.ON_MACHINE)
        for host in range(hosts)
        for protocol in (Protocol.TCP, Protocol.UDP)
    ]


def random_past(seed: int, slots: int, series: Sequence[Series] | None = None) -> Past:
    """Mostly fine, with losses, an outage of all udp, hosts that come and go, and a gap."""
    random = np.random.default_rng(seed)
    every = list(series or fleet())
    endings = np.full((slots, len(every)), PLAIN_ENDING, dtype=np.uint8)
    scattered = random.random(endings.shape) < 0.05
    endings[scattered] = random.integers(0, ENDINGS, int(scattered.sum()))
    udp = [i for i, each in enumerate(every) if each.protocol == "udp"]
    begin = int(random.integers(0, slots))
    endings[begin : begin + slots // 5, udp] = 3 * 3
    if random.random() < 0.5:
        endings[begin : begin + 20] = 6 * 3  # nearly all unknown: another usual ending
    for column in random.integers(0, len(every), 3):
        endings[: random.integers(0, slots), column] = OUT
    gap = int(random.integers(0, slots))
    endings[gap : gap + 7] = UNSEEN
    return Past(every, endings)


def keep(engine: sa.Engine, past: Past) -> None:
    """Writes it."""
    with engine.begin() as connection:
        for service in sorted({series.service for series in past.series}):
            mine = [i for i, series in enumerate(past.series) if series.service == service]
            _keep_service(connection, service, [past.series[i] for i in mine], past.endings[:, mine])


def _keep_service(
    connection: sa.Connection, service: str, series: list[Series], endings: NDArray[np.uint8]
) -> None:
    labels = [{"service": service, "number": i, **_labels(each)} for i, each in enumerate(series)]
    upsert(connection, schema.series, [{**each, "sent_to": ""} for each in labels])
    leaves = list(dict.fromkeys(leaf_of(each) for each in series))
    upsert(
        connection, schema.leaves, [{"number": i, **leaf._asdict()} for i, leaf in enumerate(leaves)]
    )
    leaf = np.array([leaves.index(leaf_of(each)) for each in series], dtype=np.int32)
    rosters: dict[bytes, int] = {}
    by_minute: dict[int, bytes] = {}
    expected: dict[int, NDArray[np.int64]] = {}
    for number in range(START // 60, (START + len(endings) - 1) // 60 + 1):
        part = minute.Minute()
        for second in range(60):
            index = number * 60 + second - START
            if index >= len(endings) or endings[index, 0] == UNSEEN or (endings[index] == OUT).all():
                continue
            row = endings[index]
            mask = row != OUT
            roster = rosters.setdefault(mask.tobytes(), len(rosters))
            expected[roster] = expected_by_group(mask, leaf, len(leaves))
            usual = int(np.bincount(row[mask]).argmax())
            numbers = np.flatnonzero(mask & (row != usual)).astype(np.int32)
            part.put(second, roster, usual, numbers, row[numbers])
        by_minute[number] = minute.encode(part)
    upsert(
        connection,
        schema.seconds,
        [{"service": service, "minute": key, "body": body} for key, body in by_minute.items()],
    )
    upsert(
        connection,
        schema.rosters,
        [
            {
                "service": service,
                "number": number,
                "used": START // 60,
                "body": roster_mask.encode(np.frombuffer(mask, dtype=np.bool_)),
            }
            for mask, number in rosters.items()
        ],
    )
    end = START + len(endings)
    by_hour: dict[int, list[sums.Sums]] = {}
    for number, body in by_minute.items():
        if number * 60 + 60 <= end:
            read = columns.read([(number, body)])
            found = sums.of_minute(number, read, expected, leaf, len(leaves))
            by_hour.setdefault(number // 60, []).append(found)
            _keep_sums(connection, service, 60, number * 60, found)
    for hour, parts in by_hour.items():
        if hour * 3600 + 3600 <= end:
            _keep_sums(connection, service, 3600, hour * 3600, sums.add(parts))


def _keep_sums(
    connection: sa.Connection, service: str, step_s: int, start: int, found: sums.Sums
) -> None:
    row = {"service": service, "step_s": step_s, "start": start, "body": sums.encode(found)}
    upsert(connection, schema.sums, [row])


def _labels(series: Series) -> dict[str, str]:
    return {label: str(value) for label, value in series._asdict().items() if label != "service"}
