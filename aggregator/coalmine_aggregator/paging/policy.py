"""Who is to hear of which alerts, as the configuration has it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from coalmine_aggregator.model.alerts import Change
from coalmine_aggregator.paging.escalation import MAX_STEPS, Policy
from coalmine_aggregator.paging.hours import Hours
from coalmine_aggregator.paging.inhibition import INHIBIT, Inhibition
from coalmine_aggregator.paging.match import Match
from coalmine_aggregator.paging.person import Person
from coalmine_aggregator.paging.rota import Rota
from coalmine_aggregator.paging.target import Target
from coalmine_aggregator.paging.undelivered import OVERDUE_S

EVERYTHING: Final = frozenset(Change)


class Traits(NamedTuple):
    """What a receiver is like. It hears of the changes `hears`, opened always among them. `address` is
    what it needs of a person, such as `mail`; empty where it needs nobody."""

    hears: frozenset[Change] = EVERYTHING
    address: str = ""
    takes_groups: bool = False


class Group(NamedTuple):
    """How alerts are put together for a receiver that takes several at once: those with the same values
    of `by` (`service`, `class`, `severity` or a label of scopes), `wait_s` after the first."""

    by: tuple[str, ...]
    wait_s: float


class GroupKey(NamedTuple):
    """The values by which an alert is put together with others, and how long it waits for them."""

    values: tuple[str, ...]
    wait_s: float


class Route(NamedTuple):
    """The alerts that `match` takes go to `to`, only in `hours` where there are some, and climb the
    escalation of that name. Later routes are looked at only if it `goes_on`."""

    match: Match = Match()
    to: tuple[Target, ...] = ()
    hours: Hours | None = None
    group: Group | None = None
    escalation: str = ""
    goes_on: bool = False


class PagingPolicy(NamedTuple):
    """All of it. `receivers` has every configured receiver. `fallback` hears of receivers that do not
    deliver, and of alerts that no route takes; empty for every (other) receiver that needs no person. A
    receiver is told of as such once something waits for it longer than `overdue_s`.

    The order of `escalations` counts, see `step_number`.
    """

    receivers: Mapping[str, Traits]
    routes: tuple[Route, ...] = ()
    escalations: Mapping[str, Policy] = {}
    rotas: Mapping[str, Rota] = {}
    people: Mapping[str, Person] = {}
    inhibit: tuple[Inhibition, ...] = INHIBIT
    fallback: tuple[Target, ...] = ()
    overdue_s: float = OVERDUE_S

    def step_number(self, escalation: str, place: int) -> int:
        """The number in `Order.step` of a step by its place (0 is the first) in an escalation.

        Every step of every escalation has another one, so that an alert may climb several, and what was
        told is known after a restart. New steps, and escalations that are added last, move no number.
        """
        return list(self.escalations).index(escalation) * MAX_STEPS + place + 1
