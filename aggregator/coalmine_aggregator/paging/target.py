"""Whom a route or a step names: a receiver, and a person or a rota where it needs one. Pure."""

from __future__ import annotations

from typing import NamedTuple


class Target(NamedTuple):
    """`to` is the name of a person or of a rota, empty where the receiver alone is told."""

    receiver: str
    to: str = ""


class Addressee(NamedTuple):
    """A target as it turned out when it was told: a receiver, and the person's name or empty."""

    receiver: str
    person: str = ""


class First(NamedTuple):
    """When an addressee was first told: `at` by the clock of then, which says who was on call, and
    `since` by the clock of now, which says how long ago. They differ where the clock was set back."""

    at: float
    since: float
