"""The cells of a snapshot as rows of regions and columns of protocols. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from coalmine_cli.told_live import Cell

PROTOCOLS = ("tcp", "tls", "udp", "pickle", "pickle_tls", "https")
"""In this order; others come after them."""

RANK = {"down": 0, "partial": 1, "unknown": 2, "ok": 3}
"""The worst first."""


class Square(NamedTuple):
    """Some cells together: datapoints of the newest second, and bad ones of the last minute."""

    status: str
    received: int
    expected: int
    bad_60s: int
    judged_60s: int


class Row(NamedTuple):
    """A region of a service; one square for each protocol, None where nothing is sent."""

    service: str
    region: str
    squares: tuple[Square | None, ...]

    @property
    def status(self) -> str:
        """The worst."""
        return min((square.status for square in self.squares if square), key=rank)

    @property
    def bad_60s(self) -> int:
        """Bad datapoints of the last minute, over all protocols."""
        return sum(square.bad_60s for square in self.squares if square)


class Grid(NamedTuple):
    """The rows in the order of their labels."""

    protocols: tuple[str, ...]
    rows: tuple[Row, ...]
    total: Square


def grid_of(cells: Iterable[Cell], location: str = "") -> Grid:
    """The grid as seen from one location; from all together without one."""
    seen = [cell for cell in cells if location in ("", cell.location)]
    protocols = tuple(sorted({cell.protocol for cell in seen}, key=_order))
    places = sorted({(cell.service, cell.region) for cell in seen})
    by_place: dict[tuple[str, str, str], list[Cell]] = {}
    for cell in seen:
        by_place.setdefault((cell.service, cell.region, cell.protocol), []).append(cell)
    rows = tuple(
        Row(service, region, tuple(_square(by_place.get((service, region, p), ())) for p in protocols))
        for service, region in places
    )
    return Grid(protocols, rows, _square(seen) or Square("unknown", 0, 0, 0, 0))


def rank(status: str) -> int:
    """How bad a status is, 0 the worst."""
    return RANK.get(status, RANK["unknown"])


def _square(cells: Sequence[Cell]) -> Square | None:
    if not cells:
        return None
    statuses = {cell.status for cell in cells}
    judged = statuses - {"unknown"}
    worst = judged.pop() if len(judged) == 1 else "partial"  # all down is down, some down is partial
    status = worst if statuses != {"unknown"} else "unknown"
    return Square(
        status,
        sum(cell.received[-1] for cell in cells if cell.received),
        sum(cell.expected[-1] for cell in cells if cell.expected),
        sum(cell.bad_60s for cell in cells),
        sum(cell.judged_60s for cell in cells),
    )


def _order(protocol: str) -> tuple[int, str]:
    known = PROTOCOLS.index(protocol) if protocol in PROTOCOLS else len(PROTOCOLS)
    return known, protocol
