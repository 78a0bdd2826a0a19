"""Whose fault a loss is: what the other places that send the same traffic see. Pure.

agent         one host loses, and the same places' other hosts do not
receipt_path  the datapoints left and are missing where one receipt source carries them, which is
              disconnected, or which other sources contradict
service       the machines of the service themselves lose, or the data centre's own agents do
network       the outside loses and the inside does not, or one place does and others do not
unknown       nobody stands where it could be told
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from coalmine_aggregator.model.alerts import Cause
from coalmine_aggregator.model.fates import Fate
from coalmine_aggregator.model.scopes import Scope

ENOUGH = 3
"""Judged datapoints that it takes to say that a place is well."""

SHARE = 0.25
"""A place is touched by a loss if it loses at least this share of what the scope as a whole loses."""

PLACES = ("location", "region", "zone", "host")


class Place(NamedTuple):
    """One location's counts of the traffic that a scope is about, whether inside the scope or not."""

    judged: int
    bad: int


class Judgement(NamedTuple):
    """The cause, and the sentence that gives the reason."""

    cause: Cause
    why: str


class Sources(NamedTuple):
    """The receipt sources as they are: all of them, those without a connection, and those that
    received nothing lately of what others received."""

    names: tuple[str, ...] = ()
    silent: tuple[str, ...] = ()


def judge(
    scope: Scope,
    loss: float,
    by_location: Mapping[str, Place],
    fates: Sequence[int],
    sources: Sources,
) -> Judgement:
    """`loss` is that of the scope, `fates` its counts by fate; `by_location` are the counts of all
    series with the scope's labels other than those of places."""
    labels = dict(scope)
    if "host" in labels and "node" not in labels:
        return Judgement(Cause.AGENT, f"only what {labels['host']} sends is lost")
    bad = sum(fates[fate] for fate in (Fate.FAILED, Fate.ABANDONED, Fate.LOST, Fate.LATE))
    vanished = fates[Fate.LOST] + fates[Fate.LATE]
    one_source = len(sources.names) == 1
    if bad and vanished == bad and sources.silent and not one_source:
        return Judgement(
            Cause.RECEIPT_PATH,
            f"sent and not received; nothing comes by {', '.join(sources.silent)} any more",
        )
    caution = ""
    if bad and vanished == bad and one_source:
        caution = f"; all receipts come by {sources.names[0]} alone, so its path may be at fault, too"
        if sources.silent:
            return Judgement(Cause.RECEIPT_PATH, f"nothing is connected to {sources.names[0]} any more")
    if "node" in labels:
        return Judgement(Cause.SERVICE, f"everything that is sent to {labels['node']}{caution}")
    return _by_place(labels, loss, by_location, caution)


def _by_place(
    labels: Mapping[str, str], loss: float, by_location: Mapping[str, Place], caution: str
) -> Judgement:
    touched = {name: _touched(place, loss) for name, place in by_location.items()}
    inside = [name for name in ("on-machine", "internal") if touched.get(name)]
    well = [name for name in ("on-machine", "internal") if touched.get(name) is False]
    if inside:
        return Judgement(Cause.SERVICE, f"{inside[0]} fails too{caution}")
    if touched.get("external"):
        if well:
            return Judgement(Cause.NETWORK, f"external fails, {well[0]} does not")
        return Judgement(Cause.UNKNOWN, f"no agent stands inside to compare with{caution}")
    return Judgement(Cause.UNKNOWN, f"too little is known of the other places{caution}")


def _touched(place: Place, loss: float) -> bool | None:
    if place.judged < ENOUGH:
        return None
    return place.bad / place.judged >= SHARE * loss
