"""Which alerts a route or a silence is about. Pure."""

from __future__ import annotations

from functools import lru_cache
from re import Pattern
from typing import Final, NamedTuple

from coalmine_aggregator.model.alerts import Alert, AlertClass, Severity
from coalmine_aggregator.model.label_filter import glob_pattern, is_glob
from coalmine_aggregator.model.scopes import PREFERENCE

MAX_VALUES: Final = 100
"""Services, or locations, that one match names."""


class Match(NamedTuple):
    """Takes alerts that fit all of it; what is empty fits every alert.

    `services` and `locations` are exact or globs with `*` and `?`, one of which must fit; `labels` are
    pairs of label and value or glob, all of which must. A location or a label fits an alert whose scope
    carries it with such a value, so that the alert lies within what is named: one that reaches further
    never fits. Scopes that are equal to the alert's count as well, as they name the same series.
    """

    services: tuple[str, ...] = ()
    classes: tuple[AlertClass, ...] = ()
    severities: tuple[Severity, ...] = ()
    locations: tuple[str, ...] = ()
    labels: tuple[tuple[str, str], ...] = ()

    def takes(self, alert: Alert) -> bool:
        """Whether the alert fits."""
        if self.classes and alert.alert_class not in self.classes:
            return False
        if self.severities and alert.severity not in self.severities:
            return False
        if not self.takes_service(alert.service):
            return False
        if self.locations and not any(_within(alert, "location", where) for where in self.locations):
            return False
        return all(_within(alert, label, value) for label, value in self.labels)

    def takes_service(self, service: str) -> bool:
        """Whether an alert of this service may fit."""
        return not self.services or any(_fits(each, service) for each in self.services)

    @property
    def is_empty(self) -> bool:
        """Whether it takes every alert there is."""
        return not any(self)

    def check(self) -> None:
        """Raises ValueError that begins with the key which cannot be (`service`, `location`, `labels`):
        a label that no scope names, a glob that is too long or has too many stars, too many values."""
        for field, values in (("service", self.services), ("location", self.locations)):
            if len(values) > MAX_VALUES:
                raise ValueError(f"{field}: more than {MAX_VALUES}")
            for value in values:
                _check_value(field, value)
        if len(dict(self.labels)) != len(self.labels):
            raise ValueError("labels: a label is named twice")
        for label, value in self.labels:
            if label not in PREFERENCE:
                raise ValueError(f"labels: no label {label!r}; there are {', '.join(PREFERENCE)}")
            _check_value(f"labels: {label}", value)


def _within(alert: Alert, label: str, wanted: str) -> bool:
    return any(
        name == label and _fits(wanted, value)
        for scope in (alert.scope, *alert.equivalents)
        for name, value in scope
    )


def _fits(wanted: str, value: str) -> bool:
    if wanted == value:
        return True
    return is_glob(wanted) and _pattern(wanted).match(value) is not None


def _check_value(field: str, value: str) -> None:
    if not value:
        raise ValueError(f"{field}: is empty")
    try:
        glob_pattern(value)
    except ValueError as error:
        raise ValueError(f"{field}: {error}") from None


@lru_cache(4_096)
def _pattern(glob: str) -> Pattern[str]:
    return glob_pattern(glob)
