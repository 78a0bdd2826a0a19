"""What is wanted, as tests of outputs say it."""

from __future__ import annotations

from collections.abc import Mapping

from coalmine_aggregator.model.withdrawal import Held, Mode, Phase, Wanted, Withdrawal
from coalmine_runtime import clock

NODES = ("web-1", "web-2", "web-3", "web-4")
LEASE_S = 20.0


def withdrawal(
    node: str = "web-3", phase: Phase = Phase.DOWN, *, why: str = "lost by two vantages", by: str = ""
) -> Withdrawal:
    """A node that is out."""
    return Withdrawal("ingest", node, "dc1-a", 1_763_000_000.0, phase, 1_763_000_060.0, 0, why, by)


def word(
    *out: Withdrawal | str,
    at: float | None = None,
    mode: Mode = Mode.ACTING,
    service: str = "ingest",
    nodes: tuple[str, ...] = NODES,
    lease_s: float = LEASE_S,
    held: tuple[Held, ...] = (),
    frozen: str = "",
) -> Wanted:
    """A word on a service; a name alone is a node that is down."""
    gone = tuple(withdrawal(each) if isinstance(each, str) else each for each in out)
    return Wanted(
        service,
        clock.wall() if at is None else at,
        lease_s,
        mode,
        nodes,
        tuple(each._replace(service=service) for each in gone),
        held,
        frozen,
    )


def words(*each: Wanted) -> Mapping[str, Wanted]:
    """As `Output.show` takes it."""
    return {one.service: one for one in each}
