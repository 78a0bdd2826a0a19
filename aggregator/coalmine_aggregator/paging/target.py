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
