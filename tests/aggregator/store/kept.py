"""What the tables of history say, unfolded datapoint by datapoint and added up anew."""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from coalmine_aggregator.history import minute, roster_mask, sums
from coalmine_aggregator.model.endings import ARRIVALS, COLUMNS, RECEIVED, is_received
from tests.aggregator.store.beside import execute

Labels = tuple[str, ...]
_LEAF = "protocol, variant, location, region, zone"


def endings(url: str) -> dict[int, dict[Labels, int]]:
    """By slot, how every series ended that was expected: by service, labels, and whom it is sent to."""
    names = {
        (service, number): (service, *labels)
        for service, number, *labels in execute(
            url, f"SELECT service, number, {_LEAF}, host, node, sent_to FROM series"
        )
    }
    rosters = {
        (service, number): np.flatnonzero(roster_mask.decode(body)).tolist()
        for service, number, body in execute(url, "SELECT service, number, body FROM rosters")
    }
    found: defaultdict[int, dict[Labels, int]] = defaultdict(dict)
    for service, number, body in execute(url, "SELECT service, minute, body FROM seconds"):
        decoded = minute.decode(body)
        for second in range(60):
            each = decoded.second(second)
            if each is None:
                continue
            unusual = dict(zip(each.numbers.tolist(), each.endings.tolist(), strict=True))
            for member in rosters[service, each.roster]:
                label = names[service, member]
                found[number * 60 + second][label] = unusual.get(member, each.usual)
    return dict(found)


def summed(url: str, step_s: int) -> dict[tuple[str, int], dict[Labels, list[int]]]:
    """By service and start, the sums of each leaf that were kept."""
    leaves = {
        (service, number): tuple(labels)
        for service, number, *labels in execute(url, f"SELECT service, number, {_LEAF} FROM leaves")
    }
    found = {}
    rows = execute(url, "SELECT service, start, body FROM sums WHERE step_s = :step_s", step_s=step_s)
    for service, start, body in rows:
        each = sums.decode(body)
        found[service, start] = {
            leaves[service, leaf]: row
            for leaf, row in zip(each.leaves.tolist(), each.table.tolist(), strict=True)
        }
    return found


def added_up(
    slots: dict[int, dict[Labels, int]], step_s: int
) -> dict[tuple[str, int], dict[Labels, list[int]]]:
    """The sums that these endings make, of every minute or hour of which there are any."""
    found: defaultdict[tuple[str, int], defaultdict[Labels, list[int]]] = defaultdict(
        lambda: defaultdict(lambda: [0] * COLUMNS)
    )
    for slot, by_labels in slots.items():
        for labels, ending in by_labels.items():
            row = found[labels[0], slot // step_s * step_s][labels[1:6]]
            row[ending // ARRIVALS] += 1
            row[RECEIVED] += is_received(ending)
    return {key: dict(rows) for key, rows in found.items()}


def is_sound(url: str, newest: int) -> None:
    """Sums are there for what is over, and are what seconds make."""
    slots = endings(url)
    for step_s in (60, 3600):
        over = {
            key: rows for key, rows in added_up(slots, step_s).items() if key[1] + step_s <= newest + 1
        }
        assert summed(url, step_s) == over
