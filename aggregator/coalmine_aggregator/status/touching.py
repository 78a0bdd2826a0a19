"""Which components an incident touches, and how badly. Pure.

Scopes say it at first. Once counted, counts do. Of what lies in the scope of an alert, a component is
touched where at least the share was lost from which it is degraded, or where the scope names it and it
lost no few: of a wide scope one lost datapoint says nothing. Where that is so of none, what was lost is
spread thin, and it is of each that lost no few, or else of each that lost anything: what is counted is
never of nobody.

What people opened touches what they say, counted or not. A scope that names machines or zones and no
region says nothing of components before it is counted.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final, NamedTuple

from coalmine_aggregator.model.alerts import AlertClass
from coalmine_aggregator.model.incident import Affected, CellImpact, Incident
from coalmine_aggregator.model.scopes import Scope
from coalmine_aggregator.status.components import (
    ALL,
    Cell,
    Component,
    Components,
    Publish,
    fits_any,
)
from coalmine_aggregator.status.site import ComponentStatus
from coalmine_aggregator.status.state import LEAST_BAD, StateRules

_PLACES: Final = frozenset({"zone", "node", "host"})
_PUBLIC: Final = frozenset({"protocol", "region"})


class Loss(NamedTuple):
    """What a component lost in an incident: `bad` of `judged` datapoints of what was affected, which is
    all of the component or, unless `is_whole`, perhaps a part of it."""

    bad: int
    judged: int
    status: ComponentStatus
    is_whole: bool


def is_of_alert(affected: Affected) -> bool:
    """Whether it is of an alert that customers may be told of: loss alone."""
    return affected.alert != 0 and affected.alert_class is AlertClass.LOSS


def is_by_hand(affected: Affected) -> bool:
    """Whether a person said that it is affected."""
    return affected.alert == 0


class Touching:
    """What an incident as it stands does to components. `cells` are those that the fleet has."""

    def __init__(self, incident: Incident, components: Components, cells: Collection[Cell]) -> None:
        service = incident.service
        counted = () if incident.impact is None else incident.impact.cells
        self._least_share = components.least_share
        self._components = [each for each in components.all if each.service == service]
        self._counted = {Cell(service, each.protocol, each.region): each for each in counted}
        # Once counted its own cells tell all: those that the fleet gets later change no history.
        cells = self._counted.keys() or {cell for cell in cells if cell.service == service}
        self._of = {cell: components.of(cell) for cell in cells}
        self._scopes = [
            each.scope for each in incident.affected if is_of_alert(each) or is_by_hand(each)
        ]
        self._known: dict[tuple[Scope, bool], frozenset[Component]] = {}

    def by(self, scope: Scope, *, by_hand: bool = False) -> frozenset[Component]:
        """The components that a scope of the incident touches."""
        key = (scope, by_hand)
        if key not in self._known:
            found = self._said(scope) if by_hand else self._measured(scope)
            self._known[key] = frozenset(found)
        return self._known[key]

    def loss(self, component: Component, rules: StateRules) -> Loss | None:
        """What a component lost, in all; None before it is counted. A major outage spares no part of
        it, and one of which the whole was not counted is degraded at least and no more."""
        own = [found for cell, found in self._counted.items() if component in self._of[cell]]
        if not own:
            return None
        bad = sum(found.bad for found in own)
        judged = sum(found.judged for found in own)
        is_whole = any(_covers(scope, component) for scope in self._scopes)
        status = worse(self._status(own, bad, rules), ComponentStatus.DEGRADED_PERFORMANCE)
        if not is_whole:
            status = _better(status, ComponentStatus.PARTIAL_OUTAGE)
        return Loss(bad, judged, status, is_whole)

    def _status(self, own: Sequence[CellImpact], bad: int, rules: StateRules) -> ComponentStatus:
        is_wide = all(label in _PUBLIC for scope in self._scopes for label, _ in scope)
        is_counted = all(found.total for found in own)
        if bad < LEAST_BAD or not (is_wide or is_counted):
            return ComponentStatus.OPERATIONAL
        whole = sum(found.total if is_counted else found.judged for found in own)
        return rules.status(whole, bad)

    def beside(self, told: Collection[Component], *, is_published: bool) -> tuple[int, int]:
        """What was lost, and judged, of components that are none of those `told` and that customers may
        know of: unless a person published it, those that are not held."""
        beside = [
            self._counted[cell]
            for cell, components in self._of.items()
            if cell in self._counted
            and not any(each in told for each in components)
            and any(is_published or each.publish is Publish.AUTOMATIC for each in components)
        ]
        return sum(cell.bad for cell in beside), sum(cell.judged for cell in beside)

    def _measured(self, scope: Scope) -> Collection[Component]:
        """Those with a part in the scope that lost enough; before anything is counted, all."""
        cells = [cell for cell in self._of if _lies_in(cell, scope)]
        if self._counted:
            return self._lost(scope, cells)
        if not _says_where(scope):
            return []
        return [component for cell in cells for component in self._of[cell]]

    def _lost(self, scope: Scope, cells: Sequence[Cell]) -> Collection[Component]:
        """Those that lost enough of these cells, which lie in the scope."""
        bad: dict[Component, int] = {}
        whole: dict[Component, int] = {}
        for cell in cells:
            found = self._counted[cell]
            for each in self._of[cell]:
                bad[each] = bad.get(each, 0) + found.bad
                whole[each] = whole.get(each, 0) + (found.total or found.judged)
        lossy = [each for each in bad if bad[each]]
        many = [each for each in lossy if bad[each] >= LEAST_BAD]
        enough = [each for each in lossy if bad[each] >= self._least_share * whole[each]]
        enough += [each for each in many if _names(scope, each)]
        return enough or many or lossy

    def _said(self, scope: Scope) -> list[Component]:
        """Those with a part in the scope, measured or not."""
        if not _says_where(scope):
            cells = [cell for cell in self._counted if _lies_in(cell, scope)]
            return [component for cell in cells for component in self._of[cell]]
        labels = dict(scope)
        return [
            each
            for each in self._components
            if ("protocol" not in labels or fits_any(each.protocols, labels["protocol"]))
            and ("region" not in labels or fits_any(each.regions, labels["region"]))
        ]


def _names(scope: Scope, component: Component) -> bool:
    """Whether a scope says of each label that makes the component what it is that it is hit."""
    labels = dict(scope)
    own = (("protocol", component.protocols), ("region", component.regions))
    return all(
        globs == ALL or (label in labels and fits_any(globs, labels[label])) for label, globs in own
    )


def _covers(scope: Scope, component: Component) -> bool:
    """Whether all of a component lies in a scope, as far as the labels of both tell."""
    own = {"protocol": component.protocols, "region": component.regions}
    return all(own.get(label) == (value,) for label, value in scope)


def _lies_in(cell: Cell, scope: Scope) -> bool:
    labels = dict(scope)
    return (
        labels.get("protocol", cell.protocol) == cell.protocol
        and labels.get("region", cell.region) == cell.region
    )


def _says_where(scope: Scope) -> bool:
    labels = dict(scope)
    return "region" in labels or not _PLACES & labels.keys()


_ORDER: Final = {status: rank for rank, status in enumerate(ComponentStatus)}


def worse(one: ComponentStatus, other: ComponentStatus) -> ComponentStatus:
    """The worse of two."""
    return max(one, other, key=_ORDER.__getitem__)


def _better(one: ComponentStatus, other: ComponentStatus) -> ComponentStatus:
    return min(one, other, key=_ORDER.__getitem__)
