"""What a service's owners ask for: the acceptable loss and what a page about it must carry. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from coalmine_aggregator.model.alerts import AlertClass
from coalmine_aggregator.model.scopes import Scope

SLO_WINDOW_S = 30 * 86_400
"""Seconds over which an objective is held, unless a service says otherwise."""


class Playbook(NamedTuple):
    """What to do about one kind of trouble: `steps` in short, and a link to the rest (may be empty).

    It is for alerts of these classes (all where none is named) whose scope carries all of `labels`.
    """

    url: str
    steps: tuple[str, ...] = ()
    classes: tuple[AlertClass, ...] = ()
    labels: Scope = ()

    def fits(self, alert_class: AlertClass, scope: Scope) -> bool:
        """Whether it is for such an alert."""
        return (not self.classes or alert_class in self.classes) and set(self.labels) <= set(scope)


NO_PLAYBOOK = Playbook("")


def best_playbook(playbooks: Iterable[Playbook], alert_class: AlertClass, scope: Scope) -> Playbook:
    """The one for most labels, then one for just some classes, then the first; `NO_PLAYBOOK` if none
    fits."""
    fitting = [each for each in playbooks if each.fits(alert_class, scope)]
    return max(fitting, key=lambda each: (len(each.labels), bool(each.classes)), default=NO_PLAYBOOK)


class ServicePolicy(NamedTuple):
    """One service's rules.

    `acceptable_loss` is p0, a fraction in [0, 1): what the detectors take for granted. `objective` is
    the fraction of datapoints to be delivered over `slo_window_s`; one less the acceptable loss unless
    it is given. `owner` and `playbooks` may be empty; they are carried to the page.
    """

    name: str
    acceptable_loss: float
    owner: str = ""
    playbooks: tuple[Playbook, ...] = ()
    objective: float | None = None
    slo_window_s: int = SLO_WINDOW_S

    def playbook_for(self, alert_class: AlertClass, scope: Scope) -> Playbook:
        """What to do about such an alert."""
        return best_playbook(self.playbooks, alert_class, scope)

    @property
    def budget(self) -> float:
        """The fraction of datapoints that may go bad over the window of the objective."""
        return self.acceptable_loss if self.objective is None else 1.0 - self.objective


NO_POLICY = ServicePolicy("", 0.0)
"""Of what nobody says anything about."""


class DetectionPolicy(NamedTuple):
    """What holds for all services together.

    `false_pages_per_year` is how many pages of a healthy fleet are accepted in a year, over all
    services and patterns; every threshold follows from it. A certificate that ends within
    `certificate_days` is told.
    """

    false_pages_per_year: float = 1.0
    certificate_days: float = 14.0
