"""An incident as customers may see it: only what is made of component names and counts, and what people
wrote for them, gets through. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import NamedTuple

from coalmine_aggregator.incidents.publicity import may_be_public
from coalmine_aggregator.model.incident import (
    Entry,
    Incident,
    IncidentState,
    Postmortem,
    Publication,
)
from coalmine_aggregator.status import words
from coalmine_aggregator.status.components import Cell, Component
from coalmine_aggregator.status.course import (
    Step,
    course_of,
    is_written_up,
    public_state,
    public_writings,
    waits,
)
from coalmine_aggregator.status.plan import Plan
from coalmine_aggregator.status.site import (
    ComponentChange,
    ComponentImpact,
    ComponentStatus,
    Grade,
    PublicIncident,
    PublicUpdate,
)
from coalmine_aggregator.status.touching import Loss, Touching, is_of_alert

_OPERATIONAL = ComponentStatus.OPERATIONAL
_DEGRADED = ComponentStatus.DEGRADED_PERFORMANCE


class Recorded(NamedTuple):
    """An incident with all of its timeline, in order. Hand in the very same object as long as neither
    changes: what was made of it is kept by that."""

    incident: Incident
    entries: tuple[Entry, ...]


class Told(NamedTuple):
    """What customers see of an incident. While it is open, `told` are the components that it touched,
    and `touched` those that it touches now."""

    public: PublicIncident
    told: frozenset[Component]
    touched: frozenset[Component]


def id_of(plan: Plan, number: int) -> str:
    """The public id of the incident with this number."""
    return plan.id_of("incident", number)


def tell(recorded: Recorded, plan: Plan, cells: Collection[Cell]) -> Told | None:
    """What customers see of an incident; None where they see nothing of it. `cells` are those that the
    fleet has."""
    incident = recorded.incident
    if incident.publication is Publication.WITHHELD or not may_be_public(incident):
        return None
    if incident.service not in plan.components.services:
        return None
    touching = Touching(incident, plan.components, cells)
    course = course_of(incident, recorded.entries, touching)
    if not course.steps:
        return None
    teller = _Teller(recorded, plan, touching, course.told)
    public = teller.incident(course.steps, course.monitoring_at)
    if not incident.state.is_open:
        return Told(public, frozenset(), frozenset())
    return Told(public, course.told, course.touched)


class _Teller:
    def __init__(
        self, recorded: Recorded, plan: Plan, touching: Touching, told: frozenset[Component]
    ) -> None:
        self._incident = incident = recorded.incident
        self._plan = plan
        self._components = _in_order(plan, told)
        self._losses: dict[Component, Loss | None] = {
            each: touching.loss(each, plan.state) for each in self._components
        }
        # What was lost of components that it does not touch is told by its number all the same.
        self._beside = touching.beside(told, is_published=incident.publication is Publication.PUBLISHED)
        self._was_lossy = any(map(is_of_alert, incident.affected)) or any(
            loss is not None and loss.bad for loss in self._losses.values()
        )

        self._postmortem = incident.postmortem if is_written_up(incident) else Postmortem()
        # What was learned may be put better after it was told first.
        self._written_at = max(
            (entry.at for entry in public_writings(incident, recorded.entries)), default=0.0
        )

    def incident(self, steps: tuple[Step, ...], monitoring_at: float | None) -> PublicIncident:
        incident, components = self._incident, self._components
        updates = tuple(map(self._update, steps))
        cause, affected, resolution = self._postmortem.public
        grades = [words.GRADES[self._status(each)] for each in components]
        return PublicIncident(
            id=id_of(self._plan, incident.number),
            name=("" if waits(incident) else incident.public_title.strip())
            or words.incident_name(_names(components), is_lossy=self._was_lossy),
            state=public_state(incident.state, is_written_up=is_written_up(incident)),
            grade=max(grades, default=Grade.MINOR, key=list(Grade).index),
            started_at=float(incident.since),
            created_at=updates[0].at,
            updated_at=max(updates[-1].at, self._written_at),
            updates=updates[::-1],
            components=tuple(each.id for each in components if not each.is_retired),
            impacts=tuple(
                ComponentImpact(each.id, each.name, loss.bad, loss.judged, loss.is_whole)
                for each in components
                if (loss := self._losses[each]) is not None
            ),
            ended_at=incident.ended_at,
            monitoring_at=monitoring_at,
            resolved_at=incident.resolved_at,
            cause=cause,
            affected=affected,
            resolution=resolution,
        )

    def _update(self, step: Step) -> PublicUpdate:
        began = [
            self._change(each, _OPERATIONAL, self._status(each)) for each in self._sort(step.began)
        ]
        ended = [
            self._change(each, self._status(each), _OPERATIONAL) for each in self._sort(step.ended)
        ]
        return PublicUpdate(
            id=self._plan.id_of("update", self._incident.number, step.sequence),
            at=step.at,
            state=step.state,
            body=step.public or self._body(step),
            changes=(*began, *ended),
        )

    def _body(self, step: Step) -> str:
        if step.before is None:
            names = _names(self._sort(step.told))
            said = words.first(step.state, names, is_lossy=step.is_lossy, was_lossy=self._was_lossy)
        else:
            said = words.later(
                step.before,
                step.state,
                _names(self._sort(step.began)),
                _names(self._sort(step.ended)),
                is_lossy=step.is_lossy,
            )
        is_news = step.before is None or step.state is IncidentState.RESOLVED
        return said if step.state.is_open or not is_news else f"{said} {self._counts()}".rstrip()

    def _counts(self) -> str:
        impact = self._incident.impact
        parts = [
            words.Part(each.name, loss.bad, loss.judged, loss.is_whole)
            for each in self._components
            if (loss := self._losses[each]) is not None and loss.bad
        ]
        if impact is None or not parts:
            return ""
        return words.lost(parts, impact.first, impact.last + 1, *self._beside)

    def _status(self, component: Component) -> ComponentStatus:
        loss = self._losses[component]
        return _DEGRADED if loss is None else loss.status

    def _sort(self, components: Iterable[Component]) -> list[Component]:
        return _in_order(self._plan, frozenset(components))

    @staticmethod
    def _change(component: Component, old: ComponentStatus, new: ComponentStatus) -> ComponentChange:
        return ComponentChange(component.id, component.name, old, new)


def _in_order(plan: Plan, components: frozenset[Component]) -> list[Component]:
    return [each for each in plan.components.all if each in components]


def _names(components: Iterable[Component]) -> list[str]:
    return [each.name for each in components]
