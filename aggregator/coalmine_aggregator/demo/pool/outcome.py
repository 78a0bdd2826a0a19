"""What came of an act, and whether that is as it was told beforehand. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from coalmine_aggregator.demo.pool.ledger import NOTHING, Deliveries


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Of one act. `trouble` says what did not come as told, empty where all did. `out_after_s` are the
    seconds until the balancer gave the node no new work, `back_after_s` from its mending until it got
    work again, None where nobody was out. Customers' datapoints: `while_broken` from the break until
    it was out, or mended where nobody was, `while_out` as long as that was watched, `since_back`."""

    what: str
    nodes: tuple[str, ...]
    trouble: str = ""
    withdrawn: tuple[str, ...] = ()
    pages: int = 0
    out_after_s: float | None = None
    back_after_s: float | None = None
    while_broken: Deliveries = NOTHING
    while_out: Deliveries = NOTHING
    since_back: Deliveries = NOTHING

    @property
    def as_told(self) -> bool:
        """Whether it all came as told."""
        return not self.trouble

    def document(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "what": self.what,
            "nodes": list(self.nodes),
            "as_told": self.as_told,
            "trouble": self.trouble,
            "withdrawn": list(self.withdrawn),
            "pages": self.pages,
            "out_after_s": _rounded(self.out_after_s),
            "back_after_s": _rounded(self.back_after_s),
            "customers": {
                "while_broken": self.while_broken._asdict(),
                "while_out": self.while_out._asdict(),
                "since_back": self.since_back._asdict(),
            },
        }


def summary(outcomes: Sequence[Outcome], acts: int, total: Deliveries) -> dict[str, Any]:
    """The last line of an unattended game day that had so many acts to play."""
    return {
        "as_told": all_as_told(outcomes, acts),
        "acts": [each.document() for each in outcomes],
        "customers": total._asdict(),
    }


def all_as_told(outcomes: Sequence[Outcome], acts: int) -> bool:
    """Whether all acts were played and came as told."""
    return len(outcomes) == acts and all(each.as_told for each in outcomes)


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 2)
