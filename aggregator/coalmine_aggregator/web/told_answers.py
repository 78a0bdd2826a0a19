"""The API's answers about who was told of an alert, and why nobody is. Pure."""

from __future__ import annotations

from coalmine_aggregator.paging.order import Hold
from coalmine_aggregator.reading.told import Told
from coalmine_aggregator.web.answers import Answer


class HeldItem(Answer):
    """Why an open alert is not told now. `kind` is silence, maintenance, inhibited (by a wider alert)
    or hours; `by` the id of the silence or of the wider alert; `until` when that ends if nothing else
    happens, None where nobody knows."""

    kind: str
    until: float | None
    by: str
    who: str
    why: str


class ToldItem(Answer):
    """One message about an alert to one receiver, `target` being the person's name where it goes to
    one. `step` is 0 for what routes tell, else a step of an escalation, told the `repeat`th time anew.

    `state` is delivered, waiting, given up, or left out: never tried, as something newer was told or
    nobody needs it any more. `delivered_at` is None until it was taken; `dead` says why it was given up
    or left out, `error` how the last attempt failed.
    """

    receiver: str
    target: str
    step: int
    repeat: int
    change: str
    made_at: float
    attempts: int
    state: str
    delivered_at: float | None
    dead: str
    error: str


def held_item(hold: Hold) -> HeldItem:
    """The hold as it is told."""
    return HeldItem(str(hold.kind), hold.until, hold.by, hold.who, hold.why)


def told_item(told: Told) -> ToldItem:
    """The message as it is told."""
    state = "waiting"
    if told.delivered_at is not None:
        state = "delivered"
    elif told.dead is not None:
        state = "given up" if told.attempts else "left out"
    return ToldItem(
        told.receiver,
        told.target,
        told.step,
        told.repeat,
        str(told.change),
        told.made_at,
        told.attempts,
        state,
        told.delivered_at,
        told.dead or "",
        told.error or "",
    )
