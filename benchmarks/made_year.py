"""A year of a made-up fleet, minute by minute, as the store would be given it.

1,000 hosts with six protocols in 20 zones of 10 regions: five regions are external, four internal, one
on the machine itself. That makes 6,000 series, 120 leaves and 60 cells. Every datapoint is lost with a
probability of 0.02 %, on its own. On each day another host is out of the roster, and ten outages come.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from coalmine_aggregator.history.minute import Minute
from coalmine_aggregator.history.step_times import STEPS, StepTimes
from coalmine_aggregator.history.tally import expected_by_group
from coalmine_aggregator.model.endings import PLAIN_ENDING, ending_of
from coalmine_aggregator.model.fates import Fate
from coalmine_aggregator.model.step_bins import BINS, EDGES_US
from coalmine_aggregator.model.unknown import UnknownReason
from coalmine_wire.protocols import Protocol
from coalmine_wire.series import Location

BEGIN: Final = 1_700_000_000 // 86_400 * 1440
"""The first minute (slot // 60): a midnight."""

DAY: Final = 1440
LOSS: Final = 0.0002
HOSTS: Final = 1_000
PROTOCOLS: Final = tuple(Protocol)
SERIES: Final = HOSTS * len(PROTOCOLS)
ZONES: Final = 20
LEAVES: Final = ZONES * len(PROTOCOLS)
REGIONS: Final = 10
CELLS: Final = REGIONS * len(PROTOCOLS)

Numbers = NDArray[np.int64]

NUMBER: Final[Numbers] = np.arange(SERIES)
HOST: Final[Numbers] = NUMBER // len(PROTOCOLS)
PROTOCOL: Final[Numbers] = NUMBER % len(PROTOCOLS)
ZONE: Final[Numbers] = HOST % ZONES
REGION: Final[Numbers] = ZONE // 2
EVERY: Final = np.ones(SERIES, dtype=np.bool_)
LEAF_OF: Final = (ZONE * len(PROTOCOLS) + PROTOCOL).astype(np.int32)

LOST: Final = ending_of(Fate.LOST, 0)
FAILED: Final = ending_of(Fate.FAILED, 0)
LATE: Final = ending_of(Fate.LATE, 1)
SILENT: Final = ending_of(Fate.UNKNOWN + UnknownReason.SILENT, 0)
GAP: Final = ending_of(Fate.UNKNOWN + UnknownReason.AGGREGATOR, 0)

_STEPS_OF: Final = {  # those that an attempt takes, besides the total
    Protocol.TCP: (0, 1, 3),
    Protocol.TLS: (0, 1, 2, 3),
    Protocol.UDP: (0, 3),
    Protocol.PICKLE: (0, 1, 3),
    Protocol.PICKLE_TLS: (0, 1, 2, 3),
    Protocol.HTTPS: (0, 1, 2, 3, 4),
}
_MEDIAN_US: Final = (60.0, 900.0, 2_500.0, 40.0, 4_000.0, 6_000.0)
_SPREAD: Final = 0.35

Mask = NDArray[np.bool_]


class Outage(NamedTuple):
    """A part of the series that end otherwise, from a minute of the year on."""

    name: str
    begin: int
    minutes: int
    hits: Mask
    share: float
    ending: int


OUTAGES: Final[Sequence[Outage]] = (
    Outage("an hour of all udp", 700, 60, PROTOCOL == 2, 1.0, LOST),
    Outage("a zone for 20 minutes", 1_900, 20, ZONE == 7, 1.0, FAILED),
    Outage("a host for a day", 2_100, DAY, HOST == 123, 1.0, SILENT),
    Outage("tls in one region for 2 hours", 3_800, 120, (PROTOCOL == 1) & (REGION == 3), 1.0, LOST),
    Outage("16 % of https for 3 hours", 4_300, 180, PROTOCOL == 5, 0.16, LOST),
    Outage("everything for 10 minutes", 5_000, 10, EVERY, 1.0, FAILED),
    Outage("a late region for half an hour", 5_300, 30, REGION == 9, 0.7, LATE),
    Outage("the aggregator for a minute", 5_900, 1, EVERY, 1.0, GAP),
    Outage("half of tcp in a zone for 4 hours", 6_200, 240, (PROTOCOL == 0) & (ZONE == 2), 0.5, FAILED),
    Outage("a series for two days", 7_000, 2 * DAY, NUMBER == 4_444, 1.0, FAILED),
)
"""All within a week of the first; `spread_over` spreads them."""


def spread_over(days: int) -> Sequence[Outage]:
    """The outages, each at the same hour of another day."""
    apart = max(0, days - 7) // len(OUTAGES) * DAY
    return [outage._replace(begin=outage.begin + index * apart) for index, outage in enumerate(OUTAGES)]


def roster_of(minute: int) -> int:
    """The number of the roster of a minute (slot // 60)."""
    return (minute - BEGIN) // DAY


def roster(number: int) -> Mask:
    """bool[SERIES]: all but those of the host that is out on that day."""
    mask: Mask = np.not_equal(HOST, 37 * number % HOSTS)
    return mask


def expected_of(number: int) -> NDArray[np.int64]:
    """int64[LEAVES]: how many a roster expects."""
    return expected_by_group(roster(number), LEAF_OF, LEAVES)


def series_labels() -> list[dict[str, str | int]]:
    """The labels of each series."""
    return [
        {
            "number": number,
            **_cell(PROTOCOLS[PROTOCOL[number]], int(REGION[number])),
            "variant": "",
            "zone": f"zone-{ZONE[number]:02}",
            "host": f"host-{HOST[number]:04}",
            "node": f"ingest-{HOST[number] % 8}",
            "sent_to": "",
        }
        for number in range(SERIES)
    ]


def leaf_labels() -> list[dict[str, str | int]]:
    """The labels of each leaf."""
    return [
        {
            "number": leaf,
            **_cell(PROTOCOLS[leaf % len(PROTOCOLS)], leaf // len(PROTOCOLS) // 2),
            "variant": "",
            "zone": f"zone-{leaf // len(PROTOCOLS):02}",
        }
        for leaf in range(LEAVES)
    ]


def cell_labels() -> list[dict[str, str | int]]:
    """The labels of each cell."""
    return [
        {"number": cell, **_cell(PROTOCOLS[cell % len(PROTOCOLS)], cell // len(PROTOCOLS))}
        for cell in range(CELLS)
    ]


def minutes(begin: int, end: int, outages: Sequence[Outage], seed: int) -> Iterator[tuple[int, Minute]]:
    """(minute, what became of every series) of the year's minutes from `begin` to before `end`."""
    rng = np.random.default_rng((seed, begin))
    for index in range(begin, end):
        under_way = [
            outage for outage in outages if outage.begin <= index < outage.begin + outage.minutes
        ]
        yield BEGIN + index, _minute(rng, BEGIN + index, under_way)


def _minute(rng: np.random.Generator, number: int, outages: Sequence[Outage]) -> Minute:
    minute, day = Minute(), roster_of(number)
    keys = np.unique(rng.integers(0, 60 * SERIES, rng.poisson(60 * SERIES * LOSS)))
    keys = keys[roster(day)[keys % SERIES]]
    lost, bounds = (keys % SERIES).astype(np.int32), np.searchsorted(keys // SERIES, np.arange(61))
    endings = np.full(len(lost), LOST, dtype=np.uint8)
    for second in range(60):
        those = slice(bounds[second], bounds[second + 1])
        if not outages:
            minute.put(second, day, PLAIN_ENDING, lost[those], endings[those])
            continue
        all_endings = np.full(SERIES, PLAIN_ENDING, dtype=np.uint8)
        all_endings[lost[those]] = LOST
        for outage in outages:
            hit = (
                outage.hits if outage.share >= 1 else outage.hits & (rng.random(SERIES) < outage.share)
            )
            all_endings[hit] = outage.ending
        usual = int(np.bincount(all_endings).argmax())
        numbers = np.flatnonzero((all_endings != usual) & roster(day)).astype(np.int32)
        minute.put(second, day, usual, numbers, all_endings[numbers])
    return minute


class Timer:
    """Draws histograms of step times: log-normal, slower by day than by night."""

    def __init__(self, seed: int) -> None:
        self._rng = np.random.default_rng(seed)
        pairs = [
            (cell, step)
            for cell in range(CELLS)
            for step in (*_STEPS_OF[PROTOCOLS[cell % len(PROTOCOLS)]], STEPS - 1)
        ]
        self._cell = np.array([cell for cell, _ in pairs], dtype=np.int32)
        self._step = np.array([step for _, step in pairs], dtype=np.uint8)
        self._mean = np.log([_MEDIAN_US[step] for _, step in pairs]) + 0.1 * (self._cell // 6)

    def of(self, minute: int, minutes: int) -> StepTimes:
        """What all attempts of so many minutes took."""
        mean = self._mean + 0.2 * np.sin(2 * np.pi * (minute % DAY) / DAY)
        below = _normal((np.log(EDGES_US[1:-1]) - mean[:, np.newaxis]) / _SPREAD)
        shares = np.diff(below, axis=1, prepend=0, append=1)
        attempts = minutes * 60 * HOSTS // REGIONS
        counts = self._rng.multinomial(attempts, shares / shares.sum(axis=1, keepdims=True))
        return StepTimes(self._cell, self._step, counts.reshape(-1, BINS))


def _normal(deviations: NDArray[np.float64]) -> NDArray[np.float64]:
    """The share below so many standard deviations, to within a thousandth."""
    return 1 / (1 + np.exp(-1.5976 * deviations - 0.07056 * deviations**3))


def _cell(protocol: Protocol, region: int) -> dict[str, str | int]:
    where = (
        Location.EXTERNAL if region < 5 else Location.INTERNAL if region < 9 else Location.ON_MACHINE
    )
    return {"protocol": protocol.value, "location": where.value, "region": f"region-{region}"}
