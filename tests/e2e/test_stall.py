"""An aggregator that stands still for a while: what it could not see is unknown, never lost."""

from __future__ import annotations

import signal

from coalmine_runtime import clock
from tests.e2e.fleet import Fleet
from tests.e2e.site import RELAYED, Site


async def test_a_stopped_aggregator_invents_no_loss(site: Site, fleet: Fleet) -> None:
    first = await site.api.until_whole(fleet.expected)
    stopped = clock.wall()
    site.aggregator.signal(signal.SIGSTOP)
    try:
        await site.aggregator.until_true(
            lambda: clock.wall() - stopped > 6, deadline_s=10, what="6 s have passed"
        )
    finally:
        site.aggregator.signal(signal.SIGCONT)
    await site.api.until_whole(fleet.expected)

    rates = await site.api.rates("protocol", first=first)
    for name in RELAYED:  # its own receiver of https was really away
        assert sum(row.bad for row in rates[name]) == 0, name
        unknown = sum(row.fates["unknown"] for row in rates[name])
        assert unknown >= 3 * len(fleet.agents), name
    assert all(row.expected == sum(row.fates.values()) for rows in rates.values() for row in rows)
    assert (await site.api.alerts())["open"] == []
    assert "measuring.stalled" in site.aggregator.text()
