"""Patterns and scopes: sets of labels with values. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from coalmine_wire.series import Series

PREFERENCE = ("protocol", "variant", "location", "region", "zone", "node", "host")
"""The labels a scope may name, the preferred ones first."""


class Leaf(NamedTuple):
    """The finest group that is counted and kept by the second: a series less its host and node."""

    service: str
    protocol: str
    variant: str
    location: str
    region: str
    zone: str


def leaf_of(series: Series) -> Leaf:
    """The leaf that a series belongs to."""
    return Leaf(
        series.service,
        str(series.protocol),
        series.variant,
        str(series.location),
        series.region,
        series.zone,
    )


Scope = tuple[tuple[str, str], ...]
"""A pattern in a service: pairs of label and value, ordered as `PREFERENCE`; empty is all of it."""


def scope_of(labels: Mapping[str, str]) -> Scope:
    """The pattern with these labels. Raises KeyError for a label that no scope may name."""
    unknown = set(labels) - set(PREFERENCE)
    if unknown:
        raise KeyError(", ".join(sorted(unknown)))
    return tuple((label, labels[label]) for label in PREFERENCE if label in labels)


def contains(wide: Scope, narrow: Scope) -> bool:
    """Whether every series of `narrow` lies in `wide`, as far as their labels alone tell."""
    return set(wide) <= set(narrow)


def describe(scope: Scope) -> str:
    """The scope as people read it: `protocol=udp region=eu-west-1`, or `all of it`."""
    return " ".join(f"{label}={value}" for label, value in scope) or "all of it"
