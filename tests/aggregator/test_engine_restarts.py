"""Several restarts in a row: the seconds in which nobody was there stay on the page."""

from __future__ import annotations

from coalmine_wire.reports import Verdict
from tests.aggregator.fleet import Canary, T, desk


def test_gaps_of_earlier_runs_are_still_shown() -> None:
    """Expected is the sum of the fates in every second from the first to the last, none left out."""
    canary = Canary()
    run = desk(T)
    run.engine.birth(canary.birth(), T)
    for slot in range(T + 1, T + 6):
        run.receive(canary.names(), slot)
        run.engine.report(canary.report([slot], Verdict.SENT, sent_at=slot + 0.4), slot + 0.4)
    run.tick(T + 9)
    for begins in (T + 12, T + 24):  # killed and started again, twice
        before, run = run, desk(begins, run.restored([canary.birth()]))
        run.slots, run.exceptions = before.slots, before.exceptions  # a store keeps them all
        run.tick(begins + 4.1)

    (group,) = run.engine.rates((), {}, T, T + 60)
    assert group.slots == list(range(T + 1, T + 26))
    assert group.expected == [sum(fates) for fates in group.fates] == [3] * len(group.slots)
    assert group.received[:5] == [3] * 5
    assert all(
        sum(unknown) == fates[-1] for fates, unknown in zip(group.fates, group.unknown, strict=True)
    )
